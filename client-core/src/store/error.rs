use std::path::{Path, PathBuf};

use sqlx::migrate::MigrateError;

/// Why the store did not do it. Nothing of the call took effect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    #[error("the disk is full: nothing new can be kept; free some space, what is unsent is safe")]
    Full,
    #[error(
        "{path:?} is damaged ({reason}): move it away to start a new one; what it holds unsent is in it"
    )]
    Damaged { path: PathBuf, reason: String },
    #[error("{path:?} was written by a newer program (schema {found}): update this program")]
    Newer { path: PathBuf, found: i64 },
    #[error("{path:?} cannot be used ({reason}): check its owner, its permissions and the disk")]
    Unreachable { path: PathBuf, reason: String },
    #[error("other programs kept the store busy for too long; try again")]
    Busy,
    #[error("the outbox holds {0} messages, as many as are kept: let some go first")]
    OutboxFull(usize),
    #[error("the store refused: {0}")]
    Statement(String),
    #[error("the store was closed")]
    Closed,
}

/// Primary result codes (<https://sqlite.org/rescode.html>).
const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const READONLY: i32 = 8;
const IOERR: i32 = 10;
const CORRUPT: i32 = 11;
const FULL: i32 = 13;
const CANTOPEN: i32 = 14;
const NOTADB: i32 = 26;

impl StoreError {
    /// Stable name, for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Full => "storage_full",
            Self::Damaged { .. } => "store_damaged",
            Self::Newer { .. } => "store_newer",
            Self::Unreachable { .. } => "store_unreachable",
            Self::Busy => "store_busy",
            Self::OutboxFull(_) => "outbox_full",
            Self::Statement(_) => "store_failed",
            Self::Closed => "closed",
        }
    }

    /// What an error of the database in `path` means.
    pub(super) fn from_sqlx(error: sqlx::Error, path: &Path) -> Self {
        let reason = error.to_string();
        let path = path.to_owned();
        match code(&error) {
            Some(FULL) => Self::Full,
            Some(CORRUPT | NOTADB) => Self::Damaged { path, reason },
            Some(BUSY | LOCKED) => Self::Busy,
            Some(READONLY | IOERR | CANTOPEN) => Self::Unreachable { path, reason },
            Some(_) => Self::Statement(reason),
            None => match error {
                sqlx::Error::PoolTimedOut => Self::Busy,
                sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => Self::Closed,
                sqlx::Error::Io(_) => Self::Unreachable { path, reason },
                sqlx::Error::ColumnDecode { .. }
                | sqlx::Error::ColumnNotFound(_)
                | sqlx::Error::Decode(_) => Self::Damaged { path, reason },
                _ => Self::Statement(reason),
            },
        }
    }

    pub(super) fn from_migration(error: MigrateError, path: &Path) -> Self {
        let path = path.to_owned();
        match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
                Self::from_sqlx(error, &path)
            }
            MigrateError::VersionMissing(found) => Self::Newer { path, found },
            other => Self::Damaged {
                path,
                reason: other.to_string(),
            },
        }
    }
}

/// The primary code of a database error: the low byte of the extended one.
fn code(error: &sqlx::Error) -> Option<i32> {
    let code: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}
