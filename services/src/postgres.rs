//! A private PostgreSQL on a free port and a temporary folder: restarted, killed, its connections
//! cut, gone when dropped.
//!
//! `initdb` takes a second, so it runs once a machine; each server copies the folder it made.

mod folder;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::port::{FreePort, PortError};
use crate::wait::eventually;
use folder::Account;

/// The superuser of every private server, and its password.
pub const USER: &str = "postgres";
pub const PASSWORD: &str = "not a secret";
/// The same as it stands in a URL.
const PASSWORD_IN_URL: &str = "not%20a%20secret";
/// Longest that a start or an end may take on a machine that does other things as well.
const WITHIN: Duration = Duration::from_secs(60);
/// Tries of a start, and the pause between two.
const STARTS: u32 = 50;
const BETWEEN_STARTS: Duration = Duration::from_millis(100);

/// Why there is no private PostgreSQL, or why it did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    #[error(transparent)]
    Port(#[from] PortError),
    #[error("PostgreSQL's folder or program: {0}")]
    System(#[from] io::Error),
    #[error(
        "there is no /usr/lib/postgresql/*/bin/postgres: install PostgreSQL (`cargo xtask setup`)"
    )]
    Missing,
    #[error("`{command}` failed: {said}")]
    Command { command: String, said: String },
    #[error("PostgreSQL did not {what} within {} s; its log: {log}", WITHIN.as_secs())]
    NotInTime { what: &'static str, log: String },
}

/// A server with its folder and port. Settings stay the same over a restart.
#[derive(Debug)]
pub struct TestPostgres {
    // First, so that it ends before its folder goes.
    child: Option<Child>,
    programs: PathBuf,
    account: Account,
    folder: TempDir,
    port: FreePort,
    settings: Vec<String>,
    databases: AtomicU32,
}

impl TestPostgres {
    /// Starts one and returns once it answers.
    ///
    /// # Errors
    /// [`PostgresError`].
    pub async fn start() -> Result<Self, PostgresError> {
        Self::start_with(&[]).await
    }

    /// The same with settings (`name=value`).
    ///
    /// # Errors
    /// [`PostgresError`].
    pub async fn start_with(settings: &[&str]) -> Result<Self, PostgresError> {
        let programs = folder::programs()?;
        let account = Account::unprivileged();
        let folder = folder::make(&programs, &account).await?;
        let mut server = Self {
            programs,
            account,
            folder,
            port: FreePort::take()?,
            settings: settings.iter().map(|it| (*it).to_owned()).collect(),
            child: None,
            databases: AtomicU32::new(0),
        };
        server.begin().await?;
        Ok(server)
    }

    /// Starts a streaming replica of this server: read only, on a port and a folder of its own. It
    /// follows as long as this server lives.
    ///
    /// # Errors
    /// [`PostgresError`].
    pub async fn replica(&self) -> Result<Self, PostgresError> {
        let folder = folder::empty(&self.account)?;
        let address = self.socket_address();
        let mut copy = self.account.command(&self.programs.join("pg_basebackup"));
        copy.args(["-h", &address.ip().to_string(), "-U", USER])
            .args(["-p", &address.port().to_string()])
            // Settings to follow by; the log that is written meanwhile; at once.
            .args(["-R", "-X", "stream", "-c", "fast", "--no-sync", "-D"])
            .arg(folder.path().join("data"))
            .env("PGPASSWORD", PASSWORD);
        run(copy).await?;
        let mut replica = Self {
            programs: self.programs.clone(),
            account: self.account.clone(),
            folder,
            port: FreePort::take()?,
            settings: self.settings.clone(),
            child: None,
            databases: AtomicU32::new(0),
        };
        replica.begin().await?;
        Ok(replica)
    }

    pub fn socket_address(&self) -> SocketAddr {
        self.port.loopback()
    }

    /// The URL of a database of that name.
    pub fn url(&self, database: &str) -> String {
        let address = self.socket_address();
        format!("postgres://{USER}:{PASSWORD_IN_URL}@{address}/{database}")
    }

    /// Makes a fresh database; its name.
    ///
    /// # Errors
    /// [`PostgresError`].
    pub async fn database(&self) -> Result<String, PostgresError> {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"))
            .await?;
        Ok(name)
    }

    /// Runs SQL by `psql`: the rows, one a line, columns divided by `|`.
    ///
    /// # Errors
    /// [`PostgresError::Command`] with what `psql` said.
    pub async fn sql(&self, database: &str, sql: &str) -> Result<String, PostgresError> {
        let address = self.socket_address();
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-U", USER, "-d", database])
            .args(["-h", &address.ip().to_string()])
            .args(["-p", &address.port().to_string(), "-c", sql])
            .env("PGPASSWORD", PASSWORD);
        run(psql).await
    }

    /// Ends every connection to a database, as an operator would.
    ///
    /// # Errors
    /// [`PostgresError`].
    pub async fn terminate_connections(&self, database: &str) -> Result<(), PostgresError> {
        let sql = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"
        );
        self.sql("postgres", &sql).await.map(drop)
    }

    /// Stops at once (connections are cut) and starts again.
    ///
    /// # Errors
    /// [`PostgresError`].
    pub async fn restart(&mut self) -> Result<(), PostgresError> {
        self.stop().await?;
        self.begin().await
    }

    /// Ends the server, cutting its connections; what was committed stays.
    ///
    /// # Errors
    /// [`PostgresError`].
    pub async fn stop(&mut self) -> Result<(), PostgresError> {
        // SIGINT is PostgreSQL's fast shutdown.
        self.end(Signal::INT).await
    }

    /// kill -9 of the server and all that belongs to it, as a machine that dies.
    ///
    /// # Errors
    /// [`PostgresError`].
    pub async fn kill(&mut self) -> Result<(), PostgresError> {
        self.end(Signal::KILL).await
    }

    /// SIGSTOP of all that belongs to it: connections stay open and nothing answers.
    ///
    /// # Errors
    /// What the system says.
    pub fn freeze(&self) -> Result<(), PostgresError> {
        self.signal(Signal::STOP)
    }

    /// SIGCONT: it goes on where it was.
    ///
    /// # Errors
    /// What the system says.
    pub fn thaw(&self) -> Result<(), PostgresError> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<(), PostgresError> {
        let Some(child) = &self.child else {
            return Err(io::Error::other("PostgreSQL does not run").into());
        };
        // The head first, so that it starts no others.
        for process in identity(child).into_iter().chain(family(child)) {
            match rustix::process::kill_process(process, signal) {
                // Ended meanwhile.
                Ok(()) | Err(rustix::io::Errno::SRCH) => {}
                Err(error) => return Err(io::Error::from(error).into()),
            }
        }
        Ok(())
    }

    /// Starts it after [`Self::stop`] or [`Self::kill`].
    ///
    /// # Errors
    /// [`PostgresError`].
    pub async fn begin(&mut self) -> Result<(), PostgresError> {
        let address = self.socket_address();
        let isready = self.programs.join("pg_isready");
        let ready = || async {
            let mut ask = Command::new(&isready);
            ask.args(["-q", "-h", &address.ip().to_string()])
                .args(["-p", &address.port().to_string()]);
            ask.status().await.is_ok_and(|status| status.success())
        };
        for _ in 0..STARTS {
            let mut child = self.spawn()?;
            let ready = tokio::select! {
                ready = eventually(WITHIN, ready) => ready.is_ok(),
                // What a killed one left may still hold its memory: then the next try works.
                _ = child.wait() => false,
            };
            if ready {
                self.child = Some(child);
                return Ok(());
            }
            tokio::time::sleep(BETWEEN_STARTS).await;
        }
        Err(self.late("start"))
    }

    fn spawn(&self) -> Result<Child, PostgresError> {
        let address = self.socket_address();
        let mut server = self.account.command(&self.programs.join("postgres"));
        server
            .arg("-D")
            .arg(self.data())
            .args(["-c", &format!("listen_addresses={}", address.ip())])
            .args(["-c", &format!("port={}", address.port())])
            // Nothing here outlives the machine, so nothing waits for its disk.
            .args(["-c", "unix_socket_directories=", "-c", "fsync=off"])
            .args(["-c", "full_page_writes=off", "-c", "shared_buffers=64MB"]);
        for setting in &self.settings {
            server.args(["-c", setting]);
        }
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.log())?;
        server
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true);
        Ok(server.spawn()?)
    }

    async fn end(&mut self, signal: Signal) -> Result<(), PostgresError> {
        let Some(mut child) = self.child.take() else {
            return Ok(());
        };
        let family = if signal == Signal::KILL {
            family(&child)
        } else {
            Vec::new()
        };
        // The head first, so that it starts no others.
        for process in identity(&child).into_iter().chain(family) {
            let _ = rustix::process::kill_process(process, signal);
        }
        match tokio::time::timeout(WITHIN, child.wait()).await {
            Ok(ended) => ended.map(drop).map_err(PostgresError::System),
            Err(_) => {
                self.child = Some(child);
                Err(self.late("end"))
            }
        }
    }

    fn late(&self, what: &'static str) -> PostgresError {
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        PostgresError::NotInTime { what, log }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The processes it consists of, its head first; none while it does not run.
    pub fn process_ids(&self) -> Vec<u32> {
        let Some(child) = &self.child else {
            return Vec::new();
        };
        let family = family(child).into_iter();
        let family = family.map(|process| process.as_raw_nonzero().get().cast_unsigned());
        child.id().into_iter().chain(family).collect()
    }

    /// What the server says.
    pub fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}

fn identity(child: &Child) -> Option<Pid> {
    Pid::from_raw(i32::try_from(child.id()?).ok()?)
}

/// The processes that the server has started for its connections and chores.
fn family(child: &Child) -> Vec<Pid> {
    let head = child.id();
    let parent = |pid: &str| -> Option<u32> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // Behind the name in parentheses: the state, then the parent.
        stat.rsplit(')')
            .next()?
            .split_whitespace()
            .nth(1)?
            .parse()
            .ok()
    };
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    processes
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|pid| head.is_some() && parent(pid) == head)
        .filter_map(|pid| Pid::from_raw(pid.parse().ok()?))
        .collect()
}

/// What a command printed.
async fn run(mut command: Command) -> Result<String, PostgresError> {
    let done = command.stdin(Stdio::null()).output().await?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).trim_end().to_owned());
    }
    let program = command.as_std().get_program();
    Err(PostgresError::Command {
        command: program.to_string_lossy().into_owned(),
        said: String::from_utf8_lossy(&done.stderr).trim_end().to_owned(),
    })
}
