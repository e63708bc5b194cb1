//! How far rooms and people are, and which sessions live: what nodes compare what they hold with.

use parlor_protocol::room::Head;
use parlor_protocol::{RoomId, SessionId, UserId};
use sqlx::PgPool;

use super::error::from_sqlx;
use super::value::Columns;
use crate::store::Result;
use crate::store::shared::rows;

pub(super) async fn rooms(readers: &PgPool, rooms: &[RoomId]) -> Result<Vec<Head>> {
    let ids: Vec<[u8; 16]> = rooms.iter().map(|room| room.0).collect();
    let rows = sqlx::query("SELECT r.room, r.head, r.rev FROM rooms r WHERE r.room = ANY($1)")
        .bind(ids)
        .fetch_all(readers)
        .await
        .map_err(from_sqlx)?;
    rows.iter().map(rows::room_head).collect()
}

pub(super) async fn people(readers: &PgPool, users: &[UserId]) -> Result<Vec<(UserId, u64)>> {
    let rows = sqlx::query(r#"SELECT v."user", v.rev FROM user_revs v WHERE v."user" = ANY($1)"#)
        .bind(super::value::ids(users.iter().copied()))
        .fetch_all(readers)
        .await
        .map_err(from_sqlx)?;
    rows.iter().map(rows::user_rev).collect()
}

pub(super) async fn sessions(readers: &PgPool, sessions: &[SessionId]) -> Result<Vec<SessionId>> {
    let ids: Vec<[u8; 16]> = sessions.iter().map(|session| session.0).collect();
    let rows = sqlx::query("SELECT s.id FROM sessions s WHERE s.id = ANY($1)")
        .bind(ids)
        .fetch_all(readers)
        .await
        .map_err(from_sqlx)?;
    rows.iter().map(|row| row.session(0)).collect()
}
