//! Drops what has expired, a little at a time.

use sqlx::PgPool;

use super::error::from_sqlx;
use super::value::int;
use crate::store::Result;
use crate::store::shared::prune::Expiring;

// What somebody holds now is left for the next time.
const EXPIRING: Expiring = Expiring {
    sessions: "DELETE FROM sessions WHERE id IN
    (SELECT id FROM sessions WHERE expires_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)",
    invites: "DELETE FROM invites WHERE code IN
    (SELECT code FROM invites WHERE expires_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)",
    texts: "DELETE FROM long_texts WHERE hash IN
    (SELECT hash FROM long_texts WHERE refs = 0 AND made_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)",
    // Keys grow with time, so those that can have expired lie below the one that begins at that time;
    // among them are a few young rows of messages that waited long in an outbox.
    send_keys: "DELETE FROM send_keys WHERE (key, sender) IN
    (SELECT key, sender FROM send_keys
     WHERE key < substring(int8send($1) FROM 3) AND at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)",
};

pub(super) async fn prune(pool: &PgPool, now_ms: u64, limit: u32) -> Result<u64> {
    let mut gone = 0;
    for (sql, before_ms) in EXPIRING.at(now_ms) {
        let left = u64::from(limit).saturating_sub(gone);
        if left == 0 {
            break;
        }
        gone += step(pool, sql, before_ms, left).await?;
    }
    Ok(gone)
}

/// One statement, so that senders get their turn between two.
async fn step(pool: &PgPool, sql: &'static str, before_ms: u64, limit: u64) -> Result<u64> {
    let done = sqlx::query(sql)
        .bind(int(before_ms))
        .bind(int(limit))
        .execute(pool)
        .await
        .map_err(from_sqlx)?;
    Ok(done.rows_affected())
}
