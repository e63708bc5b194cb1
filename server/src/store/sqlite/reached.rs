//! How far rooms and people are, and which sessions live: what nodes compare what they hold with.

use parlor_protocol::room::Head;
use parlor_protocol::{RoomId, SessionId, UserId};
use sqlx::SqlitePool;

use super::error::from_sqlx;
use super::value::{Columns, Rows};
use crate::store::Result;
use crate::store::shared::rows;

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
    rows.iter().map(rows::room_head).collect()
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
    rows.iter().map(rows::user_rev).collect()
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
    rows.iter().map(|row| row.session(0)).collect()
}
