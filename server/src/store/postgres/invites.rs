//! Invites: what a code opens, and who used it.

use parlor_protocol::{RoomId, UserId};
use sqlx::{PgPool, Row};

use super::error::from_sqlx;
use super::value::{Columns, int};
use crate::store::shared::columns::damaged;
use crate::store::{CodeHash, InviteRow, NewInvite, Result};

pub(super) async fn create(pool: &PgPool, new: NewInvite) -> Result<()> {
    let rooms: Vec<_> = new.rooms.iter().map(|room| room.0).collect();
    sqlx::query(
        "WITH made AS (
            INSERT INTO invites (code, maker, uses, made_at, expires_at, owner)
            VALUES ($1, $2, $3, $4, $5, $6) RETURNING code)
         INSERT INTO invite_rooms (code, place, room)
         SELECT made.code, r.place, r.room
         FROM made, UNNEST($7::bytea[]) WITH ORDINALITY AS r(room, place)",
    )
    .bind(new.code)
    .bind(new.maker.map(|user| user.0))
    .bind(i64::from(new.uses))
    .bind(int(new.made_at_ms))
    .bind(int(new.expires_at_ms))
    .bind(i64::from(new.owner))
    .bind(rooms)
    .execute(pool)
    .await
    .map(drop)
    .map_err(from_sqlx)
}

pub(super) async fn by_code(
    pool: &PgPool,
    code: &CodeHash,
    user: Option<UserId>,
    now_ms: u64,
) -> Result<Option<InviteRow>> {
    let row = sqlx::query(
        "SELECT i.owner, i.expires_at,
            ARRAY(SELECT r.room FROM invite_rooms r WHERE r.code = i.code ORDER BY r.place), i.maker
         FROM invites i
         WHERE i.code = $1 AND i.expires_at > $2 AND (i.uses = 0 OR i.used < i.uses
            OR EXISTS (SELECT 1 FROM invite_uses u WHERE u.code = i.code AND u.user = $3))",
    )
    .bind(*code)
    .bind(int(now_ms))
    .bind(user.map(|user| user.0))
    .fetch_optional(pool)
    .await
    .map_err(from_sqlx)?;
    let Some(row) = row else { return Ok(None) };
    let rooms: Vec<Vec<u8>> = row.try_get(2).map_err(from_sqlx)?;
    let room =
        |bytes: &Vec<u8>| RoomId::from_slice(bytes).ok_or_else(|| damaged("a room of an invite"));
    Ok(Some(InviteRow {
        maker: row.optional_fixed(3)?.map(UserId),
        rooms: rooms.iter().map(room).collect::<Result<_>>()?,
        owner: row.flag(0)?,
        expires_at_ms: row.number(1)?,
    }))
}

pub(super) async fn use_once(
    pool: &PgPool,
    code: &CodeHash,
    user: UserId,
    now_ms: u64,
) -> Result<bool> {
    let mut writing = pool.begin().await.map_err(from_sqlx)?;
    // The invite's row is the lock: whoever comes second sees the first one's use.
    let invite = sqlx::query("SELECT 1 FROM invites WHERE code = $1 FOR UPDATE")
        .bind(*code)
        .fetch_optional(&mut *writing)
        .await
        .map_err(from_sqlx)?;
    if invite.is_none() {
        return Ok(false);
    }
    let known = sqlx::query("SELECT 1 FROM invite_uses WHERE code = $1 AND \"user\" = $2")
        .bind(*code)
        .bind(user.0)
        .fetch_optional(&mut *writing)
        .await
        .map_err(from_sqlx)?;
    if known.is_some() {
        return Ok(true);
    }
    let counted = sqlx::query(
        "WITH counted AS (
            UPDATE invites SET used = used + 1
            WHERE code = $1 AND expires_at > $3 AND (uses = 0 OR used < uses) RETURNING code)
         INSERT INTO invite_uses (code, \"user\", used_at) SELECT code, $2, $3 FROM counted",
    )
    .bind(*code)
    .bind(user.0)
    .bind(int(now_ms))
    .execute(&mut *writing)
    .await
    .map_err(from_sqlx)?
    .rows_affected();
    writing.commit().await.map_err(from_sqlx)?;
    Ok(counted > 0)
}
