//! The steps by which a database's schema has come to be, and those that it still lacks.

use std::path::{Path, PathBuf};

pub use super::shared::schema::Step;

use super::Result;
use super::postgres::{self, PostgresSettings};
use super::shared::clock::system_now_ms;
use super::sqlite;

/// Where an installation's data are.
#[derive(Clone, Debug)]
pub enum Database {
    /// A file, which need not be there yet.
    Sqlite(PathBuf),
    Postgres(PostgresSettings),
}

impl Database {
    pub fn sqlite(path: &Path) -> Self {
        Self::Sqlite(path.to_owned())
    }

    /// All steps that this program knows, and which of them are done. Changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Newer`](super::StoreError::Newer) for a database that a newer program has
    /// brought further; `Damaged` where its steps are not those that this program knows.
    pub async fn steps(&self) -> Result<Vec<Step>> {
        match self {
            Self::Sqlite(path) => sqlite::steps(path).await,
            Self::Postgres(settings) => postgres::steps(settings).await,
        }
    }

    /// Does the steps that are lacking. Of several that begin at once on PostgreSQL one does them
    /// and the others wait; a file must be this process's alone.
    ///
    /// # Errors
    /// As [`Self::steps`], and where a step fails: then that step took no effect.
    pub async fn up(&self) -> Result<Vec<Step>> {
        let now_ms = system_now_ms();
        match self {
            Self::Sqlite(path) => sqlite::bring_forward(path, now_ms).await?,
            Self::Postgres(settings) => postgres::bring_forward(settings, now_ms).await?,
        };
        self.steps().await
    }
}
