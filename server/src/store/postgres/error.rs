//! What PostgreSQL's error codes mean to whoever uses the store.

use sqlx::migrate::MigrateError;

use crate::store::StoreError;
use crate::store::shared::schema;

/// Whole codes (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
const DISK_FULL: &str = "53100";
const QUERY_CANCELED: &str = "57014";
const SERIALIZATION_FAILURE: &str = "40001";
const DEADLOCK_DETECTED: &str = "40P01";
const READ_ONLY_TRANSACTION: &str = "25006";
/// The database gave up a transaction that stood still: it took no effect.
const STOOD_STILL: &str = "25P03";
/// Classes: the first two characters.
const CONNECTION: &str = "08";
const CONSTRAINT: &str = "23";
const AUTHORIZATION: &str = "28";
const INVALID_CATALOG: &str = "3D";
const RESOURCES: &str = "53";
const OPERATOR: &str = "57";
const SYSTEM: &str = "58";
const CORRUPTED: &str = "XX";

fn code(error: &sqlx::Error) -> Option<String> {
    Some(error.as_database_error()?.code()?.into_owned())
}

/// A constraint of the schema held: the transaction took no effect.
pub(super) fn is_constraint(error: &sqlx::Error) -> bool {
    code(error).is_some_and(|code| code.starts_with(CONSTRAINT))
}

/// The same again may succeed at once: two transactions stood in each other's way, or the
/// connection is gone.
pub(super) fn is_passing(error: &sqlx::Error) -> bool {
    match code(error).as_deref() {
        Some(SERIALIZATION_FAILURE | DEADLOCK_DETECTED | STOOD_STILL) => true,
        Some(QUERY_CANCELED) => false,
        Some(code) => code.starts_with(OPERATOR) || code.starts_with(CONNECTION),
        None => matches!(error, sqlx::Error::Io(_)),
    }
}

pub(super) fn from_sqlx(error: sqlx::Error) -> StoreError {
    let text = error.to_string();
    let Some(code) = code(&error) else {
        return match error {
            sqlx::Error::PoolTimedOut => {
                StoreError::Away("no connection to it was to be had in time".to_owned())
            }
            sqlx::Error::PoolClosed => StoreError::Away("it is closed".to_owned()),
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => {
                StoreError::Away(text)
            }
            sqlx::Error::WorkerCrashed | sqlx::Error::Configuration(_) => StoreError::Away(text),
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => StoreError::Damaged(text),
            _ => StoreError::Statement(text),
        };
    };
    match code.as_str() {
        DISK_FULL => StoreError::Full,
        QUERY_CANCELED => {
            StoreError::TimedOut(super::settings::STATEMENT_WITHIN.as_millis() as u64)
        }
        SERIALIZATION_FAILURE | DEADLOCK_DETECTED | STOOD_STILL | READ_ONLY_TRANSACTION => {
            StoreError::Away(text)
        }
        code => match code.get(..2).unwrap_or_default() {
            CONNECTION | AUTHORIZATION | INVALID_CATALOG | RESOURCES | OPERATOR | SYSTEM => {
                StoreError::Away(text)
            }
            CORRUPTED => StoreError::Damaged(text),
            _ => StoreError::Statement(text),
        },
    }
}

pub(super) fn from_migration(error: MigrateError) -> StoreError {
    schema::from_migration(error, from_sqlx)
}
