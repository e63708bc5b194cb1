//! Erases what load tests left: their accounts, and the rooms in which nobody else is.

use std::collections::BTreeMap;

use sqlx::PgPool;

use super::error::from_sqlx;
use super::value::Columns;
use crate::store::Result;
use crate::store::shared::erase::{MESSAGES, STEPS};

/// One step of it, at most `limit` rows, so that senders get their turn between two; how many went.
pub(super) async fn load(pool: &PgPool, limit: u32) -> Result<u64> {
    let gone = messages(pool, limit).await?;
    if gone > 0 {
        return Ok(gone);
    }
    for sql in STEPS {
        let done = sqlx::query(sql).bind(i64::from(limit)).execute(pool);
        let gone = done.await.map_err(from_sqlx)?.rows_affected();
        if gone > 0 {
            return Ok(gone);
        }
    }
    Ok(0)
}

async fn messages(pool: &PgPool, limit: u32) -> Result<u64> {
    let mut writing = pool.begin().await.map_err(from_sqlx)?;
    let gone = sqlx::query(MESSAGES)
        .bind(i64::from(limit))
        .fetch_all(&mut *writing)
        .await
        .map_err(from_sqlx)?;
    // In order, so that two who erase do not wait for each other.
    let mut named: BTreeMap<&[u8], i64> = BTreeMap::new();
    for row in &gone {
        if let Some(hash) = row.bytes(0)? {
            *named.entry(hash).or_default() += 1;
        }
    }
    for (hash, times) in named {
        sqlx::query("UPDATE long_texts SET refs = greatest(refs - $2, 0) WHERE hash = $1")
            .bind(hash)
            .bind(times)
            .execute(&mut *writing)
            .await
            .map_err(from_sqlx)?;
    }
    writing.commit().await.map_err(from_sqlx)?;
    Ok(gone.len() as u64)
}
