//! One SQLite file, shared by processes.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Sqlite, Transaction};

use super::error::StoreError;

/// How long a statement waits for another process's transaction; theirs take milliseconds.
const BUSY_WITHIN: Duration = Duration::from_secs(5);
/// How long a call waits for a connection of its own process.
const ACQUIRE_WITHIN: Duration = Duration::from_secs(10);
/// How often the lock beside a file is looked at: a migration takes some 10 ms.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Connections that read: the screen, a script and a fetch at one time.
const READERS: u32 = 3;

/// How durable a commit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durability {
    /// Survives a crash of the program; a power cut may cost the last moments, which the server
    /// still has.
    Program,
    /// Survives a power cut.
    Power,
}

/// A database's connections: one that writes, some that read. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Database {
    writer: SqlitePool,
    reader: SqlitePool,
    path: PathBuf,
}

impl Database {
    /// Opens the file, or a database in memory for `None`, and brings its schema up to date.
    pub(super) async fn open(
        path: Option<&Path>,
        durability: Durability,
        migrations: &Migrator,
    ) -> Result<Self, StoreError> {
        let shown = path.unwrap_or(Path::new(":memory:")).to_owned();
        let failed = |error| StoreError::from_sqlx(error, &shown);
        let synchronous = match durability {
            Durability::Program => SqliteSynchronous::Normal,
            Durability::Power => SqliteSynchronous::Full,
        };
        let options = match path {
            Some(path) => SqliteConnectOptions::new()
                .filename(path)
                .create_if_missing(true),
            None => SqliteConnectOptions::new().in_memory(true),
        }
        .synchronous(synchronous)
        .busy_timeout(BUSY_WITHIN);
        // One process at a time: two that migrate together would both make the tables.
        let _migrating = match path {
            Some(path) => Some(lock_beside(path).await?),
            None => None,
        };
        // The mode stands in the file: readers need not set it, which another process's last
        // connection could refuse them in the moment it closes.
        let writing = options.clone().journal_mode(match path {
            Some(_) => SqliteJournalMode::Wal,
            None => SqliteJournalMode::Memory,
        });
        let writer = pool(1).connect_with(writing).await.map_err(failed)?;
        restrict(path)?;
        migrations
            .run(&writer)
            .await
            .map_err(|error| StoreError::from_migration(error, &shown))?;
        let reader = match path {
            Some(_) => pool(READERS).connect_lazy_with(options),
            // Each connection to memory is a database of its own.
            None => writer.clone(),
        };
        Ok(Self {
            writer,
            reader,
            path: shown,
        })
    }

    pub(super) fn reader(&self) -> &SqlitePool {
        &self.reader
    }

    pub(super) fn writer(&self) -> &SqlitePool {
        &self.writer
    }

    /// A write transaction; it holds the file's write lock from its start, so that what it reads
    /// stays true until it commits.
    pub(super) async fn write(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        self.writer
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(|error| self.failed(error))
    }

    pub(super) fn failed(&self, error: sqlx::Error) -> StoreError {
        StoreError::from_sqlx(error, &self.path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }
}

fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .min_connections(0)
        .acquire_timeout(ACQUIRE_WITHIN)
        // A database in memory ends with its connection.
        .idle_timeout(None)
        .max_lifetime(None)
}

/// Held until dropped; other processes wait, at most [`ACQUIRE_WITHIN`].
async fn lock_beside(path: &Path) -> Result<File, StoreError> {
    let lock = path.with_extension("lock");
    let unreachable = |error: std::io::Error| StoreError::Unreachable {
        path: lock.clone(),
        reason: error.to_string(),
    };
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&lock)
        .map_err(unreachable)?;
    let deadline = tokio::time::Instant::now() + ACQUIRE_WITHIN;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if tokio::time::Instant::now() < deadline => {
                tokio::time::sleep(LOOK_EVERY).await;
            }
            Err(TryLockError::WouldBlock) => return Err(StoreError::Busy),
            Err(TryLockError::Error(error)) => return Err(unreachable(error)),
        }
    }
}

/// Messages are their reader's alone.
#[cfg(unix)]
fn restrict(path: Option<&Path>) -> Result<(), StoreError> {
    use std::os::unix::fs::PermissionsExt;
    let Some(path) = path else { return Ok(()) };
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(|error| {
        StoreError::Unreachable {
            path: path.to_owned(),
            reason: error.to_string(),
        }
    })
}

#[cfg(not(unix))]
fn restrict(_: Option<&Path>) -> Result<(), StoreError> {
    Ok(())
}

/// Removes a database and what SQLite keeps beside it.
pub(super) fn remove(path: &Path) -> Result<(), StoreError> {
    for end in ["", "-wal", "-shm"] {
        let mut file = path.as_os_str().to_owned();
        file.push(end);
        match fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(StoreError::Unreachable {
                    path: file.into(),
                    reason: error.to_string(),
                });
            }
            _ => {}
        }
    }
    Ok(())
}
