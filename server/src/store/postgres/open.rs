//! Opening: settings of the connections, the schema brought forward, the epoch.

use std::str::FromStr;
use std::time::Duration;

use parlor_protocol::Epoch;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool};

use super::error::{from_migration, from_sqlx};
use super::settings::PostgresSettings;
use super::value::{Columns, int};
use crate::store::shared::epoch::random_epoch;
use crate::store::shared::schema::{self, Applied, Step};
use crate::store::{Result, StoreError};

pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("../migrations/server/postgres");

/// Longest that opening waits for the database, other nodes' migrations included.
const OPEN_WITHIN: Duration = Duration::from_secs(30);
/// Statements that stay prepared on each connection: more than there are.
const STATEMENTS: usize = 128;
/// A connection used this lately is taken without asking whether it still lives.
const FRESH: Duration = Duration::from_secs(1);

/// What every connection shares. The error names no part of the URL: it may hold a password.
pub(super) fn options(settings: &PostgresSettings) -> Result<PgConnectOptions> {
    let parsed = PgConnectOptions::from_str(&settings.url).map_err(|error| {
        StoreError::Away(format!(
            "its URL cannot be read ({error}); write postgres://user:password@host:5432/database"
        ))
    })?;
    let ms = |duration: Duration| duration.as_millis().to_string();
    Ok(parsed
        .application_name("parlor-server")
        .statement_cache_capacity(STATEMENTS)
        .options([
            ("statement_timeout", ms(settings.statement_within)),
            (
                "idle_in_transaction_session_timeout",
                ms(settings.standing_within),
            ),
        ])
        .disable_statement_logging())
}

/// A pool that opens its connections when they are needed.
pub(super) fn pool(
    settings: &PostgresSettings,
    options: &PgConnectOptions,
    connections: u32,
) -> PgPool {
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(settings.acquire_within)
        .idle_timeout(settings.idle)
        // Asking costs a round trip: only what has lain for a while is asked.
        .test_before_acquire(false)
        .before_acquire(|connection, about| {
            Box::pin(async move {
                if about.idle_for > FRESH {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_lazy_with(options.clone())
}

/// Makes or brings forward the schema; the epoch of what is there.
pub(super) async fn prepare(options: &PgConnectOptions, now_ms: u64) -> Result<Epoch> {
    let open = async {
        let mut connection = options.connect().await.map_err(from_sqlx)?;
        let epoch = prepare_in(&mut connection, now_ms).await;
        let _ = connection.close().await;
        epoch
    };
    in_time(open).await
}

/// The same, without a store after it.
pub(in crate::store) async fn bring_forward(
    settings: &PostgresSettings,
    now_ms: u64,
) -> Result<Epoch> {
    prepare(&options(settings)?, now_ms).await
}

/// The steps of the schema and which of them the database has; it is left as it is.
pub(in crate::store) async fn steps(settings: &PostgresSettings) -> Result<Vec<Step>> {
    let options = options(settings)?;
    let look = async {
        let mut connection = options.connect().await.map_err(from_sqlx)?;
        let steps = steps_in(&mut connection).await;
        let _ = connection.close().await;
        steps
    };
    in_time(look).await
}

async fn steps_in(connection: &mut PgConnection) -> Result<Vec<Step>> {
    if !is_there(connection, "_sqlx_migrations").await? {
        return schema::held(&MIGRATIONS, &[]);
    }
    let rows = sqlx::query(schema::APPLIED)
        .fetch_all(connection)
        .await
        .map_err(from_sqlx)?;
    let applied: Vec<_> = rows.iter().map(Applied::read).collect::<Result<_>>()?;
    schema::held(&MIGRATIONS, &applied)
}

pub(super) async fn in_time<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(OPEN_WITHIN, work)
        .await
        .unwrap_or(Err(StoreError::TimedOut(OPEN_WITHIN.as_millis() as u64)))
}

async fn is_there(connection: &mut PgConnection, table: &str) -> Result<bool> {
    let row = sqlx::query("SELECT to_regclass($1) IS NOT NULL")
        .bind(table)
        .fetch_one(connection)
        .await
        .map_err(from_sqlx)?;
    row.truth(0)
}

/// Whether a move into the database was begun and is not ended.
pub(super) async fn is_moved_into(connection: &mut PgConnection) -> Result<bool> {
    is_there(connection, "moving").await
}

async fn prepare_in(connection: &mut PgConnection, now_ms: u64) -> Result<Epoch> {
    refuse_newer(connection).await?;
    if is_moved_into(connection).await? {
        return Err(StoreError::Damaged(
            "a move into it was begun and is not ended; run the same move again".to_owned(),
        ));
    }
    // Under the migrator's own lock, so that of nodes that start together one does it.
    MIGRATIONS
        .run_direct(None, connection, false)
        .await
        .map_err(from_migration)?;
    let (cluster, timeline) = life(connection).await?;
    let mut installation = [0; 16];
    getrandom::fill(&mut installation).map_err(|error| StoreError::Away(error.to_string()))?;
    // A promoted replica or a restored backup may lack what clients have seen: a new epoch tells
    // them to load anew. Of nodes that notice together the first one makes it.
    sqlx::query(
        "INSERT INTO meta (one, epoch, installation, made_at, checked_at, cluster, timeline)
         VALUES (1, $1, $2, $3, $3, $4, $5)
         ON CONFLICT (one) DO UPDATE SET epoch = excluded.epoch, cluster = excluded.cluster,
            timeline = excluded.timeline
         WHERE (meta.cluster, meta.timeline) <> (excluded.cluster, excluded.timeline)",
    )
    .bind(random_epoch()?.0.cast_signed())
    .bind(installation)
    .bind(int(now_ms))
    .bind(cluster)
    .bind(timeline)
    .execute(&mut *connection)
    .await
    .map_err(from_sqlx)?;
    let row = sqlx::query("SELECT epoch FROM meta")
        .fetch_one(connection)
        .await
        .map_err(from_sqlx)?;
    Ok(Epoch(row.signed(0)?.cast_unsigned()))
}

/// The server's system identifier, and its timeline now: the name of the log file that it writes
/// begins with it, while the last checkpoint may still be of the one before.
pub(super) async fn life(connection: &mut PgConnection) -> Result<(i64, i64)> {
    let row = sqlx::query(
        "SELECT system_identifier,
            ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint
         FROM pg_control_system()",
    )
    .fetch_one(connection)
    .await
    .map_err(from_sqlx)?;
    Ok((row.signed(0)?, row.signed(1)?))
}

/// Refuses a database that a newer program has brought further than this one knows.
pub(super) async fn refuse_newer(connection: &mut PgConnection) -> Result<()> {
    if !is_there(connection, "_sqlx_migrations").await? {
        return Ok(());
    }
    let row = sqlx::query("SELECT coalesce(max(version), 0) FROM _sqlx_migrations")
        .fetch_one(connection)
        .await
        .map_err(from_sqlx)?;
    schema::refuse_newer(&MIGRATIONS, row.signed(0)?)
}
