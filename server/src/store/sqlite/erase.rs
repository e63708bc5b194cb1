//! Erases what load tests left: their accounts, and the rooms in which nobody else is.

use std::sync::Arc;

use sqlx::{Connection, SqliteConnection};

use super::error::from_sqlx;
use super::value::Columns;
use super::writer::Writer;
use crate::store::Result;
use crate::store::shared::erase::{MESSAGES, STEPS};

/// One step of it, at most `limit` rows, so that senders get their turn between two; how many went.
pub(super) async fn load(writer: &Arc<Writer>, limit: u32) -> Result<u64> {
    for sql in [MESSAGES].into_iter().chain(STEPS) {
        let gone = writer
            .run(move |held| {
                Box::pin(async move {
                    let connection = held.connection().await?;
                    let gone = if sql == MESSAGES {
                        messages(connection, limit).await?
                    } else {
                        let done = sqlx::query(sql).bind(i64::from(limit)).execute(connection);
                        done.await.map_err(from_sqlx)?.rows_affected()
                    };
                    // Rooms and people that it knows may be among them.
                    held.cache.clear();
                    held.wrote(gone as usize);
                    Ok(gone)
                })
            })
            .await?;
        if gone > 0 {
            return Ok(gone);
        }
    }
    Ok(0)
}

async fn messages(connection: &mut SqliteConnection, limit: u32) -> Result<u64> {
    let mut writing = connection
        .begin_with("BEGIN IMMEDIATE")
        .await
        .map_err(from_sqlx)?;
    let gone = sqlx::query(MESSAGES)
        .bind(i64::from(limit))
        .fetch_all(&mut *writing)
        .await
        .map_err(from_sqlx)?;
    for row in &gone {
        if let Some(hash) = row.bytes(0)? {
            sqlx::query("UPDATE long_texts SET refs = max(refs - 1, 0) WHERE hash = ?")
                .bind(hash.to_vec())
                .execute(&mut *writing)
                .await
                .map_err(from_sqlx)?;
        }
    }
    writing.commit().await.map_err(from_sqlx)?;
    Ok(gone.len() as u64)
}
