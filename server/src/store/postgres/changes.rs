//! "What did I miss?": one range read over the changed things of a room, each in its newest state.

use futures_util::TryStreamExt;
use parlor_protocol::RoomId;
use parlor_protocol::limit::RESET_ABOVE_CHANGES;
use parlor_protocol::sync::RoomChanges;
use sqlx::PgPool;

use super::error::from_sqlx;
use super::value::int;
use crate::store::Result;
use crate::store::shared::changes::{ChangesReply, ENTRY_BYTES, ROWS};
use crate::store::shared::rows::message_columns;

// Too far behind, the range is empty, so that nothing is read only to be dropped. What changed is
// found first by its place alone, and no text is sent beyond the one that overfills the reply. A post of the
// room's own timeline stands in its message's row, unless the message has changed since.
// The limits inside tell the planner what it cannot know: how little lies between two revs.
// Columns as [`ChangesReply::take`] has them.
const CHANGES: &str = concat!(
    "WITH place AS (
        SELECT *, CASE WHEN rev BETWEEN $2 AND $2 + $5 THEN $2 ELSE rev END AS since
        FROM rooms WHERE room = $1),
    again AS MATERIALIZED (
        SELECT n.ref_b AS seq
        FROM place p CROSS JOIN LATERAL (
            SELECT c.ref_b FROM room_changes c
            WHERE c.room = p.id AND c.kind = 1 AND c.ref_a = '\\x0000000000000000'
                AND c.ref_b > p.head - (p.rev - p.since)
            ORDER BY c.ref_b LIMIT $5) n),
    posted AS (
        SELECT m.rev, 1::bigint AS kind, m.timeline, m.seq, NULL::bytea AS person
        FROM place p CROSS JOIN LATERAL (
            SELECT g.rev, g.timeline, g.seq FROM messages g
            WHERE g.room = p.id AND g.timeline = 0 AND g.seq > p.head - (p.rev - p.since)
                AND g.seq >= $3 AND g.rev > p.since
            ORDER BY g.seq LIMIT $5) m
        WHERE NOT EXISTS (SELECT 1 FROM again a WHERE a.seq = m.seq)
        ORDER BY m.seq LIMIT $4),
    moved AS (
        SELECT c.rev, c.kind, CASE WHEN c.kind = 1
                THEN ('x' || encode(c.ref_a, 'hex'))::bit(64)::bigint END AS timeline,
            c.ref_b AS seq, CASE WHEN c.kind = 2 THEN c.ref_a END AS person
        FROM place p JOIN room_changes c ON c.room = p.id AND c.rev > p.since
        ORDER BY c.rev),
    seen AS (
        SELECT * FROM moved
        WHERE kind <> 1 OR CASE WHEN timeline = 0 THEN seq ELSE timeline END >= $3
        LIMIT $4),
    changed AS (
        SELECT * FROM (SELECT * FROM posted UNION ALL SELECT * FROM seen) both_of
        ORDER BY rev LIMIT $4),
    sized AS (
        SELECT c.rev, c.kind, c.person, ",
    message_columns!(),
    ", coalesce(sum(octet_length(m.text)) OVER (ORDER BY c.rev), 0)
            - coalesce(octet_length(m.text), 0) AS bytes_before
        FROM place p JOIN changed c ON true
        LEFT JOIN messages m ON c.kind = 1 AND m.room = p.id AND m.timeline = c.timeline
            AND m.seq = c.seq)
    SELECT r.rev, r.head, r.floor, r.members, r.name, m.rev, m.kind, ",
    message_columns!(),
    ", m.person, coalesce(b.role, 0), coalesce(u.name, ''), coalesce(u.display_name, ''), r.topic
    FROM place r
    LEFT JOIN sized m ON m.bytes_before <= $6
    LEFT JOIN LATERAL (SELECT name, display_name FROM users WHERE id = m.person LIMIT 1) u ON true
    LEFT JOIN LATERAL (SELECT role FROM members
        WHERE room = r.id AND \"user\" = m.person LIMIT 1) b ON true
    ORDER BY m.rev"
);

pub(super) async fn changes(
    readers: &PgPool,
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
        .bind(int(ENTRY_BYTES as u64))
        .fetch(readers);
    let mut reply = ChangesReply::new(room, since);
    while let Some(row) = rows.try_next().await.map_err(from_sqlx)? {
        if !reply.take(&row)? {
            break;
        }
    }
    Ok(reply.finish())
}
