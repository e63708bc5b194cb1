//! "What did I miss?": one range read over the changed things of a room, each in its newest state.

use futures_util::TryStreamExt;
use parlor_protocol::RoomId;
use parlor_protocol::limit::RESET_ABOVE_CHANGES;
use parlor_protocol::sync::RoomChanges;
use sqlx::SqlitePool;

use super::error::from_sqlx;
use super::value::int;
use crate::store::Result;
use crate::store::shared::changes::{ChangesReply, ROWS};
use crate::store::shared::rows::message_columns;

// Too far behind, the range is empty, so that nothing is read only to be dropped. What changed is
// found first by its place alone, so that no text is read beyond what fits the reply. A post of the
// room's own timeline stands in its message's row, unless the message has changed since.
// Columns as [`ChangesReply::take`] has them.
const CHANGES: &str = concat!(
    "WITH place AS (
        SELECT *, iif(rev BETWEEN ?2 AND ?2 + ?5, ?2, rev) AS since FROM rooms WHERE room = ?1),
    changed AS (
        SELECT * FROM (
            SELECT m.rev, 1 AS kind, 0 AS ref_a, m.seq AS ref_b
            FROM place p JOIN messages m ON m.room = p.id AND m.timeline = 0
                AND m.seq > p.head - (p.rev - p.since) AND m.seq >= ?3 AND m.rev > p.since
            WHERE NOT EXISTS (SELECT 1 FROM room_changes n
                WHERE n.room = p.id AND n.kind = 1 AND n.ref_a = 0 AND n.ref_b = m.seq)
            ORDER BY m.seq LIMIT ?4)
        UNION ALL
        SELECT * FROM (
            SELECT c.rev, c.kind, c.ref_a, c.ref_b
            FROM place p JOIN room_changes c ON c.room = p.id AND c.rev > p.since
                AND (c.kind <> 1 OR iif(c.ref_a = 0, c.ref_b, c.ref_a) >= ?3)
            ORDER BY c.rev LIMIT ?4)
        ORDER BY 1 LIMIT ?4)
    SELECT r.rev, r.head, r.floor, r.members, r.name, c.rev, c.kind, ",
    message_columns!(),
    ", iif(c.kind = 2, c.ref_a, NULL), coalesce(b.role, 0), coalesce(u.name, ''),
        coalesce(u.display_name, ''), r.topic
    FROM place r
    LEFT JOIN changed c
    LEFT JOIN messages m ON c.kind = 1 AND m.room = r.id AND m.timeline = c.ref_a AND m.seq = c.ref_b
    LEFT JOIN users u ON c.kind = 2 AND u.id = c.ref_a
    LEFT JOIN members b ON c.kind = 2 AND b.room = r.id AND b.user = c.ref_a"
);

pub(super) async fn changes(
    readers: &SqlitePool,
    room: RoomId,
    since: u64,
    visible_from: u64,
) -> Result<RoomChanges> {
    let mut rows = sqlx::query(CHANGES)
        .bind(room.0.to_vec())
        .bind(int(since))
        .bind(int(visible_from))
        .bind(int(ROWS))
        .bind(int(RESET_ABOVE_CHANGES))
        .fetch(readers);
    let mut reply = ChangesReply::new(room, since);
    while let Some(row) = rows.try_next().await.map_err(from_sqlx)? {
        if !reply.take(&row)? {
            break;
        }
    }
    Ok(reply.finish())
}
