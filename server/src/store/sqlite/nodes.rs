//! What nodes of a cluster say of themselves while Redis is away. A lone server has no use for it:
//! the table is there so that both databases are alike.

use std::sync::Arc;

use sqlx::SqlitePool;

use super::error::from_sqlx;
use super::value::int;
use super::writer::Writer;
use crate::store::shared::nodes::{KEPT_MS, beat_of};
use crate::store::{NodeBeat, Result};

pub(super) async fn beat(writer: &Arc<Writer>, beat: NodeBeat) -> Result<()> {
    writer
        .run(move |held| {
            Box::pin(async move {
                let now_ms = held.now_ms();
                let connection = held.connection().await?;
                sqlx::query("DELETE FROM nodes WHERE beat_at < ?")
                    .bind(int(now_ms.saturating_sub(KEPT_MS)))
                    .execute(&mut *connection)
                    .await
                    .map_err(from_sqlx)?;
                sqlx::query(
                    "INSERT INTO nodes (number, record, beat_at) VALUES (?, ?, ?)
                     ON CONFLICT (number)
                     DO UPDATE SET record = excluded.record, beat_at = excluded.beat_at",
                )
                .bind(beat.number.cast_signed())
                .bind(beat.record)
                .bind(int(now_ms))
                .execute(connection)
                .await
                .map_err(from_sqlx)?;
                held.wrote(1);
                Ok(())
            })
        })
        .await
}

pub(super) async fn all(readers: &SqlitePool, limit: u32) -> Result<Vec<NodeBeat>> {
    let rows =
        sqlx::query("SELECT number, record FROM nodes ORDER BY beat_at DESC, number LIMIT ?")
            .bind(i64::from(limit))
            .fetch_all(readers)
            .await
            .map_err(from_sqlx)?;
    rows.iter().map(beat_of).collect()
}
