//! Whole copies: made while the store is in use, put back while it is not.

use std::path::{Path, PathBuf};

use parlor_protocol::Epoch;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use super::error::from_sqlx;
use super::open;
use super::value::Columns;
use crate::store::{Result, StoreError};

/// Writes a consistent copy of the database to a new file.
pub(super) async fn backup(options: SqliteConnectOptions, to: &Path) -> Result<()> {
    if to.exists() {
        return Err(StoreError::Statement(format!(
            "{} exists already: name a new file",
            to.display()
        )));
    }
    let name = utf8(to)?.to_owned();
    let mut connection = options.connect().await.map_err(from_sqlx)?;
    let copied = sqlx::query("VACUUM INTO ?")
        .bind(name)
        .execute(&mut connection)
        .await;
    let _ = connection.close().await;
    copied.map_err(from_sqlx)?;
    sync(to.to_owned()).await
}

/// Puts a backup in the place of a database that nobody has open, under a new epoch. What stood
/// there is kept beside it, with `.replaced` at the end of its name.
pub async fn restore(from: &Path, to: &Path) -> Result<Epoch> {
    let part = beside(to, "part");
    let copy = (from.to_owned(), part.clone());
    blocking(move || std::fs::copy(copy.0, copy.1).map(drop)).await?;
    let epoch = renew(&part).await;
    if epoch.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    let epoch = epoch?;
    sync(part.clone()).await?;
    let (to, kept) = (to.to_owned(), beside(to, "replaced"));
    blocking(move || {
        if to.exists() {
            std::fs::rename(&to, kept)?;
        }
        // The old log belongs to the old file.
        for log in ["wal", "shm"].map(|end| PathBuf::from(format!("{}-{end}", to.display()))) {
            if log.exists() {
                std::fs::remove_file(log)?;
            }
        }
        std::fs::rename(&part, &to)?;
        to.parent()
            .map_or(Ok(()), |folder| std::fs::File::open(folder)?.sync_all())
    })
    .await?;
    Ok(epoch)
}

/// Checks a copied database and gives it a new epoch.
async fn renew(file: &Path) -> Result<Epoch> {
    // No log beside it: the file must be whole by itself.
    let options = SqliteConnectOptions::new()
        .filename(file)
        .journal_mode(SqliteJournalMode::Delete);
    let mut connection = options.connect().await.map_err(from_sqlx)?;
    let done = renew_in(&mut connection).await;
    let _ = connection.close().await;
    done
}

async fn renew_in(connection: &mut SqliteConnection) -> Result<Epoch> {
    open::refuse_newer(connection).await?;
    let row = sqlx::query("PRAGMA quick_check(1)")
        .fetch_one(&mut *connection)
        .await
        .map_err(from_sqlx)?;
    let found = row.text(0)?;
    if found != "ok" {
        return Err(StoreError::Damaged(found));
    }
    let epoch = super::epoch::random_epoch()?;
    let done = sqlx::query("UPDATE meta SET epoch = ?")
        .bind(epoch.0.cast_signed())
        .execute(connection)
        .await
        .map_err(|error| {
            StoreError::Damaged(format!("it is no backup of a Parlor server: {error}"))
        })?;
    if done.rows_affected() != 1 {
        return Err(StoreError::Damaged(
            "it is no backup of a Parlor server".to_owned(),
        ));
    }
    Ok(epoch)
}

fn beside(path: &Path, end: &str) -> PathBuf {
    PathBuf::from(format!("{}.{end}", path.display()))
}

fn utf8(path: &Path) -> Result<&str> {
    path.to_str()
        .ok_or_else(|| StoreError::Statement(format!("{} is not UTF-8", path.display())))
}

async fn sync(path: PathBuf) -> Result<()> {
    blocking(move || std::fs::File::open(path)?.sync_all()).await
}

async fn blocking(work: impl FnOnce() -> std::io::Result<()> + Send + 'static) -> Result<()> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::StorageFull => Err(StoreError::Full),
        Ok(Err(error)) => Err(StoreError::Away(error.to_string())),
        Err(error) => Err(StoreError::Away(error.to_string())),
    }
}
