//! Invites: what a code opens, and who used it.

use std::sync::Arc;

use parlor_protocol::{RoomId, UserId};
use sqlx::{Connection, SqlitePool};

use super::error::from_sqlx;
use super::value::{Columns, Rows, int};
use super::writer::Writer;
use crate::store::shared::columns::damaged;
use crate::store::{CodeHash, InviteRow, NewInvite, Result};

pub(super) async fn create(writer: &Arc<Writer>, new: NewInvite) -> Result<()> {
    let mut rooms = Rows::new();
    for room in &new.rooms {
        rooms.blob(&room.0);
    }
    let rooms = rooms.finish();
    writer
        .run(move |held| {
            Box::pin(async move {
                let mut writing = held.connection().await?.begin_with("BEGIN IMMEDIATE").await.map_err(from_sqlx)?;
                sqlx::query(
                    "INSERT INTO invites (code, maker, uses, made_at, expires_at, owner) VALUES (?, ?, ?, ?, ?, ?)",
                )
                .bind(new.code.to_vec())
                .bind(new.maker.map(|user| user.0.to_vec()))
                .bind(new.uses)
                .bind(int(new.made_at_ms))
                .bind(int(new.expires_at_ms))
                .bind(new.owner)
                .execute(&mut *writing)
                .await
                .map_err(from_sqlx)?;
                sqlx::query(
                    "INSERT INTO invite_rooms (code, place, room) SELECT ?, j.key, unhex(j.value) FROM json_each(?) j",
                )
                .bind(new.code.to_vec())
                .bind(rooms)
                .execute(&mut *writing)
                .await
                .map_err(from_sqlx)?;
                writing.commit().await.map_err(from_sqlx)?;
                held.wrote(2);
                Ok(())
            })
        })
        .await
}

pub(super) async fn by_code(
    readers: &SqlitePool,
    code: &CodeHash,
    user: Option<UserId>,
    now_ms: u64,
) -> Result<Option<InviteRow>> {
    let row = sqlx::query(
        "SELECT i.owner, i.expires_at,
            (SELECT group_concat(r.room, '') FROM (SELECT hex(room) AS room FROM invite_rooms
                WHERE code = i.code ORDER BY place) r), i.maker
         FROM invites i
         WHERE i.code = ?1 AND i.expires_at > ?2 AND (i.uses = 0 OR i.used < i.uses
            OR EXISTS (SELECT 1 FROM invite_uses u WHERE u.code = i.code AND u.user = ?3))",
    )
    .bind(code.to_vec())
    .bind(int(now_ms))
    .bind(user.map(|user| user.0.to_vec()))
    .fetch_optional(readers)
    .await
    .map_err(from_sqlx)?;
    let Some(row) = row else { return Ok(None) };
    let hex: Option<String> = sqlx::Row::try_get(&row, 2).map_err(from_sqlx)?;
    let bytes = data_encoding::HEXUPPER
        .decode(hex.unwrap_or_default().as_bytes())
        .map_err(|_| damaged("a room of an invite"))?;
    let rooms = bytes
        .chunks_exact(16)
        .filter_map(RoomId::from_slice)
        .collect();
    Ok(Some(InviteRow {
        maker: row.optional_fixed(3)?.map(UserId),
        rooms,
        owner: row.flag(0)?,
        expires_at_ms: row.number(1)?,
    }))
}

pub(super) async fn use_once(
    writer: &Arc<Writer>,
    code: &CodeHash,
    user: UserId,
    now_ms: u64,
) -> Result<bool> {
    let code = code.to_vec();
    writer
        .run(move |held| {
            Box::pin(async move {
                let mut writing = held
                    .connection()
                    .await?
                    .begin_with("BEGIN IMMEDIATE")
                    .await
                    .map_err(from_sqlx)?;
                let known = sqlx::query("SELECT 1 FROM invite_uses WHERE code = ? AND user = ?")
                    .bind(&code)
                    .bind(user.0.to_vec())
                    .fetch_optional(&mut *writing)
                    .await
                    .map_err(from_sqlx)?;
                if known.is_some() {
                    return Ok(true);
                }
                let counted = sqlx::query(
                    "UPDATE invites SET used = used + 1
                     WHERE code = ? AND expires_at > ? AND (uses = 0 OR used < uses)",
                )
                .bind(&code)
                .bind(int(now_ms))
                .execute(&mut *writing)
                .await
                .map_err(from_sqlx)?;
                if counted.rows_affected() == 0 {
                    return Ok(false);
                }
                sqlx::query("INSERT INTO invite_uses (code, user, used_at) VALUES (?, ?, ?)")
                    .bind(&code)
                    .bind(user.0.to_vec())
                    .bind(int(now_ms))
                    .execute(&mut *writing)
                    .await
                    .map_err(from_sqlx)?;
                writing.commit().await.map_err(from_sqlx)?;
                held.wrote(2);
                Ok(true)
            })
        })
        .await
}
