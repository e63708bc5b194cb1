//! Opening: settings of the connections, the schema brought forward, the epoch.

use std::path::Path;
use std::time::Duration;

use parlor_protocol::Epoch;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection, SqlitePool};

use super::READ_WITHIN;
use super::epoch::random_epoch;
use super::error::{from_migration, from_sqlx};
use super::value::{Columns, int};
use crate::store::shared::schema::{self, Applied, Step};
use crate::store::{Result, StoreError};

static MIGRATIONS: Migrator = sqlx::migrate!("../migrations/server/sqlite");

/// How long a connection waits for another one's lock. Only checkpoints ever stand in the way.
const BUSY: Duration = Duration::from_secs(5);
/// Connections that read. Two cores: more would only wait for each other.
const READERS: u32 = 3;
/// Page caches, KiB: the writer's holds the right edges of its trees; a reader's the upper levels.
/// What lies below is in the system's cache. No memory mapping: each connection's would count anew.
const WRITER_CACHE_KIB: i64 = 8 * 1024;
const READER_CACHE_KIB: i64 = 2 * 1024;
/// Statements that stay compiled on each connection: more than there are.
const STATEMENTS: usize = 128;

/// What every connection shares.
fn common(path: &Path, cache_kib: i64) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY)
        .foreign_keys(true)
        .statement_cache_capacity(STATEMENTS)
        .pragma("cache_size", (-cache_kib).to_string())
        .pragma("temp_store", "MEMORY")
        .pragma("trusted_schema", "OFF")
        .disable_statement_logging()
}

/// A connection that writes: full sync, and carrying the log over is left to the checkpointer.
pub(super) fn writer(path: &Path) -> SqliteConnectOptions {
    common(path, WRITER_CACHE_KIB)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("wal_autocheckpoint", "0")
        .thread_name(|_| "sqlite-write".to_owned())
}

pub(super) fn checkpointer(path: &Path) -> SqliteConnectOptions {
    common(path, 64)
        .synchronous(SqliteSynchronous::Full)
        .thread_name(|_| "sqlite-carry".to_owned())
}

pub(super) fn reader(path: &Path) -> SqliteConnectOptions {
    common(path, READER_CACHE_KIB)
        .read_only(true)
        .thread_name(|id| format!("sqlite-read-{id}"))
}

pub(super) fn readers(path: &Path) -> SqlitePool {
    SqlitePoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(READ_WITHIN)
        // A connection is a thread of this process: there is nobody who could have hung up.
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(reader(path))
}

/// Makes or brings forward the schema; the epoch of what is there.
pub(in crate::store) async fn prepare(path: &Path, now_ms: u64) -> Result<Epoch> {
    let mut connection = writer(path).connect().await.map_err(from_sqlx)?;
    let epoch = prepare_in(&mut connection, now_ms).await;
    connection.close().await.map_err(from_sqlx)?;
    epoch
}

async fn prepare_in(connection: &mut SqliteConnection, now_ms: u64) -> Result<Epoch> {
    refuse_newer(connection).await?;
    MIGRATIONS
        .run_direct(None, connection, false)
        .await
        .map_err(from_migration)?;
    let mut installation = [0; 16];
    getrandom::fill(&mut installation).map_err(|error| StoreError::Away(error.to_string()))?;
    sqlx::query(
        "INSERT INTO meta (one, epoch, installation, made_at, checked_at) VALUES (1, ?1, ?2, ?3, ?3)
         ON CONFLICT (one) DO NOTHING",
    )
    .bind(random_epoch()?.0.cast_signed())
    .bind(installation.to_vec())
    .bind(int(now_ms))
    .execute(&mut *connection)
    .await
    .map_err(from_sqlx)?;
    let row = sqlx::query("SELECT epoch FROM meta")
        .fetch_one(connection)
        .await
        .map_err(from_sqlx)?;
    Ok(Epoch(row.signed(0)?.cast_unsigned()))
}

/// The steps of the schema and which of them the file has; it is left as it is.
pub(in crate::store) async fn steps(path: &Path) -> Result<Vec<Step>> {
    if !path.exists() {
        return schema::held(&MIGRATIONS, &[]);
    }
    let mut connection = reader(path).connect().await.map_err(from_sqlx)?;
    let steps = steps_in(&mut connection).await;
    connection.close().await.map_err(from_sqlx)?;
    steps
}

pub(super) async fn steps_in(connection: &mut SqliteConnection) -> Result<Vec<Step>> {
    if !is_begun(connection).await? {
        return schema::held(&MIGRATIONS, &[]);
    }
    let rows = sqlx::query(schema::APPLIED)
        .fetch_all(connection)
        .await
        .map_err(from_sqlx)?;
    let applied: Vec<_> = rows.iter().map(Applied::read).collect::<Result<_>>()?;
    schema::held(&MIGRATIONS, &applied)
}

async fn is_begun(connection: &mut SqliteConnection) -> Result<bool> {
    let begun = sqlx::query("SELECT 1 FROM sqlite_schema WHERE name = '_sqlx_migrations'")
        .fetch_optional(connection)
        .await
        .map_err(from_sqlx)?;
    Ok(begun.is_some())
}

/// Refuses a database that a newer program has brought further than this one knows.
pub(super) async fn refuse_newer(connection: &mut SqliteConnection) -> Result<()> {
    if !is_begun(connection).await? {
        return Ok(());
    }
    let row = sqlx::query("SELECT max(version) FROM _sqlx_migrations")
        .fetch_one(connection)
        .await
        .map_err(from_sqlx)?;
    schema::refuse_newer(&MIGRATIONS, int(row.optional_number(0)?.unwrap_or(0)))
}
