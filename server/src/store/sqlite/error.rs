//! What SQLite's result codes mean to whoever uses the store.

use sqlx::migrate::MigrateError;

use crate::store::StoreError;
use crate::store::shared::schema;

/// Primary result codes (<https://sqlite.org/rescode.html>).
const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const READONLY: i32 = 8;
const IOERR: i32 = 10;
const CORRUPT: i32 = 11;
const FULL: i32 = 13;
const CANTOPEN: i32 = 14;
const CONSTRAINT: i32 = 19;
const NOTADB: i32 = 26;

/// The primary code of a database error: the low byte of the extended one.
fn code(error: &sqlx::Error) -> Option<i32> {
    let code: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}

/// A constraint of the schema held: the statement took no effect.
pub(super) fn is_constraint(error: &sqlx::Error) -> bool {
    code(error) == Some(CONSTRAINT)
}

pub(super) fn from_sqlx(error: sqlx::Error) -> StoreError {
    let text = error.to_string();
    match code(&error) {
        Some(FULL) => StoreError::Full,
        Some(CORRUPT | NOTADB) => StoreError::Damaged(text),
        Some(BUSY | LOCKED | READONLY | IOERR | CANTOPEN) => StoreError::Away(text),
        Some(_) => StoreError::Statement(text),
        None => match error {
            sqlx::Error::PoolTimedOut => {
                StoreError::TimedOut(super::READ_WITHIN.as_millis() as u64)
            }
            sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed | sqlx::Error::Io(_) => {
                StoreError::Away(text)
            }
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => StoreError::Damaged(text),
            _ => StoreError::Statement(text),
        },
    }
}

pub(super) fn from_migration(error: MigrateError) -> StoreError {
    schema::from_migration(error, from_sqlx)
}
