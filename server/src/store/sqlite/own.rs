//! What is one person's own: the list of rooms and the read markers, at the person's rev.

use parlor_protocol::limit::ROOMS_PER_USER;
use parlor_protocol::message::Timeline;
use parlor_protocol::room::{Role, RoomSummary};
use parlor_protocol::sync::{Entry, Marker, UserChanges};
use parlor_protocol::{Extensions, UserId};
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteRow;

use super::error::from_sqlx;
use super::rooms::{self, read_summary, summary_columns};
use super::value::{int, number, room};
use crate::store::Result;

/// Bytes of room topics that one list of rooms may carry; beyond it topics are left out, since each
/// stands in the room's own details too.
const LIST_TOPIC_BYTES: usize = 128 * 1024;

pub(super) async fn user_changes(
    readers: &SqlitePool,
    user: UserId,
    since: Option<u64>,
) -> Result<UserChanges> {
    // One snapshot for all of it, so that no entry is newer than the rev.
    let mut reading = readers.begin().await.map_err(from_sqlx)?;
    let rev = sqlx::query(
        "SELECT max(coalesce((SELECT max(rev) FROM markers WHERE user = ?1), 0),
            coalesce((SELECT max(rev) FROM user_changes WHERE user = ?1), 0))",
    )
    .bind(user.0.to_vec())
    .fetch_one(&mut *reading)
    .await
    .map_err(from_sqlx)?;
    let rev = number(&rev, 0)?;
    let mut reset = since.is_none_or(|since| since > rev);
    let mut entries = Vec::new();
    if let Some(since) = since.filter(|_| !reset) {
        let changed = sqlx::query(concat!(
            "SELECT c.rev, ",
            summary_columns!(),
            " FROM user_changes c JOIN rooms r ON r.id = c.room
            LEFT JOIN members m ON m.room = c.room AND m.user = ?1
            LEFT JOIN markers k ON k.user = ?1 AND k.room = c.room AND k.timeline = 0
            WHERE c.user = ?1 AND c.kind = 1 AND c.rev > ?2 LIMIT ?3"
        ));
        let changed = changed
            .bind(user.0.to_vec())
            .bind(int(since))
            .bind(int(ROOMS_PER_USER as u64 + 1));
        for row in changed.fetch_all(&mut *reading).await.map_err(from_sqlx)? {
            entries.push(room_entry(&row)?);
        }
        let moved = sqlx::query(
            "SELECT k.rev, r.room, k.timeline, k.seq,
                (SELECT count(*) FROM messages g
                    WHERE g.room = k.room AND g.timeline = k.timeline AND g.seq > k.seq AND g.state = 2)
             FROM markers k JOIN rooms r ON r.id = k.room
             WHERE k.user = ?1 AND k.rev > ?2
                AND EXISTS (SELECT 1 FROM members m WHERE m.room = k.room AND m.user = ?1) LIMIT ?3",
        );
        let moved = moved
            .bind(user.0.to_vec())
            .bind(int(since))
            .bind(int(ROOMS_PER_USER as u64 + 1));
        for row in moved.fetch_all(&mut *reading).await.map_err(from_sqlx)? {
            entries.push(marker_entry(&row)?);
        }
        entries.sort_by_key(|entry| entry.rev);
        reset = entries.len() > ROOMS_PER_USER;
    }
    if reset {
        entries = whole_list(&mut reading, user, rev).await?;
    }
    let heads = rooms::heads_in(&mut reading, user)
        .await?
        .into_iter()
        .map(|(head, _)| head)
        .collect();
    reading.commit().await.map_err(from_sqlx)?;
    let since = since.unwrap_or(0);
    Ok(UserChanges {
        since,
        through: rev,
        rev,
        reset,
        entries,
        heads,
        ext: Extensions::NONE,
    })
}

async fn whole_list(
    reading: &mut sqlx::SqliteConnection,
    user: UserId,
    rev: u64,
) -> Result<Vec<Entry>> {
    let rows = sqlx::query(concat!(
        "SELECT ",
        summary_columns!(),
        " FROM members m JOIN rooms r ON r.id = m.room
        LEFT JOIN markers k ON k.user = ?1 AND k.room = r.id AND k.timeline = 0
        WHERE m.user = ?1 LIMIT ?2"
    ))
    .bind(user.0.to_vec())
    .bind(int(ROOMS_PER_USER as u64))
    .fetch_all(reading)
    .await
    .map_err(from_sqlx)?;
    let mut topics = 0;
    let list = |row: &SqliteRow| {
        let mut summary: RoomSummary = read_summary(row, 0)?;
        topics += summary.topic.len();
        if topics > LIST_TOPIC_BYTES {
            summary.topic.clear();
        }
        Ok(Entry::user_room(rev, &summary))
    };
    rows.iter().map(list).collect()
}

fn room_entry(row: &SqliteRow) -> Result<Entry> {
    let rev = number(row, 0)?;
    let summary = read_summary(row, 1)?;
    Ok(if summary.role == Role::NONE {
        Entry::user_room_gone(rev, summary.room)
    } else {
        Entry::user_room(rev, &summary)
    })
}

fn marker_entry(row: &SqliteRow) -> Result<Entry> {
    let marker = Marker {
        room: room(row, 1)?,
        timeline: Timeline(number(row, 2)?),
        seq: number(row, 3)?,
        unread_gone: number(row, 4)?,
        ext: Extensions::NONE,
    };
    Ok(Entry::user_marker(number(row, 0)?, &marker))
}
