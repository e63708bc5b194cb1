//! Rooms, read: who may, where they stand, who is in them.

use parlor_protocol::account::Person;
use parlor_protocol::limit::{PAGE_ROWS, ROOMS_PER_USER};
use parlor_protocol::room::{Head, Role, RoomListing, RoomSummary};
use parlor_protocol::{RoomId, UserId};
use sqlx::{PgConnection, PgPool};

use super::error::from_sqlx;
use super::value::{Columns, int};
use crate::store::shared::rows;
use crate::store::{Access, Result};

pub(super) async fn access(
    readers: &PgPool,
    room: RoomId,
    reader: UserId,
) -> Result<Option<Access>> {
    let row = sqlx::query(
        "SELECT r.kind, coalesce(m.role, 0), coalesce(m.visible_from, 1), r.rev
         FROM rooms r LEFT JOIN members m ON m.room = r.id AND m.user = $2
         WHERE r.room = $1 AND (r.kind = 0 OR m.role IS NOT NULL)",
    )
    .bind(room.0.to_vec())
    .bind(reader.0.to_vec())
    .fetch_optional(readers)
    .await
    .map_err(from_sqlx)?;
    row.as_ref().map(rows::access).transpose()
}

pub(super) async fn room_by_name(readers: &PgPool, folded: &str) -> Result<Option<RoomId>> {
    let row = sqlx::query("SELECT room FROM rooms WHERE kind = 0 AND folded = $1")
        .bind(folded)
        .fetch_optional(readers)
        .await
        .map_err(from_sqlx)?;
    row.map(|row| row.room(0)).transpose()
}

/// Columns of `rooms r`, `members m` and `markers k` that [`rows::summary`] takes, for the reader in
/// the parameter `$1`.
macro_rules! summary_columns {
    () => {
        "r.room, r.kind, r.name, r.topic,
        CASE WHEN r.kind = 2 THEN (SELECT o.user FROM members o WHERE o.room = r.id AND o.user <> $1 LIMIT 1) END,
        coalesce(m.role, 0), r.members, r.head, r.floor, r.rev, coalesce(m.visible_from, 1), coalesce(k.seq, 0),
        (SELECT count(*) FROM messages g
            WHERE g.room = r.id AND g.timeline = 0 AND g.seq > coalesce(k.seq, 0) AND g.state = 2)"
    };
}
pub(super) use summary_columns;

pub(super) async fn summary(
    readers: &PgPool,
    room: RoomId,
    reader: UserId,
) -> Result<Option<RoomSummary>> {
    let row = sqlx::query(concat!(
        "SELECT ",
        summary_columns!(),
        " FROM rooms r
        LEFT JOIN members m ON m.room = r.id AND m.user = $1
        LEFT JOIN markers k ON k.user = $1 AND k.room = r.id AND k.timeline = 0
        WHERE r.room = $2 AND (r.kind = 0 OR m.role IS NOT NULL)"
    ))
    .bind(reader.0.to_vec())
    .bind(room.0.to_vec())
    .fetch_optional(readers)
    .await
    .map_err(from_sqlx)?;
    row.map(|row| rows::summary(&row, 0)).transpose()
}

pub(super) async fn heads(readers: &PgPool, reader: UserId) -> Result<Vec<(Head, bool)>> {
    let mut reading = readers.acquire().await.map_err(from_sqlx)?;
    heads_in(&mut reading, reader).await
}

pub(super) async fn heads_in(
    reading: &mut PgConnection,
    reader: UserId,
) -> Result<Vec<(Head, bool)>> {
    let rows = sqlx::query(
        "SELECT r.room, r.head, r.rev, r.kind FROM members m JOIN rooms r ON r.id = m.room WHERE m.user = $1 LIMIT $2",
    )
    .bind(reader.0.to_vec())
    .bind(int(ROOMS_PER_USER as u64))
    .fetch_all(reading)
    .await
    .map_err(from_sqlx)?;
    rows.iter().map(rows::head).collect()
}

pub(super) async fn directory(
    readers: &PgPool,
    reader: UserId,
    after_folded: &str,
    limit: u16,
) -> Result<Vec<RoomListing>> {
    let rows = sqlx::query(
        "SELECT r.room, r.name, r.topic, r.members, m.role IS NOT NULL
         FROM rooms r LEFT JOIN members m ON m.room = r.id AND m.user = $1
         WHERE r.kind = 0 AND r.folded > $2 ORDER BY r.folded LIMIT $3",
    )
    .bind(reader.0.to_vec())
    .bind(after_folded)
    // One more than a page, so that the asker can tell whether another one follows.
    .bind(i64::from(limit.min(PAGE_ROWS + 1)))
    .fetch_all(readers)
    .await
    .map_err(from_sqlx)?;
    rows.iter().map(rows::listing).collect()
}

pub(super) async fn members(
    readers: &PgPool,
    room: RoomId,
    after: Option<UserId>,
    limit: u16,
) -> Result<Vec<(Person, Role)>> {
    let rows = sqlx::query(
        "SELECT u.id, u.name, u.display_name, m.role
         FROM rooms r JOIN members m ON m.room = r.id JOIN users u ON u.id = m.user
         WHERE r.room = $1 AND m.user > $2 ORDER BY m.user LIMIT $3",
    )
    .bind(room.0.to_vec())
    .bind(after.map(|user| user.0.to_vec()).unwrap_or_default())
    .bind(i64::from(limit.min(PAGE_ROWS + 1)))
    .fetch_all(readers)
    .await
    .map_err(from_sqlx)?;
    rows.iter().map(rows::member).collect()
}

pub(super) async fn member_ids(readers: &PgPool, room: RoomId, limit: u32) -> Result<Vec<UserId>> {
    let rows = sqlx::query(
        "SELECT m.user FROM rooms r JOIN members m ON m.room = r.id WHERE r.room = $1 ORDER BY m.user LIMIT $2",
    )
    .bind(room.0.to_vec())
    .bind(i64::from(limit))
    .fetch_all(readers)
    .await
    .map_err(from_sqlx)?;
    rows.iter().map(|row| row.user(0)).collect()
}
