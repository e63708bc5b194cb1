//! "What did I miss?": one range read over the changed things of a room, each in its newest state.

use futures_util::TryStreamExt;
use parlor_protocol::limit::{CHANGES_ENTRIES, PAGE_TEXT_BYTES, RESET_ABOVE_CHANGES};
use parlor_protocol::room::Role;
use parlor_protocol::sync::{DetailsEntry, Entry, MemberEntry, RoomChanges};
use parlor_protocol::{Extensions, RoomId};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqlitePool};

use super::error::{damaged, from_sqlx};
use super::message::{self, message_columns};
use super::value::{byte, int, number, text, user};
use crate::store::Result;

/// Bytes of entries of one reply, so that it fits a frame with room to spare.
const ENTRY_BYTES: usize = PAGE_TEXT_BYTES;

// Too far behind, the range is empty, so that nothing is read only to be dropped. What changed is
// found first by its place alone, so that no text is read beyond what fits the reply. A post of the
// room's own timeline stands in its message's row, unless the message has changed since.
// Columns 0–4 are the room's, 5–6 the change's, 7–15 the message's, 16–19 the person's.
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
        .bind(int(CHANGES_ENTRIES as u64 + 1))
        .bind(int(RESET_ABOVE_CHANGES))
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
        // The rows come as `changed` has them; sorting them again would read every text first.
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
fn entry(row: &SqliteRow) -> Result<Option<Entry>> {
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
