//! What a client holds of the server's. Disposable.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use sqlx::migrate::Migrator;

use super::database::{self, Database, Durability};
use super::error::StoreError;

static MIGRATIONS: Migrator = sqlx::migrate!("../migrations/client/content");

/// Rooms, messages, people: everything here can be had again. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Content {
    database: Arc<RwLock<Database>>,
    path: Option<PathBuf>,
}

/// How a content store was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    AsItWas,
    /// It was damaged and made anew; why.
    MadeAnew(String),
}

impl Content {
    /// Opens the file; a damaged one is made anew, one of a newer program is refused.
    pub async fn open(path: &Path) -> Result<(Self, Opened), StoreError> {
        let (database, opened) = match open(Some(path)).await {
            Ok(database) => (database, Opened::AsItWas),
            Err(StoreError::Damaged { reason, .. }) => {
                database::remove(path)?;
                (open(Some(path)).await?, Opened::MadeAnew(reason))
            }
            Err(error) => return Err(error),
        };
        let database = Arc::new(RwLock::new(database));
        Ok((
            Self {
                database,
                path: Some(path.to_owned()),
            },
            opened,
        ))
    }

    /// A store that leaves no trace.
    pub async fn in_memory() -> Result<Self, StoreError> {
        let database = Arc::new(RwLock::new(open(None).await?));
        Ok(Self {
            database,
            path: None,
        })
    }

    /// Makes a store anew that turned out to be damaged while in use.
    pub async fn make_anew(&self) -> Result<(), StoreError> {
        self.database().close().await;
        if let Some(path) = &self.path {
            database::remove(path)?;
        }
        let fresh = open(self.path.as_deref()).await?;
        *self
            .database
            .write()
            .unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    pub async fn close(&self) {
        self.database().close().await;
    }

    pub(super) fn database(&self) -> Database {
        self.database
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

async fn open(path: Option<&Path>) -> Result<Database, StoreError> {
    let database = Database::open(path, Durability::Program, &MIGRATIONS).await?;
    // Damage in the first pages shows here; deeper damage shows when it is read.
    let looked = sqlx::query("SELECT count(*) FROM rooms")
        .fetch_one(database.reader())
        .await;
    match looked {
        Ok(_) => Ok(database),
        Err(error) => {
            let error = database.failed(error);
            database.close().await;
            Err(error)
        }
    }
}
