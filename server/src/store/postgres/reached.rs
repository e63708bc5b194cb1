//! How far rooms and people are, and which sessions live: what nodes compare what they hold with.

use parlor_protocol::room::Head;
use parlor_protocol::{RoomId, SessionId, UserId};
use sqlx::PgPool;

use super::error::from_sqlx;
use super::value::{number, room, session, user};
use crate::store::Result;

pub(super) async fn rooms(readers: &PgPool, rooms: &[RoomId]) -> Result<Vec<Head>> {
    let ids: Vec<[u8; 16]> = rooms.iter().map(|room| room.0).collect();
    let rows = sqlx::query("SELECT r.room, r.head, r.rev FROM rooms r WHERE r.room = ANY($1)")
        .bind(ids)
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

pub(super) async fn people(readers: &PgPool, users: &[UserId]) -> Result<Vec<(UserId, u64)>> {
    let rows = sqlx::query(r#"SELECT v."user", v.rev FROM user_revs v WHERE v."user" = ANY($1)"#)
        .bind(super::value::ids(users.iter().copied()))
        .fetch_all(readers)
        .await
        .map_err(from_sqlx)?;
    let reached = |row| Ok((user(row, 0)?, number(row, 1)?));
    rows.iter().map(reached).collect()
}

pub(super) async fn sessions(readers: &PgPool, sessions: &[SessionId]) -> Result<Vec<SessionId>> {
    let ids: Vec<[u8; 16]> = sessions.iter().map(|session| session.0).collect();
    let rows = sqlx::query("SELECT s.id FROM sessions s WHERE s.id = ANY($1)")
        .bind(ids)
        .fetch_all(readers)
        .await
        .map_err(from_sqlx)?;
    rows.iter().map(|row| session(row, 0)).collect()
}
