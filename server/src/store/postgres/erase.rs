//! Erases what load tests left: their accounts, and the rooms in which nobody else is.

use std::collections::BTreeMap;

use sqlx::{PgPool, Row};

use super::error::from_sqlx;
use crate::store::Result;

/// Rooms that an account of a load test owns and in which only such accounts are.
macro_rules! load_rooms {
    () => {
        "SELECT m.room FROM users u JOIN members m ON m.user = u.id
         WHERE u.unlimited = 1 AND m.role = 30 AND NOT EXISTS (SELECT 1 FROM members o
            JOIN users p ON p.id = o.user WHERE o.room = m.room AND p.unlimited = 0)"
    };
}

/// In this order, each until nothing is left of it. The room's own row stays, without a name or a
/// member: its number stands in other people's rows, and must not come to mean another room.
const STEPS: [&str; 9] = [
    concat!(
        "DELETE FROM messages WHERE (room, timeline, seq) IN (SELECT g.room, g.timeline, g.seq
            FROM messages g WHERE g.room IN (",
        load_rooms!(),
        ") LIMIT $1) RETURNING long_hash"
    ),
    concat!(
        "DELETE FROM room_changes WHERE (room, rev) IN (SELECT c.room, c.rev
            FROM room_changes c WHERE c.room IN (",
        load_rooms!(),
        ") LIMIT $1) RETURNING NULL::bytea"
    ),
    concat!(
        "DELETE FROM timelines WHERE (room, root) IN (SELECT t.room, t.root
            FROM timelines t WHERE t.room IN (",
        load_rooms!(),
        ") LIMIT $1) RETURNING NULL::bytea"
    ),
    concat!(
        "UPDATE rooms SET kind = 1, name = '', folded = '', topic = '', floor = head + 1, members = 0,
            owners = 0 WHERE id IN (SELECT id FROM rooms WHERE name <> '' AND id IN (",
        load_rooms!(),
        ") LIMIT $1) RETURNING NULL::bytea"
    ),
    "DELETE FROM members WHERE (room, \"user\") IN (SELECT m.room, m.user
        FROM members m JOIN rooms r ON r.id = m.room WHERE r.name = '' AND r.kind = 1 LIMIT $1) RETURNING NULL::bytea",
    "DELETE FROM markers WHERE (\"user\", room, timeline) IN (SELECT k.user, k.room, k.timeline
        FROM users u JOIN markers k ON k.user = u.id WHERE u.unlimited = 1 LIMIT $1) RETURNING NULL::bytea",
    "DELETE FROM user_changes WHERE (\"user\", kind, room) IN (SELECT c.user, c.kind, c.room
        FROM users u JOIN user_changes c ON c.user = u.id WHERE u.unlimited = 1
            AND NOT EXISTS (SELECT 1 FROM members m WHERE m.room = c.room AND m.user = c.user)
        LIMIT $1) RETURNING NULL::bytea",
    "DELETE FROM sessions WHERE id IN (SELECT s.id
        FROM users u JOIN sessions s ON s.user = u.id WHERE u.unlimited = 1 LIMIT $1) RETURNING NULL::bytea",
    // Whoever is in a direct room with somebody stays, disabled: that room is the other one's, too.
    "DELETE FROM users WHERE id IN (SELECT u.id FROM users u WHERE u.unlimited = 1
        AND NOT EXISTS (SELECT 1 FROM members m WHERE m.user = u.id)
        AND NOT EXISTS (SELECT 1 FROM invites i WHERE i.maker = u.id)
        AND NOT EXISTS (SELECT 1 FROM invite_uses i WHERE i.user = u.id) LIMIT $1) RETURNING NULL::bytea",
];

/// One step of it, at most `limit` rows, so that senders get their turn between two; how many went.
pub(super) async fn load(pool: &PgPool, limit: u32) -> Result<u64> {
    for sql in STEPS {
        let gone = step(pool, sql, limit).await?;
        if gone > 0 {
            return Ok(gone);
        }
    }
    Ok(0)
}

async fn step(pool: &PgPool, sql: &'static str, limit: u32) -> Result<u64> {
    let mut writing = pool.begin().await.map_err(from_sqlx)?;
    let gone = sqlx::query(sql)
        .bind(i64::from(limit))
        .fetch_all(&mut *writing)
        .await
        .map_err(from_sqlx)?;
    // In order, so that two who erase do not wait for each other.
    let mut named: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
    for row in &gone {
        let long: Option<Vec<u8>> = row.try_get(0).map_err(from_sqlx)?;
        if let Some(hash) = long {
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
