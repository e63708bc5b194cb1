//! Accounts.

use std::sync::Arc;

use parlor_protocol::account::Person;
use parlor_protocol::limit::PAGE_ROWS;
use parlor_protocol::{Code, Refusal, UserId};
use sqlx::{QueryBuilder, Sqlite, SqlitePool};

use super::error::{from_sqlx, is_constraint};
use super::value::{Rows, int};
use super::writer::Writer;
use crate::store::shared::account::Set;
use crate::store::shared::rows::{self, user_columns};
use crate::store::{NewUser, Result, UserRow};

pub(super) async fn create(
    writer: &Arc<Writer>,
    new: NewUser,
) -> Result<std::result::Result<(), Refusal>> {
    writer
        .run(move |held| {
            Box::pin(async move {
                let done = sqlx::query(
                    "INSERT INTO users (id, name, folded, display_name, password_hash, administrator, unlimited, made_at)
                     VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                )
                .bind(new.id.0.to_vec())
                .bind(new.name)
                .bind(new.folded)
                .bind(new.display_name)
                .bind(new.password_hash)
                .bind(new.administrator)
                .bind(new.unlimited)
                .bind(int(new.made_at_ms))
                .execute(held.connection().await?)
                .await;
                held.wrote(1);
                match done {
                    Ok(_) => Ok(Ok(())),
                    Err(error) if is_constraint(&error) => Ok(Err(Refusal::new(Code::NAME_TAKEN))),
                    Err(error) => Err(from_sqlx(error)),
                }
            })
        })
        .await
}

pub(super) async fn is_empty(readers: &SqlitePool) -> Result<bool> {
    let row = sqlx::query("SELECT 1 FROM users LIMIT 1")
        .fetch_optional(readers)
        .await
        .map_err(from_sqlx)?;
    Ok(row.is_none())
}

pub(super) async fn by_id(readers: &SqlitePool, user: UserId) -> Result<Option<UserRow>> {
    let row = sqlx::query(concat!(
        "SELECT ",
        user_columns!(),
        " FROM users u WHERE u.id = ?"
    ))
    .bind(user.0.to_vec())
    .fetch_optional(readers)
    .await
    .map_err(from_sqlx)?;
    row.map(|row| rows::user(&row, 0)).transpose()
}

pub(super) async fn by_name(readers: &SqlitePool, folded: &str) -> Result<Option<UserRow>> {
    let row = sqlx::query(concat!(
        "SELECT ",
        user_columns!(),
        " FROM users u WHERE u.folded = ?"
    ))
    .bind(folded)
    .fetch_optional(readers)
    .await
    .map_err(from_sqlx)?;
    row.map(|row| rows::user(&row, 0)).transpose()
}

pub(super) async fn all(
    readers: &SqlitePool,
    after: Option<UserId>,
    limit: u32,
) -> Result<Vec<UserRow>> {
    let rows = sqlx::query(concat!(
        "SELECT ",
        user_columns!(),
        " FROM users u WHERE u.id > ? ORDER BY u.id LIMIT ?"
    ))
    .bind(after.map(|user| user.0.to_vec()).unwrap_or_default())
    .bind(limit)
    .fetch_all(readers)
    .await
    .map_err(from_sqlx)?;
    rows.iter().map(|row| rows::user(row, 0)).collect()
}

/// At most one page of people by id and one by name.
pub(super) async fn people(
    readers: &SqlitePool,
    ids: &[UserId],
    folded_names: &[String],
) -> Result<Vec<Person>> {
    let bound = usize::from(PAGE_ROWS);
    let mut by_id = Rows::new();
    for id in ids.iter().take(bound) {
        by_id.blob(&id.0);
    }
    let mut query = QueryBuilder::<Sqlite>::new(
        "SELECT u.id, u.name, u.display_name FROM users u WHERE u.id IN (SELECT unhex(value) FROM json_each(",
    );
    query.push_bind(by_id.finish()).push("))");
    if !folded_names.is_empty() {
        query.push(" OR u.folded IN (");
        let mut names = query.separated(", ");
        for name in folded_names.iter().take(bound) {
            names.push_bind(name);
        }
        query.push(")");
    }
    let rows = query
        .build()
        .persistent(false)
        .fetch_all(readers)
        .await
        .map_err(from_sqlx)?;
    rows.iter().map(rows::person).collect()
}

pub(super) async fn set(writer: &Arc<Writer>, user: UserId, set: Set) -> Result<()> {
    writer
        .run(move |held| {
            Box::pin(async move {
                let query = match set {
                    Set::Password(hash) => {
                        sqlx::query("UPDATE users SET password_hash = ? WHERE id = ?").bind(hash)
                    }
                    Set::Disabled(flag) => {
                        sqlx::query("UPDATE users SET disabled = ? WHERE id = ?").bind(flag)
                    }
                    Set::Administrator(flag) => {
                        sqlx::query("UPDATE users SET administrator = ? WHERE id = ?").bind(flag)
                    }
                };
                query
                    .bind(user.0.to_vec())
                    .execute(held.connection().await?)
                    .await
                    .map_err(from_sqlx)?;
                held.forget_person(user);
                held.wrote(1);
                Ok(())
            })
        })
        .await
}
