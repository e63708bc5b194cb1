//! Locks a batch's room and people, then looks at what the batch must know. Under the locks nothing
//! looked at can change before the transaction ends.
//!
//! Each look is a statement of its own: it sees what was committed before it began, so what stands
//! behind a lock is read by a later statement than the one that takes the lock.

use std::collections::{BTreeMap, BTreeSet};

use parlor_protocol::message::Timeline;
use parlor_protocol::{RoomId, UserId};
use sqlx::PgConnection;

use super::failure::Failure;
use super::keys;
use super::value::{Columns, int};
use crate::room::rules::PersonFacts;
use crate::store::shared::cache::{Cache, CachedPerson, CachedRoom};
use crate::store::shared::found::{Found, named};
use crate::store::shared::rows;
use crate::store::{Change, Result, RoomCommand};

/// What a batch of one room is decided on.
pub(super) struct Looked {
    pub(super) cache: Cache,
    pub(super) found: Found,
    /// The number that the room gets where the batch makes it.
    pub(super) next_room: i64,
}

/// The commands are all about `about`.
pub(super) async fn look(
    connection: &mut PgConnection,
    about: RoomId,
    commands: &[RoomCommand],
) -> std::result::Result<Looked, Failure> {
    let creates = commands.iter().any(|command| creates(&command.change));
    let mut cache = Cache::of_one_batch();
    let mut next_room = 0;
    let mut locked = lock_room(connection, about).await?;
    if locked.is_none() && creates {
        // There is no row to lock yet: whoever would make the same room waits for this.
        lock_id(connection, about).await?;
        locked = lock_room(connection, about).await?;
    }
    if locked.is_none() && creates {
        let row = sqlx::query("SELECT nextval('room_numbers')")
            .fetch_one(&mut *connection)
            .await?;
        next_room = row.signed(0)?;
    }
    let known = locked.as_ref().map(|room| room.number);
    if let Some(room) = locked {
        cache.put_room(room);
    }
    let people: BTreeSet<UserId> = named(commands).into_iter().map(|(_, user)| user).collect();
    let revs = lock_people(connection, &people).await?;
    let counted = commands
        .iter()
        .any(|command| !matches!(command.change, Change::Post { .. }));
    load_people(connection, &mut cache, about, known, &revs, counted).await?;
    load_threads(connection, &mut cache, about, commands).await?;
    let found = Found {
        keys: keys::load(connection, commands).await?,
        names: keys::names(connection, commands).await?,
        texts: keys::texts(connection, commands).await?,
        gone: keys::gone(connection, &cache, about, commands).await?,
    };
    Ok(Looked {
        cache,
        found,
        next_room,
    })
}

pub(super) fn creates(change: &Change) -> bool {
    matches!(change, Change::Create { .. } | Change::CreateDirect { .. })
}

async fn lock_room(
    connection: &mut PgConnection,
    about: RoomId,
) -> std::result::Result<Option<CachedRoom>, Failure> {
    // Foreign keys may still look at the row.
    let row = sqlx::query(
        "SELECT id, room, kind, name, folded, topic, rev, head, floor, last_at, members, owners
         FROM rooms WHERE room = $1 FOR NO KEY UPDATE",
    )
    .bind(about.0)
    .fetch_optional(connection)
    .await?;
    // Tombstones are counted under the lock where it matters.
    let room = row.as_ref().map(|row| rows::cached_room(row, false));
    Ok(room.transpose()?)
}

async fn lock_id(connection: &mut PgConnection, about: RoomId) -> std::result::Result<(), Failure> {
    let [a, b, c, d, e, f, g, h, ..] = about.0;
    let [.., i, j, k, l, m, n, o, p] = about.0;
    let first = i64::from_be_bytes([a, b, c, d, e, f, g, h]);
    let second = i64::from_be_bytes([i, j, k, l, m, n, o, p]);
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(first ^ second)
        .execute(connection)
        .await?;
    Ok(())
}

/// Locks what is the people's own, in the order of their ids; their revs.
async fn lock_people(
    connection: &mut PgConnection,
    people: &BTreeSet<UserId>,
) -> std::result::Result<BTreeMap<UserId, u64>, Failure> {
    let rows = sqlx::query(
        "SELECT v.user, v.rev FROM user_revs v WHERE v.user = ANY($1) ORDER BY v.user FOR NO KEY UPDATE",
    )
    .bind(super::value::ids(people.iter().copied()))
    .fetch_all(connection)
    .await?;
    let revs = rows
        .iter()
        .map(|row| Ok((row.user(0)?, row.number(1)?)))
        .collect::<Result<_>>()?;
    Ok(revs)
}

/// The people and what they are in the room. `counted`: in how many rooms they are, too.
async fn load_people(
    connection: &mut PgConnection,
    cache: &mut Cache,
    about: RoomId,
    known: Option<i64>,
    revs: &BTreeMap<UserId, u64>,
    counted: bool,
) -> std::result::Result<(), Failure> {
    let rows = sqlx::query(
        "SELECT u.id, u.name, u.display_name, u.disabled,
            CASE WHEN $3 THEN (SELECT count(*) FROM members o WHERE o.user = u.id) ELSE 0 END,
            coalesce(m.role, 0), coalesce(m.visible_from, 0), coalesce(k.seq, 0)
         FROM users u
         LEFT JOIN members m ON m.room = $2 AND m.user = u.id
         LEFT JOIN markers k ON k.user = u.id AND k.room = $2 AND k.timeline = 0
         WHERE u.id = ANY($1)",
    )
    .bind(super::value::ids(revs.keys().copied()))
    .bind(known)
    .bind(counted)
    .fetch_all(connection)
    .await?;
    for row in &rows {
        let id = row.user(0)?;
        let person = CachedPerson {
            name: row.text(1)?,
            display_name: row.text(2)?,
            facts: PersonFacts {
                disabled: row.flag(3)?,
                rooms: row.number(4)? as usize,
            },
            rev: revs.get(&id).copied().unwrap_or(0),
        };
        cache.people.put(id, person);
        let member = rows::membership(row, 5)?;
        if let Some(cached) = cache.room(about) {
            cached.state.members.insert(id, member);
        }
    }
    Ok(())
}

async fn load_threads(
    connection: &mut PgConnection,
    cache: &mut Cache,
    about: RoomId,
    commands: &[RoomCommand],
) -> std::result::Result<(), Failure> {
    let threads: BTreeSet<i64> = commands
        .iter()
        .filter_map(|command| match command.change {
            Change::Post { timeline, .. } if timeline != Timeline::ROOM => Some(int(timeline.0)),
            _ => None,
        })
        .collect();
    let Some(cached) = cache.room(about).filter(|_| !threads.is_empty()) else {
        return Ok(());
    };
    let rows = sqlx::query(
        "SELECT root, head, floor, last_at FROM timelines WHERE room = $1 AND root = ANY($2)",
    )
    .bind(cached.number)
    .bind(Vec::from_iter(threads))
    .fetch_all(connection)
    .await?;
    for row in &rows {
        let place = rows::timeline(row, 1)?;
        cached.state.threads.insert(Timeline(row.number(0)?), place);
    }
    Ok(())
}
