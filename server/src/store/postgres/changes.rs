//! "What did I miss?": one range read over the changed things of a room, each in its newest state.

use futures_util::TryStreamExt;
use parlor_protocol::limit::{CHANGES_ENTRIES, PAGE_TEXT_BYTES, RESET_ABOVE_CHANGES};
use parlor_protocol::room::Role;
use parlor_protocol::sync::{DetailsEntry, Entry, MemberEntry, RoomChanges};
use parlor_protocol::{Extensions, RoomId};
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};

use super::error::{damaged, from_sqlx};
use super::message::{self, message_columns};
use super::value::{byte, int, number, text, user};
use crate::store::Result;

/// Bytes of entries of one reply, so that it fits a frame with room to spare.
const ENTRY_BYTES: usize = PAGE_TEXT_BYTES;

// Too far behind, the range is empty, so that nothing is read only to be dropped. What changed is
// found first by its place alone, and no text is sent beyond the one that overfills the reply. A post of the
// room's own timeline stands in its message's row, unless the message has changed since.
// The limits inside tell the planner what it cannot know: how little lies between two revs.
// Columns 0–4 are the room's, 5–6 the change's, 7–15 the message's, 16–19 the person's.
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
        .bind(int(CHANGES_ENTRIES as u64 + 1))
        .bind(int(RESET_ABOVE_CHANGES))
        .bind(int(ENTRY_BYTES as u64))
        .fetch(readers);
    let mut changes = RoomChanges {
        room,
        since,
        through: since,
        rev: 0,
        head: 0,
        floor: 1,
        reset: false,
        entries: Vec::new(),
        ext: Extensions::NONE,
    };
    let mut bytes = 0;
    while let Some(row) = rows.try_next().await.map_err(from_sqlx)? {
        (changes.rev, changes.head, changes.floor) =
            (number(&row, 0)?, number(&row, 1)?, number(&row, 2)?);
        let Some(entry) = entry(&row)? else { break };
        if changes
            .entries
            .last()
            .is_some_and(|last| last.rev >= entry.rev)
        {
            return Err(damaged("the order of changes"));
        }
        bytes += entry.body.len();
        let full = changes.entries.len() == CHANGES_ENTRIES || bytes > ENTRY_BYTES;
        if full && let Some(last) = changes.entries.last() {
            changes.through = last.rev;
            return Ok(changes);
        }
        changes.entries.push(entry);
    }
    changes.reset = since > changes.rev || changes.rev - since > RESET_ABOVE_CHANGES;
    changes.through = changes.rev;
    Ok(changes)
}

/// The changed thing of a row in its newest state; `None` where nothing changed.
fn entry(row: &PgRow) -> Result<Option<Entry>> {
    let rev: Option<i64> = row.try_get(5).map_err(from_sqlx)?;
    let Some(rev) = rev else { return Ok(None) };
    let rev = u64::try_from(rev).map_err(|_| damaged("a rev"))?;
    Ok(Some(match byte(row, 6)? {
        1 => Entry::message(rev, &message::read(row, 7)?),
        2 => Entry::member(
            rev,
            &MemberEntry {
                user: user(row, 16)?,
                role: Role(byte(row, 17)?),
                name: text(row, 18)?,
                display_name: text(row, 19)?,
                ext: Extensions::NONE,
            },
        ),
        3 => Entry::details(
            rev,
            &DetailsEntry {
                name: text(row, 4)?,
                topic: text(row, 20)?,
                floor: number(row, 2)?,
                members: u32::try_from(number(row, 3)?).map_err(|_| damaged("a count"))?,
                ext: Extensions::NONE,
            },
        ),
        _ => return Err(damaged("the kind of a change")),
    }))
}
