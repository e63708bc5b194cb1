//! How far a database's schema is, and whether this program can use it.

use parlor_protocol::Epoch;
use sqlx::migrate::{MigrateError, Migrator};

use super::columns::Columns;
use crate::store::{Result, StoreError};

/// One step of a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub version: i64,
    /// What its file is called, without the number.
    pub name: String,
    pub applied: bool,
}

/// A step as a database has it in its list.
#[derive(Clone, Debug)]
pub(in crate::store) struct Applied {
    pub(in crate::store) version: i64,
    pub(in crate::store) checksum: Vec<u8>,
    pub(in crate::store) ended: bool,
}

/// Reads [`Applied`].
pub(in crate::store) const APPLIED: &str =
    "SELECT version, checksum, success FROM _sqlx_migrations ORDER BY version";

impl Applied {
    pub(in crate::store) fn read(row: &impl Columns) -> Result<Self> {
        Ok(Self {
            version: row.signed(0)?,
            checksum: row.blob(1)?,
            ended: row.truth(2)?,
        })
    }
}

/// Which epoch of which installation a database holds.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Life {
    pub(in crate::store) epoch: Epoch,
    pub(in crate::store) installation: [u8; 16],
    pub(in crate::store) made_at_ms: u64,
}

impl Life {
    /// Epoch, installation, when it was made.
    pub(in crate::store) fn read(row: &impl Columns) -> Result<Self> {
        Ok(Self {
            epoch: Epoch(row.signed(0)?.cast_unsigned()),
            installation: row.fixed(1)?,
            made_at_ms: row.number(2)?,
        })
    }
}

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

/// All steps that the program knows, held against those that a database has.
pub(in crate::store) fn held(steps: &Migrator, applied: &[Applied]) -> Result<Vec<Step>> {
    let newest = applied.iter().map(|step| step.version).max();
    refuse_newer(steps, newest.unwrap_or(0))?;
    for step in applied {
        let version = step.version;
        let same = |known: &&sqlx::migrate::Migration| known.version == version;
        let known = steps.iter().find(same);
        if !step.ended {
            return Err(from_migration(MigrateError::Dirty(version), other));
        }
        if known.is_none_or(|known| *known.checksum != *step.checksum) {
            return Err(from_migration(
                MigrateError::VersionMismatch(version),
                other,
            ));
        }
    }
    let step = |known: &sqlx::migrate::Migration| Step {
        version: known.version,
        name: known.description.to_string(),
        applied: applied.iter().any(|step| step.version == known.version),
    };
    Ok(steps.iter().map(step).collect())
}

fn other(error: sqlx::Error) -> StoreError {
    StoreError::Statement(error.to_string())
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
