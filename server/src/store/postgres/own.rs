//! What is one person's own: the list of rooms and the read markers, at the person's rev.

use parlor_protocol::limit::{PAGE_TEXT_BYTES, ROOMS_PER_USER};
use parlor_protocol::message::Timeline;
use parlor_protocol::room::Role;
use parlor_protocol::sync::{Entry, Marker, UserChanges};
use parlor_protocol::{Extensions, UserId};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgPool};

use super::error::from_sqlx;
use super::rooms::{self, read_summary, summary_columns};
use super::value::{int, number, room};
use crate::store::Result;

/// Entries of one reply, and bytes of them: with the heads of all rooms beside them they fit a frame.
const ENTRIES: usize = ROOMS_PER_USER;
const ENTRY_BYTES: usize = PAGE_TEXT_BYTES;

pub(super) async fn user_changes(
    readers: &PgPool,
    user: UserId,
    since: Option<u64>,
) -> Result<UserChanges> {
    // One snapshot for all of it, so that no entry is newer than the rev.
    let mut reading = readers
        .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .await
        .map_err(from_sqlx)?;
    let rev = sqlx::query("SELECT coalesce((SELECT rev FROM user_revs WHERE \"user\" = $1), 0)")
        .bind(user.0.to_vec())
        .fetch_one(&mut *reading)
        .await
        .map_err(from_sqlx)?;
    let rev = number(&rev, 0)?;
    // Whoever holds nothing, or more than there is, gets the list of rooms from its start.
    let held = since.filter(|since| *since <= rev);
    let reset = held.is_none();
    let mut entries = changed_rooms(&mut reading, user, held).await?;
    if let Some(held) = held {
        entries.extend(moved_markers(&mut reading, user, held).await?);
        entries.sort_by_key(|entry| entry.rev);
    }
    let through = cut(&mut entries).unwrap_or(rev);
    let heads = rooms::heads_in(&mut reading, user)
        .await?
        .into_iter()
        .map(|(head, _)| head)
        .collect();
    reading.commit().await.map_err(from_sqlx)?;
    let since = since.unwrap_or(0);
    Ok(UserChanges {
        since,
        through,
        rev,
        reset,
        entries,
        heads,
        ext: Extensions::NONE,
    })
}

/// Rooms that the person came into, left, or has another role in since; without `since` all that
/// they are in now.
async fn changed_rooms(
    reading: &mut PgConnection,
    user: UserId,
    since: Option<u64>,
) -> Result<Vec<Entry>> {
    sqlx::query(concat!(
        "SELECT c.rev, ",
        summary_columns!(),
        " FROM user_changes c JOIN rooms r ON r.id = c.room
        LEFT JOIN members m ON m.room = c.room AND m.user = $1
        LEFT JOIN markers k ON k.user = $1 AND k.room = c.room AND k.timeline = 0
        WHERE c.user = $1 AND c.kind = 1 AND c.rev > coalesce($2, 0)
            AND ($2 IS NOT NULL OR m.role IS NOT NULL)
        ORDER BY c.rev LIMIT $3"
    ))
    .bind(user.0.to_vec())
    .bind(since.map(int))
    .bind(int(ENTRIES as u64 + 1))
    .fetch_all(reading)
    .await
    .map_err(from_sqlx)?
    .iter()
    .map(room_entry)
    .collect()
}

async fn moved_markers(reading: &mut PgConnection, user: UserId, since: u64) -> Result<Vec<Entry>> {
    sqlx::query(
        "SELECT k.rev, r.room, k.timeline, k.seq,
            (SELECT count(*) FROM messages g
                WHERE g.room = k.room AND g.timeline = k.timeline AND g.seq > k.seq AND g.state = 2)
         FROM markers k JOIN rooms r ON r.id = k.room
         WHERE k.user = $1 AND k.rev > $2
            AND EXISTS (SELECT 1 FROM members m WHERE m.room = k.room AND m.user = $1)
         ORDER BY k.rev LIMIT $3",
    )
    .bind(user.0.to_vec())
    .bind(int(since))
    .bind(int(ENTRIES as u64 + 1))
    .fetch_all(reading)
    .await
    .map_err(from_sqlx)?
    .iter()
    .map(marker_entry)
    .collect()
}

/// Leaves what one reply holds; `Some`: the rev of the last one kept, where others follow.
fn cut(entries: &mut Vec<Entry>) -> Option<u64> {
    let mut bytes = 0;
    let fitting = entries.iter().take_while(|entry| {
        bytes += entry.body.len();
        bytes <= ENTRY_BYTES
    });
    // One fits always: an entry is smaller than a frame.
    let keep = fitting.count().clamp(1, ENTRIES);
    let more = keep < entries.len();
    entries.truncate(keep);
    entries.last().filter(|_| more).map(|last| last.rev)
}

fn room_entry(row: &PgRow) -> Result<Entry> {
    let rev = number(row, 0)?;
    let summary = read_summary(row, 1)?;
    Ok(if summary.role == Role::NONE {
        Entry::user_room_gone(rev, summary.room)
    } else {
        Entry::user_room(rev, &summary)
    })
}

fn marker_entry(row: &PgRow) -> Result<Entry> {
    let marker = Marker {
        room: room(row, 1)?,
        timeline: Timeline(number(row, 2)?),
        seq: number(row, 3)?,
        unread_gone: number(row, 4)?,
        ext: Extensions::NONE,
    };
    Ok(Entry::user_marker(number(row, 0)?, &marker))
}
