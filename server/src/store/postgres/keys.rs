//! The rest of what a batch must know: send keys, names taken, texts uploaded, tombstones.

use std::collections::{BTreeSet, HashMap, HashSet};

use parlor_protocol::room::RoomKind;
use parlor_protocol::{RoomId, SendKey, UserId};
use sqlx::PgConnection;
use sqlx::postgres::PgRow;

use super::failure::Failure;
use super::value::{Columns, int};
use crate::room::rules::First;
use crate::store::shared::cache::Cache;
use crate::store::shared::rows;
use crate::store::{Change, Result, RoomCommand};

type Looked<T> = std::result::Result<T, Failure>;

/// The first results under the commands' keys and those that they name as predecessors.
pub(super) async fn load(
    connection: &mut PgConnection,
    commands: &[RoomCommand],
) -> Looked<HashMap<(SendKey, UserId), First>> {
    let mut asked = BTreeSet::new();
    for command in commands {
        asked.insert((command.send_key.0, command.actor.0));
        if let Change::Post {
            after: Some(after), ..
        } = command.change
        {
            asked.insert((after.0, command.actor.0));
        }
    }
    let (keys, senders): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
    let rows = sqlx::query(
        "SELECT k.key, k.sender, k.what, r.room, k.seq, k.rev, k.at
         FROM UNNEST($1::bytea[], $2::bytea[]) AS n(key, sender)
         JOIN send_keys k ON k.key = n.key AND k.sender = n.sender
         JOIN rooms r ON r.id = k.room",
    )
    .bind(keys)
    .bind(senders)
    .fetch_all(connection)
    .await?;
    Ok(rows.iter().map(rows::first_result).collect::<Result<_>>()?)
}

/// Which of the names that public rooms are to get are taken. Whoever takes one at the same time
/// breaks a constraint, and is decided again.
pub(super) async fn names(
    connection: &mut PgConnection,
    commands: &[RoomCommand],
) -> Looked<HashSet<String>> {
    let asked: Vec<String> = commands
        .iter()
        .filter_map(|command| match &command.change {
            Change::Create {
                kind: RoomKind::PUBLIC,
                name,
                ..
            } => Some(super::value::plain(name.folded.clone())),
            _ => None,
        })
        .collect();
    if asked.is_empty() {
        return Ok(HashSet::new());
    }
    let rows = sqlx::query("SELECT folded FROM rooms WHERE kind = 0 AND folded = ANY($1)")
        .bind(asked)
        .fetch_all(connection)
        .await?;
    Ok(rows.iter().map(|row| row.text(0)).collect::<Result<_>>()?)
}

/// The texts that posts name, locked so that none is pruned before it is counted.
pub(super) async fn texts(
    connection: &mut PgConnection,
    commands: &[RoomCommand],
) -> Looked<HashMap<[u8; 32], u64>> {
    let asked: BTreeSet<[u8; 32]> = commands
        .iter()
        .filter_map(|command| match command.change {
            Change::Post {
                long: Some(long), ..
            } => Some(long.hash),
            _ => None,
        })
        .collect();
    if asked.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = sqlx::query(
        "SELECT hash, length(text)::bigint FROM long_texts WHERE hash = ANY($1)
         ORDER BY hash FOR NO KEY UPDATE",
    )
    .bind(Vec::from_iter(asked))
    .fetch_all(connection)
    .await?;
    let text = |row: &PgRow| Ok((row.fixed(0)?, row.number(1)?));
    Ok(rows.iter().map(text).collect::<Result<_>>()?)
}

/// Tombstones after the markers of members whose role changes.
pub(super) async fn gone(
    connection: &mut PgConnection,
    cache: &Cache,
    about: RoomId,
    commands: &[RoomCommand],
) -> Looked<HashMap<(RoomId, UserId), u64>> {
    let Some(cached) = cache.peek(about) else {
        return Ok(HashMap::new());
    };
    let (people, read): (Vec<_>, Vec<_>) = commands
        .iter()
        .filter_map(|command| match command.change {
            Change::SetRole { user, .. } => Some((user, cached.state.member(user)?)),
            _ => None,
        })
        .map(|(user, member)| (user.0, int(member.read)))
        .unzip();
    if people.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = sqlx::query(
        "SELECT n.id, (SELECT count(*) FROM messages m
            WHERE m.room = $1 AND m.timeline = 0 AND m.seq > n.seq AND m.state = 2)
         FROM UNNEST($2::bytea[], $3::bigint[]) AS n(id, seq)",
    )
    .bind(cached.number)
    .bind(people)
    .bind(read)
    .fetch_all(connection)
    .await?;
    let count = |row: &PgRow| Ok(((about, row.user(0)?), row.number(1)?));
    Ok(rows.iter().map(count).collect::<Result<_>>()?)
}
