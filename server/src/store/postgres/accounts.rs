//! Accounts.

use parlor_protocol::account::Person;
use parlor_protocol::limit::PAGE_ROWS;
use parlor_protocol::{Code, Refusal, UserId};
use sqlx::PgPool;

use super::error::{from_sqlx, is_constraint};
use super::value::{self, int, plain};
use crate::store::shared::account::Set;
use crate::store::shared::rows::{self, user_columns};
use crate::store::{NewUser, Result, UserRow};

pub(super) async fn create(
    pool: &PgPool,
    new: NewUser,
) -> Result<std::result::Result<(), Refusal>> {
    let done = sqlx::query(
        "WITH made AS (
            INSERT INTO users (id, name, folded, display_name, password_hash, administrator, unlimited, made_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id)
         INSERT INTO user_revs (\"user\", rev) SELECT id, 0 FROM made",
    )
    .bind(new.id.0)
    .bind(plain(new.name))
    .bind(plain(new.folded))
    .bind(plain(new.display_name))
    .bind(plain(new.password_hash))
    .bind(i64::from(new.administrator))
    .bind(i64::from(new.unlimited))
    .bind(int(new.made_at_ms))
    .execute(pool)
    .await;
    match done {
        Ok(_) => Ok(Ok(())),
        Err(error) if is_constraint(&error) => Ok(Err(Refusal::new(Code::NAME_TAKEN))),
        Err(error) => Err(from_sqlx(error)),
    }
}

pub(super) async fn is_empty(readers: &PgPool) -> Result<bool> {
    let row = sqlx::query("SELECT 1 FROM users LIMIT 1")
        .fetch_optional(readers)
        .await
        .map_err(from_sqlx)?;
    Ok(row.is_none())
}

pub(super) async fn by_id(readers: &PgPool, user: UserId) -> Result<Option<UserRow>> {
    let row = sqlx::query(concat!(
        "SELECT ",
        user_columns!(),
        " FROM users u WHERE u.id = $1"
    ))
    .bind(user.0.to_vec())
    .fetch_optional(readers)
    .await
    .map_err(from_sqlx)?;
    row.map(|row| rows::user(&row, 0)).transpose()
}

pub(super) async fn by_name(readers: &PgPool, folded: &str) -> Result<Option<UserRow>> {
    let row = sqlx::query(concat!(
        "SELECT ",
        user_columns!(),
        " FROM users u WHERE u.folded = $1"
    ))
    .bind(plain(folded.to_owned()))
    .fetch_optional(readers)
    .await
    .map_err(from_sqlx)?;
    row.map(|row| rows::user(&row, 0)).transpose()
}

pub(super) async fn all(
    readers: &PgPool,
    after: Option<UserId>,
    limit: u32,
) -> Result<Vec<UserRow>> {
    let rows = sqlx::query(concat!(
        "SELECT ",
        user_columns!(),
        " FROM users u WHERE u.id > $1 ORDER BY u.id LIMIT $2"
    ))
    .bind(after.map(|user| user.0.to_vec()).unwrap_or_default())
    .bind(i64::from(limit))
    .fetch_all(readers)
    .await
    .map_err(from_sqlx)?;
    rows.iter().map(|row| rows::user(row, 0)).collect()
}

/// At most one page of people by id and one by name.
pub(super) async fn people(
    readers: &PgPool,
    ids: &[UserId],
    folded_names: &[String],
) -> Result<Vec<Person>> {
    let bound = usize::from(PAGE_ROWS);
    let names: Vec<String> = folded_names
        .iter()
        .take(bound)
        .map(|name| plain(name.clone()))
        .collect();
    let rows = sqlx::query(
        "SELECT u.id, u.name, u.display_name FROM users u WHERE u.id = ANY($1) OR u.folded = ANY($2)",
    )
    .bind(value::ids(ids.iter().take(bound).copied()))
    .bind(names)
    .fetch_all(readers)
    .await
    .map_err(from_sqlx)?;
    rows.iter().map(rows::person).collect()
}

pub(super) async fn set(pool: &PgPool, user: UserId, set: Set) -> Result<()> {
    let query = match set {
        Set::Password(hash) => {
            sqlx::query("UPDATE users SET password_hash = $1 WHERE id = $2").bind(plain(hash))
        }
        Set::Disabled(flag) => {
            sqlx::query("UPDATE users SET disabled = $1 WHERE id = $2").bind(i64::from(flag))
        }
        Set::Administrator(flag) => {
            sqlx::query("UPDATE users SET administrator = $1 WHERE id = $2").bind(i64::from(flag))
        }
    };
    query
        .bind(user.0)
        .execute(pool)
        .await
        .map(drop)
        .map_err(from_sqlx)
}
