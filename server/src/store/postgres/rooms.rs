//! Rooms, read: who may, where they stand, who is in them.

use parlor_protocol::account::Person;
use parlor_protocol::limit::{PAGE_ROWS, ROOMS_PER_USER};
use parlor_protocol::room::{Head, Role, RoomKind, RoomListing, RoomSummary};
use parlor_protocol::{Extensions, RoomId, UserId};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgPool};

use super::error::{damaged, from_sqlx};
use super::value::{byte, int, number, optional_fixed, room, text, truth, user};
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
    let access = |row: PgRow| {
        let (kind, role) = (RoomKind(byte(&row, 0)?), Role(byte(&row, 1)?));
        Ok(Access {
            kind,
            role,
            visible_from: number(&row, 2)?,
            rev: number(&row, 3)?,
        })
    };
    row.map(access).transpose()
}

pub(super) async fn room_by_name(readers: &PgPool, folded: &str) -> Result<Option<RoomId>> {
    let row = sqlx::query("SELECT room FROM rooms WHERE kind = 0 AND folded = $1")
        .bind(folded)
        .fetch_optional(readers)
        .await
        .map_err(from_sqlx)?;
    row.map(|row| room(&row, 0)).transpose()
}

/// Columns of `rooms r`, `members m` and `markers k` that [`read_summary`] takes, for the reader in
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

pub(super) fn read_summary(row: &PgRow, first: usize) -> Result<RoomSummary> {
    Ok(RoomSummary {
        room: room(row, first)?,
        kind: RoomKind(byte(row, first + 1)?),
        name: text(row, first + 2)?,
        topic: text(row, first + 3)?,
        direct_with: optional_fixed(row, first + 4)?.map(UserId),
        role: Role(byte(row, first + 5)?),
        members: u32::try_from(number(row, first + 6)?).map_err(|_| damaged("a count"))?,
        head: number(row, first + 7)?,
        floor: number(row, first + 8)?,
        rev: number(row, first + 9)?,
        visible_from: number(row, first + 10)?,
        read: number(row, first + 11)?,
        unread_gone: number(row, first + 12)?,
        ext: Extensions::NONE,
    })
}

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
    row.map(|row| read_summary(&row, 0)).transpose()
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
    let head = |row: &PgRow| {
        let head = Head {
            room: room(row, 0)?,
            head: number(row, 1)?,
            rev: number(row, 2)?,
        };
        Ok((head, RoomKind(byte(row, 3)?) == RoomKind::DIRECT))
    };
    rows.iter().map(head).collect()
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
    let listing = |row: &PgRow| {
        Ok(RoomListing {
            room: room(row, 0)?,
            name: text(row, 1)?,
            topic: text(row, 2)?,
            members: u32::try_from(number(row, 3)?).map_err(|_| damaged("a count"))?,
            joined: truth(row, 4)?,
        })
    };
    rows.iter().map(listing).collect()
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
    let member = |row: &PgRow| {
        let person = Person {
            id: user(row, 0)?,
            name: text(row, 1)?,
            display_name: text(row, 2)?,
        };
        Ok((person, Role(byte(row, 3)?)))
    };
    rows.iter().map(member).collect()
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
    rows.iter().map(|row| user(row, 0)).collect()
}
