//! What a batch must know before it is decided. When the cache holds it all, nothing is read.

use std::collections::{HashMap, HashSet};

use parlor_protocol::message::Timeline;
use parlor_protocol::room::RoomKind;
use parlor_protocol::{RoomId, SendKey, UserId};
use sqlx::SqliteConnection;

use super::cache::{Cache, CachedPerson};
use super::error::from_sqlx;
use super::found::{Found, named};
use super::value::{Columns, Rows, int};
use crate::room::rules::{First, PersonFacts, TimelineState, room_of};
use crate::store::shared::rows;
use crate::store::{Change, Result, RoomCommand};

/// A key younger than this is taken for new, ms: if it is not, its row refuses the transaction, and
/// the batch is decided again with every key looked up. Retries after a lost link are older.
const KEY_TAKEN_FOR_NEW_MS: u64 = 20_000;

/// Brings into the cache what the commands name. `careful` looks up every send key and new room.
pub(super) async fn load(
    connection: &mut SqliteConnection,
    cache: &mut Cache,
    commands: &[RoomCommand],
    careful: bool,
    now_ms: u64,
) -> Result<Found> {
    let mut found = Found::default();
    let asked = rooms_asked(cache, commands, careful);
    if !asked.is_empty() {
        load_rooms(connection, cache, asked).await?;
    }
    let named = named(commands);
    load_people(connection, cache, &named).await?;
    load_members(connection, cache, &named).await?;
    load_threads(connection, cache, commands).await?;
    let keys = keys_asked(cache, commands, careful, now_ms);
    if !keys.is_empty() {
        found.keys = load_keys(connection, keys).await?;
    }
    load_names(connection, commands, &mut found).await?;
    load_texts(connection, commands, &mut found).await?;
    load_gone(connection, cache, commands, &mut found).await?;
    Ok(found)
}

fn rooms_asked(cache: &Cache, commands: &[RoomCommand], careful: bool) -> Rows {
    let mut asked = Rows::new();
    for command in commands {
        let room = room_of(command);
        // The id of a new room was made for it.
        let new = matches!(command.change, Change::Create { .. }) && !careful;
        if !new && cache.peek(room).is_none() {
            asked.blob(&room.0);
        }
    }
    asked
}

async fn load_rooms(
    connection: &mut SqliteConnection,
    cache: &mut Cache,
    asked: Rows,
) -> Result<()> {
    let rows = sqlx::query(
        "SELECT r.id, r.room, r.kind, r.name, r.folded, r.topic, r.rev, r.head, r.floor, r.last_at, r.members,
            r.owners, EXISTS (SELECT 1 FROM messages g WHERE g.room = r.id AND g.state = 2)
         FROM json_each(?) j JOIN rooms r ON r.room = unhex(j.value)",
    )
    .bind(asked.finish())
    .fetch_all(connection)
    .await
    .map_err(from_sqlx)?;
    for row in &rows {
        let cached = rows::cached_room(row, row.flag(12)?)?;
        if cache.peek(cached.state.room).is_none() {
            cache.put_room(cached);
        }
    }
    Ok(())
}

pub(super) async fn load_people(
    connection: &mut SqliteConnection,
    cache: &mut Cache,
    named: &[(RoomId, UserId)],
) -> Result<()> {
    let mut asked = Rows::new();
    for (_, user) in named {
        // `get` rather than `contains`, so that nobody this batch names is the one to be forgotten.
        if cache.people.get(user).is_none() {
            asked.blob(&user.0);
        }
    }
    if asked.is_empty() {
        return Ok(());
    }
    let rows = sqlx::query(
        "SELECT u.id, u.name, u.display_name, u.disabled,
            (SELECT count(*) FROM members m WHERE m.user = u.id),
            max(coalesce((SELECT max(k.rev) FROM markers k WHERE k.user = u.id), 0),
                coalesce((SELECT max(c.rev) FROM user_changes c WHERE c.user = u.id), 0))
         FROM json_each(?) j JOIN users u ON u.id = unhex(j.value)",
    )
    .bind(asked.finish())
    .fetch_all(connection)
    .await
    .map_err(from_sqlx)?;
    for row in &rows {
        let facts = PersonFacts {
            disabled: row.flag(3)?,
            rooms: row.number(4)? as usize,
        };
        let person = CachedPerson {
            name: row.text(1)?,
            display_name: row.text(2)?,
            facts,
            rev: row.number(5)?,
        };
        cache.people.put(row.user(0)?, person);
    }
    Ok(())
}

pub(super) async fn load_members(
    connection: &mut SqliteConnection,
    cache: &mut Cache,
    named: &[(RoomId, UserId)],
) -> Result<()> {
    let mut asked = Rows::new();
    for (room, user) in named {
        if let Some(cached) = cache.peek(*room)
            && !cached.state.members.contains_key(user)
        {
            asked.row(&[&room.0, &user.0], &[cached.number.unsigned_abs()]);
        }
    }
    if asked.is_empty() {
        return Ok(());
    }
    let rows = sqlx::query(
        "SELECT unhex(j.value->>0), unhex(j.value->>1), coalesce(m.role, 0), coalesce(m.visible_from, 0),
            coalesce(k.seq, 0)
         FROM json_each(?) j
         LEFT JOIN members m ON m.room = j.value->>2 AND m.user = unhex(j.value->>1)
         LEFT JOIN markers k ON k.user = unhex(j.value->>1) AND k.room = j.value->>2 AND k.timeline = 0",
    )
    .bind(asked.finish())
    .fetch_all(connection)
    .await
    .map_err(from_sqlx)?;
    for row in &rows {
        let member = rows::membership(row, 2)?;
        if let Some(cached) = cache.room(row.room(0)?) {
            cached.state.members.insert(row.user(1)?, member);
        }
    }
    cache.grew(rows.len());
    Ok(())
}

async fn load_threads(
    connection: &mut SqliteConnection,
    cache: &mut Cache,
    commands: &[RoomCommand],
) -> Result<()> {
    let mut asked = Rows::new();
    let mut count = 0;
    for command in commands {
        let Change::Post { timeline, .. } = command.change else {
            continue;
        };
        if timeline != Timeline::ROOM
            && let Some(cached) = cache.room(command.room)
            && !cached.state.threads.contains_key(&timeline)
        {
            // Says that it was looked for; a row takes its place.
            cached.state.threads.insert(timeline, TimelineState::EMPTY);
            asked.row(
                &[&command.room.0],
                &[cached.number.unsigned_abs(), timeline.0],
            );
            count += 1;
        }
    }
    if asked.is_empty() {
        return Ok(());
    }
    cache.grew(count);
    let rows = sqlx::query(
        "SELECT unhex(j.value->>0), t.root, t.head, t.floor, t.last_at
         FROM json_each(?) j JOIN timelines t ON t.room = j.value->>1 AND t.root = j.value->>2",
    )
    .bind(asked.finish())
    .fetch_all(connection)
    .await
    .map_err(from_sqlx)?;
    for row in &rows {
        let place = rows::timeline(row, 2)?;
        if let Some(cached) = cache.room(row.room(0)?) {
            cached.state.threads.insert(Timeline(row.number(1)?), place);
        }
    }
    Ok(())
}

fn keys_asked(cache: &mut Cache, commands: &[RoomCommand], careful: bool, now_ms: u64) -> Rows {
    let mut asked = Rows::new();
    let mut here = HashSet::new();
    for command in commands {
        let (key, sender) = (command.send_key, command.actor);
        let made_at_ms = key.made_at_ms().unwrap_or(0);
        let young = made_at_ms.saturating_add(KEY_TAKEN_FOR_NEW_MS) > now_ms;
        if (careful || !young) && cache.recent.get(&(key, sender)).is_none() {
            asked.row(&[&key.0, &sender.0], &[]);
        }
        if let Change::Post {
            after: Some(after), ..
        } = command.change
            && !here.contains(&(after, sender))
            && cache.recent.get(&(after, sender)).is_none()
        {
            asked.row(&[&after.0, &sender.0], &[]);
        }
        here.insert((key, sender));
    }
    asked
}

async fn load_keys(
    connection: &mut SqliteConnection,
    asked: Rows,
) -> Result<HashMap<(SendKey, UserId), First>> {
    let rows = sqlx::query(
        "SELECT k.key, k.sender, k.what, r.room, k.seq, k.rev, k.at
         FROM json_each(?) j
         JOIN send_keys k ON k.key = unhex(j.value->>0) AND k.sender = unhex(j.value->>1)
         JOIN rooms r ON r.id = k.room",
    )
    .bind(asked.finish())
    .fetch_all(connection)
    .await
    .map_err(from_sqlx)?;
    rows.iter().map(rows::first_result).collect()
}

async fn load_names(
    connection: &mut SqliteConnection,
    commands: &[RoomCommand],
    found: &mut Found,
) -> Result<()> {
    for command in commands {
        let Change::Create {
            kind: RoomKind::PUBLIC,
            name,
            ..
        } = &command.change
        else {
            continue;
        };
        let taken = sqlx::query("SELECT 1 FROM rooms WHERE kind = 0 AND folded = ?")
            .bind(&name.folded)
            .fetch_optional(&mut *connection)
            .await
            .map_err(from_sqlx)?;
        if taken.is_some() {
            found.names.insert(name.folded.clone());
        }
    }
    Ok(())
}

async fn load_texts(
    connection: &mut SqliteConnection,
    commands: &[RoomCommand],
    found: &mut Found,
) -> Result<()> {
    let mut asked = Rows::new();
    for command in commands {
        if let Change::Post {
            long: Some(long), ..
        } = &command.change
        {
            asked.blob(&long.hash);
        }
    }
    if asked.is_empty() {
        return Ok(());
    }
    let rows = sqlx::query(
        "SELECT t.hash, length(t.text) FROM json_each(?) j JOIN long_texts t ON t.hash = unhex(j.value)",
    )
    .bind(asked.finish())
    .fetch_all(connection)
    .await
    .map_err(from_sqlx)?;
    for row in &rows {
        found.texts.insert(row.fixed(0)?, row.number(1)?);
    }
    Ok(())
}

async fn load_gone(
    connection: &mut SqliteConnection,
    cache: &Cache,
    commands: &[RoomCommand],
    found: &mut Found,
) -> Result<()> {
    for command in commands {
        let Change::SetRole { user, .. } = command.change else {
            continue;
        };
        let Some(cached) = cache.peek(command.room).filter(|cached| cached.gone) else {
            continue;
        };
        let Some(member) = cached.state.member(user) else {
            continue;
        };
        let gone = gone_after(connection, cached.number, Timeline::ROOM, member.read).await?;
        found.gone.insert((command.room, user), gone);
    }
    Ok(())
}

/// Tombstones after a marker, which unread counts leave out.
pub(super) async fn gone_after(
    connection: &mut SqliteConnection,
    room: i64,
    timeline: Timeline,
    seq: u64,
) -> Result<u64> {
    let row = sqlx::query(
        "SELECT count(*) FROM messages WHERE room = ? AND timeline = ? AND seq > ? AND state = 2",
    )
    .bind(room)
    .bind(int(timeline.0))
    .bind(int(seq))
    .fetch_one(connection)
    .await
    .map_err(from_sqlx)?;
    row.number(0)
}

/// Brings rooms into the cache that commands other than append's are about.
pub(super) async fn load_marked_rooms(
    connection: &mut SqliteConnection,
    cache: &mut Cache,
    named: &[(RoomId, UserId)],
) -> Result<()> {
    let mut asked = Rows::new();
    for (room, _) in named {
        if cache.room(*room).is_none() {
            asked.blob(&room.0);
        }
    }
    if asked.is_empty() {
        return Ok(());
    }
    load_rooms(connection, cache, asked).await
}

/// The newest seq of a thread; 0 where there is none.
pub(super) async fn thread_head(
    connection: &mut SqliteConnection,
    room: i64,
    timeline: Timeline,
) -> Result<u64> {
    let row = sqlx::query("SELECT head FROM timelines WHERE room = ? AND root = ?")
        .bind(room)
        .bind(int(timeline.0))
        .fetch_optional(connection)
        .await
        .map_err(from_sqlx)?;
    row.map_or(Ok(0), |row| row.number(0))
}

/// Where a person's marker of a thread stands.
pub(super) async fn thread_marker(
    connection: &mut SqliteConnection,
    user: UserId,
    room: i64,
    timeline: Timeline,
) -> Result<u64> {
    let row = sqlx::query("SELECT seq FROM markers WHERE user = ? AND room = ? AND timeline = ?")
        .bind(user.0.to_vec())
        .bind(room)
        .bind(int(timeline.0))
        .fetch_optional(connection)
        .await
        .map_err(from_sqlx)?;
    row.map_or(Ok(0), |row| row.number(0))
}
