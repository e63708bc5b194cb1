//! How far a database's schema is, and whether this program can use it.

use sqlx::migrate::{MigrateError, Migrator};

use crate::store::{Result, StoreError};

/// The newest step that the program knows.
pub(in crate::store) fn known(steps: &Migrator) -> i64 {
    steps.iter().map(|step| step.version).max().unwrap_or(0)
}

/// Refuses a database that a newer program has brought further than this one knows.
pub(in crate::store) fn refuse_newer(steps: &Migrator, found: i64) -> Result<()> {
    let known = known(steps);
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    Ok(())
}

/// What stopped the steps; `from_sqlx` tells a database's own errors apart.
pub(in crate::store) fn from_migration(
    error: MigrateError,
    from_sqlx: fn(sqlx::Error) -> StoreError,
) -> StoreError {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => from_sqlx(error),
        MigrateError::VersionMismatch(version) => StoreError::Damaged(format!(
            "step {version} of its schema is not the one this program knows"
        )),
        MigrateError::Dirty(version) => StoreError::Damaged(format!(
            "step {version} of its schema was begun and never ended"
        )),
        other => StoreError::Statement(other.to_string()),
    }
}
