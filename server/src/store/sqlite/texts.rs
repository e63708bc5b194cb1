//! Long texts.

use std::sync::Arc;

use parlor_protocol::RoomId;
use parlor_protocol::message::{LongText, Timeline};
use sqlx::SqlitePool;

use super::error::from_sqlx;
use super::value::int;
use super::writer::Writer;
use crate::store::Result;
use crate::store::shared::page::is_visible;
use crate::store::shared::rows;

/// Keeps an uploaded text until a message names it, for a day at least; one that is here already
/// is kept for another day.
pub(super) async fn put(writer: &Arc<Writer>, long: LongText, bytes: Vec<u8>) -> Result<()> {
    writer
        .run(move |held| {
            Box::pin(async move {
                let now_ms = held.now_ms();
                let size = bytes.len();
                sqlx::query(
                    "INSERT INTO long_texts (hash, text, refs, made_at) VALUES (?, ?, 0, ?)
                     ON CONFLICT (hash) DO UPDATE SET made_at = excluded.made_at",
                )
                .bind(long.hash.to_vec())
                .bind(bytes)
                .bind(int(now_ms))
                .execute(held.connection().await?)
                .await
                .map_err(from_sqlx)?;
                held.wrote(1);
                held.wrote_bytes(size);
                Ok(())
            })
        })
        .await
}

/// The whole text of a message, where it has a long one that the reader may see.
pub(super) async fn get(
    readers: &SqlitePool,
    room: RoomId,
    timeline: Timeline,
    seq: u64,
    visible_from: u64,
) -> Result<Option<(LongText, Vec<u8>)>> {
    if !is_visible(timeline, seq, visible_from) {
        return Ok(None);
    }
    let row = sqlx::query(
        "SELECT t.hash, m.long_bytes, t.text
         FROM rooms r
         JOIN messages m ON m.room = r.id AND m.timeline = ? AND m.seq = ? AND m.state <> 2
         JOIN long_texts t ON t.hash = m.long_hash
         WHERE r.room = ?",
    )
    .bind(int(timeline.0))
    .bind(int(seq))
    .bind(room.0.to_vec())
    .fetch_optional(readers)
    .await
    .map_err(from_sqlx)?;
    row.as_ref().map(rows::long_text).transpose()
}
