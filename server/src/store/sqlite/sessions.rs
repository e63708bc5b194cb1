//! Sessions and their tokens.

use std::sync::Arc;

use parlor_protocol::{SessionId, UserId};
use sqlx::SqlitePool;

use super::error::from_sqlx;
use super::value::{Columns, int};
use super::writer::Writer;
use crate::store::shared::rows::{self, session_columns, user_columns};
use crate::store::{NewSession, Result, SessionFound, SessionRow, TokenHash};

/// Sessions listed of one person.
const LISTED: i64 = 1_000;

pub(super) async fn create(writer: &Arc<Writer>, new: NewSession) -> Result<()> {
    writer
        .run(move |held| {
            Box::pin(async move {
                let made_at = int(new.made_at_ms);
                sqlx::query(
                    "INSERT INTO sessions (id, user, token, token_at, device, address, made_at, seen_at, expires_at)
                     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                )
                .bind(new.id.0.to_vec())
                .bind(new.user.0.to_vec())
                .bind(new.token.to_vec())
                .bind(made_at)
                .bind(new.device)
                .bind(new.address)
                .bind(made_at)
                .bind(made_at)
                .bind(int(new.expires_at_ms))
                .execute(held.connection().await?)
                .await
                .map_err(from_sqlx)?;
                held.wrote(1);
                Ok(())
            })
        })
        .await
}

pub(super) async fn by_token(
    readers: &SqlitePool,
    hash: &TokenHash,
) -> Result<Option<SessionFound>> {
    let row = sqlx::query(concat!(
        "SELECT ",
        session_columns!(),
        ", s.token <> ?1, ",
        user_columns!(),
        " FROM sessions s JOIN users u ON u.id = s.user WHERE s.token = ?1 OR s.next_token = ?1"
    ))
    .bind(hash.to_vec())
    .fetch_optional(readers)
    .await
    .map_err(from_sqlx)?;
    row.as_ref().map(rows::session_found).transpose()
}

pub(super) async fn offer(
    writer: &Arc<Writer>,
    session: SessionId,
    next: &TokenHash,
    now_ms: u64,
) -> Result<()> {
    let next = next.to_vec();
    writer
        .run(move |held| {
            Box::pin(async move {
                sqlx::query(
                    "UPDATE sessions SET next_token = ?, seen_at = max(seen_at, ?) WHERE id = ?",
                )
                .bind(next)
                .bind(int(now_ms))
                .bind(session.0.to_vec())
                .execute(held.connection().await?)
                .await
                .map_err(from_sqlx)?;
                held.wrote(1);
                Ok(())
            })
        })
        .await
}

pub(super) async fn accept(
    writer: &Arc<Writer>,
    session: SessionId,
    next: &TokenHash,
    now_ms: u64,
) -> Result<()> {
    let next = next.to_vec();
    writer
        .run(move |held| {
            Box::pin(async move {
                sqlx::query(
                    "UPDATE sessions SET token = next_token, next_token = NULL, token_at = ?1, seen_at = max(seen_at, ?1)
                     WHERE id = ?2 AND next_token = ?3",
                )
                .bind(int(now_ms))
                .bind(session.0.to_vec())
                .bind(next)
                .execute(held.connection().await?)
                .await
                .map_err(from_sqlx)?;
                held.wrote(1);
                Ok(())
            })
        })
        .await
}

pub(super) async fn touch(writer: &Arc<Writer>, seen: &[(SessionId, u64, String)]) -> Result<()> {
    let rows: Vec<_> = seen
        .iter()
        .map(|(id, at_ms, address)| (data_encoding::HEXLOWER.encode(&id.0), at_ms, address))
        .collect();
    let Ok(rows) = serde_json::to_string(&rows) else {
        return Ok(());
    };
    let count = seen.len();
    writer
        .run(move |held| {
            Box::pin(async move {
                sqlx::query(
                    "UPDATE sessions SET seen_at = max(seen_at, j.value->>1), address = j.value->>2
                     FROM json_each(?) j WHERE sessions.id = unhex(j.value->>0)",
                )
                .bind(rows)
                .execute(held.connection().await?)
                .await
                .map_err(from_sqlx)?;
                held.wrote(count);
                Ok(())
            })
        })
        .await
}

pub(super) async fn of_user(readers: &SqlitePool, user: UserId) -> Result<Vec<SessionRow>> {
    let rows = sqlx::query(concat!(
        "SELECT ",
        session_columns!(),
        " FROM sessions s WHERE s.user = ? ORDER BY s.seen_at DESC LIMIT ?"
    ))
    .bind(user.0.to_vec())
    .bind(LISTED)
    .fetch_all(readers)
    .await
    .map_err(from_sqlx)?;
    rows.iter().map(rows::session).collect()
}

pub(super) async fn end(writer: &Arc<Writer>, user: UserId, session: SessionId) -> Result<bool> {
    writer
        .run(move |held| {
            Box::pin(async move {
                let done = sqlx::query("DELETE FROM sessions WHERE id = ? AND user = ?")
                    .bind(session.0.to_vec())
                    .bind(user.0.to_vec())
                    .execute(held.connection().await?)
                    .await
                    .map_err(from_sqlx)?;
                held.wrote(1);
                Ok(done.rows_affected() > 0)
            })
        })
        .await
}

pub(super) async fn end_all(
    writer: &Arc<Writer>,
    of: UserId,
    but: Option<SessionId>,
) -> Result<Vec<SessionId>> {
    writer
        .run(move |held| {
            Box::pin(async move {
                let rows =
                    sqlx::query("DELETE FROM sessions WHERE user = ? AND id <> ? RETURNING id")
                        .bind(of.0.to_vec())
                        .bind(but.map(|session| session.0.to_vec()).unwrap_or_default())
                        .fetch_all(held.connection().await?)
                        .await
                        .map_err(from_sqlx)?;
                held.wrote(rows.len());
                rows.iter().map(|row| row.session(0)).collect()
            })
        })
        .await
}
