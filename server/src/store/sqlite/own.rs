//! What is one person's own: the list of rooms and the read markers, at the person's rev.

use parlor_protocol::UserId;
use parlor_protocol::sync::{Entry, UserChanges};
use sqlx::{SqliteConnection, SqlitePool};

use super::error::from_sqlx;
use super::rooms::{self, summary_columns};
use super::value::{Columns, int};
use crate::store::Result;
use crate::store::shared::own;

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
    let rev = rev.number(0)?;
    let held = own::held(since, rev);
    let mut entries = changed_rooms(&mut reading, user, held).await?;
    if let Some(held) = held {
        entries.extend(moved_markers(&mut reading, user, held).await?);
    }
    let heads = rooms::heads_in(&mut reading, user).await?;
    reading.commit().await.map_err(from_sqlx)?;
    Ok(own::reply(since, rev, entries, heads))
}

/// Rooms that the person came into, left, or has another role in since; without `since` all that
/// they are in now.
async fn changed_rooms(
    reading: &mut SqliteConnection,
    user: UserId,
    since: Option<u64>,
) -> Result<Vec<Entry>> {
    sqlx::query(concat!(
        "SELECT c.rev, ",
        summary_columns!(),
        " FROM user_changes c JOIN rooms r ON r.id = c.room
        LEFT JOIN members m ON m.room = c.room AND m.user = ?1
        LEFT JOIN markers k ON k.user = ?1 AND k.room = c.room AND k.timeline = 0
        WHERE c.user = ?1 AND c.kind = 1 AND c.rev > coalesce(?2, 0)
            AND (?2 IS NOT NULL OR m.role IS NOT NULL)
        ORDER BY c.rev LIMIT ?3"
    ))
    .bind(user.0.to_vec())
    .bind(since.map(int))
    .bind(int(own::ROWS))
    .fetch_all(reading)
    .await
    .map_err(from_sqlx)?
    .iter()
    .map(own::room_entry)
    .collect()
}

async fn moved_markers(
    reading: &mut SqliteConnection,
    user: UserId,
    since: u64,
) -> Result<Vec<Entry>> {
    sqlx::query(
        "SELECT k.rev, r.room, k.timeline, k.seq,
            (SELECT count(*) FROM messages g
                WHERE g.room = k.room AND g.timeline = k.timeline AND g.seq > k.seq AND g.state = 2)
         FROM markers k JOIN rooms r ON r.id = k.room
         WHERE k.user = ?1 AND k.rev > ?2
            AND EXISTS (SELECT 1 FROM members m WHERE m.room = k.room AND m.user = ?1)
         ORDER BY k.rev LIMIT ?3",
    )
    .bind(user.0.to_vec())
    .bind(int(since))
    .bind(int(own::ROWS))
    .fetch_all(reading)
    .await
    .map_err(from_sqlx)?
    .iter()
    .map(own::marker_entry)
    .collect()
}
