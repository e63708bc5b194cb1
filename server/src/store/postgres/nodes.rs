//! What nodes of a cluster say of themselves while Redis is away.

use sqlx::PgPool;

use super::error::from_sqlx;
use super::value::int;
use crate::store::shared::nodes::{KEPT_MS, beat_of};
use crate::store::{NodeBeat, Result};

pub(super) async fn beat(pool: &PgPool, beat: NodeBeat, now_ms: u64) -> Result<()> {
    sqlx::query(
        "WITH old AS (DELETE FROM nodes WHERE beat_at < $4 AND number <> $1)
         INSERT INTO nodes (number, record, beat_at) VALUES ($1, $2, $3)
         ON CONFLICT (number) DO UPDATE SET record = excluded.record, beat_at = excluded.beat_at",
    )
    .bind(beat.number.cast_signed())
    .bind(beat.record)
    .bind(int(now_ms))
    .bind(int(now_ms.saturating_sub(KEPT_MS)))
    .execute(pool)
    .await
    .map(drop)
    .map_err(from_sqlx)
}

pub(super) async fn all(pool: &PgPool, limit: u32) -> Result<Vec<NodeBeat>> {
    let rows =
        sqlx::query("SELECT number, record FROM nodes ORDER BY beat_at DESC, number LIMIT $1")
            .bind(i64::from(limit))
            .fetch_all(pool)
            .await
            .map_err(from_sqlx)?;
    rows.iter().map(beat_of).collect()
}
