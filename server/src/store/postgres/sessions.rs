//! Sessions and their tokens.

use std::collections::BTreeMap;

use parlor_protocol::{SessionId, UserId};
use sqlx::PgPool;
use sqlx::postgres::PgQueryResult;

use super::error::from_sqlx;
use super::value::{Columns, int, plain};
use crate::store::shared::rows::{self, session_columns, user_columns};
use crate::store::{NewSession, Result, SessionFound, SessionRow, TokenHash};

/// Sessions listed of one person.
const LISTED: i64 = 1_000;

pub(super) async fn create(pool: &PgPool, new: NewSession) -> Result<()> {
    let made_at = int(new.made_at_ms);
    let insert = sqlx::query(
        "INSERT INTO sessions (id, \"user\", token, token_at, device, address, made_at, seen_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $4, $4, $7)",
    )
    .bind(new.id.0)
    .bind(new.user.0)
    .bind(new.token)
    .bind(made_at)
    .bind(plain(new.device))
    .bind(plain(new.address))
    .bind(int(new.expires_at_ms));
    done(insert.execute(pool).await)
}

pub(super) async fn by_token(readers: &PgPool, hash: &TokenHash) -> Result<Option<SessionFound>> {
    let row = sqlx::query(concat!(
        "SELECT ",
        session_columns!(),
        ", s.token <> $1, ",
        user_columns!(),
        " FROM sessions s JOIN users u ON u.id = s.user WHERE s.token = $1 OR s.next_token = $1"
    ))
    .bind(hash.to_vec())
    .fetch_optional(readers)
    .await
    .map_err(from_sqlx)?;
    row.as_ref().map(rows::session_found).transpose()
}

pub(super) async fn offer(
    pool: &PgPool,
    session: SessionId,
    next: &TokenHash,
    now_ms: u64,
) -> Result<()> {
    let update = sqlx::query(
        "UPDATE sessions SET next_token = $1, seen_at = greatest(seen_at, $2) WHERE id = $3",
    )
    .bind(*next)
    .bind(int(now_ms))
    .bind(session.0);
    done(update.execute(pool).await)
}

pub(super) async fn accept(
    pool: &PgPool,
    session: SessionId,
    next: &TokenHash,
    now_ms: u64,
) -> Result<()> {
    let update = sqlx::query(
        "UPDATE sessions SET token = next_token, next_token = NULL, token_at = $1,
            seen_at = greatest(seen_at, $1)
         WHERE id = $2 AND next_token = $3",
    )
    .bind(int(now_ms))
    .bind(session.0)
    .bind(*next);
    done(update.execute(pool).await)
}

pub(super) async fn touch(pool: &PgPool, seen: &[(SessionId, u64, String)]) -> Result<()> {
    // Of one session the newest alone: a statement changes a row once. Rows are locked in the order
    // of their ids, so that two nodes do not wait for each other.
    let mut newest: BTreeMap<SessionId, (u64, &str)> = BTreeMap::new();
    for (id, at_ms, address) in seen {
        let place = newest.entry(*id).or_insert((*at_ms, address));
        if *at_ms >= place.0 {
            *place = (*at_ms, address);
        }
    }
    let ids: Vec<_> = newest.keys().map(|id| id.0).collect();
    let (at, addresses): (Vec<_>, Vec<_>) = newest
        .values()
        .map(|(at_ms, address)| (int(*at_ms), plain((*address).to_owned())))
        .unzip();
    let update = sqlx::query(
        "WITH seen AS (
            SELECT s.id, n.at, n.address
            FROM UNNEST($1::bytea[], $2::bigint[], $3::text[]) AS n(id, at, address)
            JOIN sessions s ON s.id = n.id ORDER BY s.id FOR UPDATE OF s)
         UPDATE sessions SET seen_at = greatest(sessions.seen_at, seen.at), address = seen.address
         FROM seen WHERE sessions.id = seen.id",
    )
    .bind(ids)
    .bind(at)
    .bind(addresses);
    done(update.execute(pool).await)
}

pub(super) async fn of_user(readers: &PgPool, user: UserId) -> Result<Vec<SessionRow>> {
    let rows = sqlx::query(concat!(
        "SELECT ",
        session_columns!(),
        " FROM sessions s WHERE s.user = $1 ORDER BY s.seen_at DESC LIMIT $2"
    ))
    .bind(user.0.to_vec())
    .bind(LISTED)
    .fetch_all(readers)
    .await
    .map_err(from_sqlx)?;
    rows.iter().map(rows::session).collect()
}

pub(super) async fn end(pool: &PgPool, user: UserId, session: SessionId) -> Result<bool> {
    let delete = sqlx::query("DELETE FROM sessions WHERE id = $1 AND \"user\" = $2")
        .bind(session.0)
        .bind(user.0);
    let done = delete.execute(pool).await.map_err(from_sqlx)?;
    Ok(done.rows_affected() > 0)
}

pub(super) async fn end_all(
    pool: &PgPool,
    of: UserId,
    but: Option<SessionId>,
) -> Result<Vec<SessionId>> {
    let rows = sqlx::query("DELETE FROM sessions WHERE \"user\" = $1 AND id <> $2 RETURNING id")
        .bind(of.0)
        .bind(but.map(|session| session.0.to_vec()).unwrap_or_default())
        .fetch_all(pool)
        .await
        .map_err(from_sqlx)?;
    rows.iter().map(|row| row.session(0)).collect()
}

fn done(result: sqlx::Result<PgQueryResult>) -> Result<()> {
    result.map(drop).map_err(from_sqlx)
}
