//! How far rooms and people are, and which sessions live: what nodes compare what they hold with.

use parlor_protocol::room::Head;
use parlor_protocol::{RoomId, SessionId, UserId};
use sqlx::SqlitePool;

use super::error::from_sqlx;
use super::value::{Rows, number, room, session, user};
use crate::store::Result;

fn listed<'a>(ids: impl Iterator<Item = &'a [u8; 16]>) -> String {
    let mut rows = Rows::new();
    for id in ids {
        rows.blob(id);
    }
    rows.finish()
}

pub(super) async fn rooms(readers: &SqlitePool, rooms: &[RoomId]) -> Result<Vec<Head>> {
    let rows = sqlx::query(
        "SELECT r.room, r.head, r.rev FROM rooms r
         WHERE r.room IN (SELECT unhex(value) FROM json_each(?1))",
    )
    .bind(listed(rooms.iter().map(|room| &room.0)))
    .fetch_all(readers)
    .await
    .map_err(from_sqlx)?;
    let head = |row| {
        Ok(Head {
            room: room(row, 0)?,
            head: number(row, 1)?,
            rev: number(row, 2)?,
        })
    };
    rows.iter().map(head).collect()
}

pub(super) async fn people(readers: &SqlitePool, users: &[UserId]) -> Result<Vec<(UserId, u64)>> {
    let rows = sqlx::query(
        "SELECT u.id, max(coalesce((SELECT max(m.rev) FROM markers m WHERE m.user = u.id), 0),
            coalesce((SELECT max(c.rev) FROM user_changes c WHERE c.user = u.id), 0))
         FROM users u WHERE u.id IN (SELECT unhex(value) FROM json_each(?1))",
    )
    .bind(listed(users.iter().map(|user| &user.0)))
    .fetch_all(readers)
    .await
    .map_err(from_sqlx)?;
    let reached = |row| Ok((user(row, 0)?, number(row, 1)?));
    rows.iter().map(reached).collect()
}

pub(super) async fn sessions(
    readers: &SqlitePool,
    sessions: &[SessionId],
) -> Result<Vec<SessionId>> {
    let rows = sqlx::query(
        "SELECT s.id FROM sessions s WHERE s.id IN (SELECT unhex(value) FROM json_each(?1))",
    )
    .bind(listed(sessions.iter().map(|session| &session.0)))
    .fetch_all(readers)
    .await
    .map_err(from_sqlx)?;
    rows.iter().map(|row| session(row, 0)).collect()
}
