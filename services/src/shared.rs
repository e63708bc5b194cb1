//! What the nodes of a cluster share: a private PostgreSQL, a private Redis, and the file by which a
//! node joins both.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::timeout;

use crate::postgres::{PostgresError, TestPostgres};
use crate::redis::{Redis, RedisError};

/// Longest that making the file may take on a machine that does other things as well.
const INIT_WITHIN: Duration = Duration::from_secs(60);

/// Both servers, running, with a fresh database. They end with this.
#[derive(Debug)]
pub struct Shared {
    pub postgres: TestPostgres,
    pub redis: Redis,
    database: String,
    folder: TempDir,
}

/// There is nothing to share, or no file that says where it is.
#[derive(Debug, thiserror::Error)]
pub enum SharedError {
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    #[error(transparent)]
    Redis(#[from] RedisError),
    #[error("a folder for the cluster's file: {0}")]
    Folder(#[from] io::Error),
    #[error("cannot run {}: {error}", program.display())]
    Program { program: PathBuf, error: io::Error },
    #[error("`init` gave no answer within {} s", INIT_WITHIN.as_secs())]
    Silent,
    #[error("`init` failed: {said}")]
    Init { said: String },
}

impl Shared {
    /// Starts both, PostgreSQL with settings (`name=value`).
    ///
    /// # Errors
    /// [`SharedError`].
    pub async fn start(settings: &[&str]) -> Result<Self, SharedError> {
        let postgres = TestPostgres::start_with(settings).await?;
        let database = postgres.database().await?;
        Ok(Self {
            postgres,
            redis: Redis::running().await?,
            database,
            folder: tempfile::Builder::new()
                .prefix("parlor-cluster-")
                .tempdir()?,
        })
    }

    /// The name of the database.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// Where the cluster's file lies, once [`Self::init`] has made it.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("cluster.toml")
    }

    /// Has the server's program make the cluster's file. URLs hold passwords, so they go by files
    /// that only their owner reads.
    ///
    /// # Errors
    /// [`SharedError::Init`] with what the program said.
    pub async fn init(&self, program: &Path) -> Result<PathBuf, SharedError> {
        let database = self.secret("database-url", &self.postgres.url(&self.database))?;
        let redis = self.secret("redis-url", &self.redis.url())?;
        let mut command = Command::new(program);
        command
            .arg("init")
            .arg("--database-url-file")
            .arg(database)
            .arg("--redis-url-file")
            .arg(redis)
            .arg("--out")
            .arg(self.file())
            // Settings of whoever runs this are not the cluster's.
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("XDG_CONFIG_HOME", self.folder.path())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let done = timeout(INIT_WITHIN, command.output()).await;
        let done = done.map_err(|_| SharedError::Silent)?;
        let done = done.map_err(|error| SharedError::Program {
            program: program.to_owned(),
            error,
        })?;
        if done.status.success() {
            return Ok(self.file());
        }
        let said = String::from_utf8_lossy(&done.stderr).trim().to_owned();
        Err(SharedError::Init { said })
    }

    fn secret(&self, name: &str, text: &str) -> io::Result<PathBuf> {
        let path = self.folder.path().join(name);
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)?;
        file.write_all(text.as_bytes())?;
        Ok(path)
    }

    /// Ends PostgreSQL in order, so that its folder can go; what does not end by itself is killed.
    pub async fn end(mut self) {
        let _ = self.postgres.stop().await;
    }
}
