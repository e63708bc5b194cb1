//! What an operator should know of the PostgreSQL before people rely on it.

use sqlx::{ConnectOptions, Connection, PgConnection};

use super::error::from_sqlx;
use super::open::{in_time, options};
use super::settings::PostgresSettings;
use super::value::Columns;
use crate::store::Result;

/// A PostgreSQL, as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresExamined {
    /// As a number, 150004 for 15.4, and as it is called.
    pub version: u32,
    pub version_text: String,
    /// It follows another one, and takes no writes.
    pub is_replica: bool,
    /// Connections that it takes, of all programs, without those kept for its administrators.
    pub connections: u32,
    /// Those that other programs than nodes hold now.
    pub held_by_others: u32,
    /// Its clock, ms since the Unix epoch.
    pub clock_ms: u64,
}

/// Looks, by one connection that is closed again; changes nothing.
pub async fn examine(settings: &PostgresSettings) -> Result<PostgresExamined> {
    let options = options(settings)?;
    let look = async {
        let mut connection = options.connect().await.map_err(from_sqlx)?;
        let examined = look(&mut connection).await;
        let _ = connection.close().await;
        examined
    };
    in_time(look).await
}

async fn look(connection: &mut PgConnection) -> Result<PostgresExamined> {
    let row = sqlx::query(
        "SELECT current_setting('server_version_num')::bigint,
            current_setting('server_version'),
            pg_is_in_recovery(),
            current_setting('max_connections')::bigint
                - current_setting('superuser_reserved_connections')::bigint
                - coalesce(current_setting('reserved_connections', true)::bigint, 0),
            (SELECT count(*) FROM pg_stat_activity
             WHERE backend_type = 'client backend' AND application_name <> 'parlor-server'),
            (extract(epoch FROM clock_timestamp()) * 1000)::bigint",
    )
    .fetch_one(connection)
    .await
    .map_err(from_sqlx)?;
    let number = |column| {
        let number = row.signed(column)?;
        Ok(u32::try_from(number).unwrap_or(0))
    };
    Ok(PostgresExamined {
        version: number(0)?,
        version_text: row.text(1)?,
        is_replica: row.truth(2)?,
        connections: number(3)?,
        held_by_others: number(4)?,
        clock_ms: u64::try_from(row.signed(5)?).unwrap_or(0),
    })
}
