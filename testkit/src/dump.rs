//! The database of servers that have stopped, in the checker's shape.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use parlor_protocol::message::{Message, MessageState, Place, Timeline};
use parlor_protocol::room::RoomKind;
use parlor_protocol::sync::{RoomEntry, UserEntry};
use parlor_protocol::{RoomId, UserId};
use parlor_server::data::Paths;
use parlor_server::store::postgres::{PostgresSettings, PostgresStore};
use parlor_server::store::sqlite::SqliteStore;
use parlor_server::store::{Store, StoreError};

use crate::checker::{
    Database, HistoryRule, MarkerRow, MemberRow, RoomDump, Row, TextHash, TimelineDump,
};

/// Rows of one read.
const PAGE: u16 = 200;

/// Why there is no dump.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Changes are read as clients read them, which ends where they would load anew.
    #[error("room {room} has {rev} changes, more than can be read at once: make the run shorter")]
    TooManyChanges { room: RoomId, rev: u64 },
}

/// Reads all rooms that anybody is in.
///
/// # Errors
/// [`DumpError`].
pub async fn dump(data: &Path) -> Result<Database, DumpError> {
    let store = SqliteStore::open(&Paths::of(data).database()).await?;
    let read = read(&store).await;
    store.close().await;
    read
}

/// The same of a cluster's database, at this URL.
///
/// # Errors
/// [`DumpError`].
pub async fn dump_postgres(url: &str) -> Result<Database, DumpError> {
    let store = PostgresStore::open(&PostgresSettings::new(url)).await?;
    let read = read(&store).await;
    store.close().await;
    read
}

async fn read(store: &dyn Store) -> Result<Database, DumpError> {
    let mut rooms = BTreeSet::new();
    let mut markers: HashMap<RoomId, Vec<MarkerRow>> = HashMap::new();
    for user in users(store).await? {
        rooms.extend(
            store
                .heads(user)
                .await?
                .into_iter()
                .map(|(head, _)| head.room),
        );
        let mine = store.user_changes(user, None).await?;
        for entry in mine.entries.iter().filter_map(|it| it.open_user().ok()) {
            // A list that is read from its start carries each marker in its room's summary.
            if let UserEntry::Room(summary) = entry {
                let row = MarkerRow {
                    user,
                    seq: summary.read,
                };
                markers.entry(summary.room).or_default().push(row);
            }
        }
    }
    let mut database = Database {
        epoch: store.epoch().0,
        rooms: Vec::new(),
    };
    for room in rooms {
        let markers = markers.remove(&room).unwrap_or_default();
        database.rooms.push(dump_room(store, room, markers).await?);
    }
    Ok(database)
}

async fn users(store: &dyn Store) -> Result<Vec<UserId>, StoreError> {
    let mut users: Vec<UserId> = Vec::new();
    loop {
        let page = store.users(users.last().copied(), PAGE.into()).await?;
        if page.is_empty() {
            return Ok(users);
        }
        users.extend(page.into_iter().map(|user| user.id));
    }
}

async fn dump_room(
    store: &dyn Store,
    room: RoomId,
    markers: Vec<MarkerRow>,
) -> Result<RoomDump, DumpError> {
    let (members, kind) = members(store, room).await?;
    let (revs, rev) = revs(store, room).await?;
    let (messages, floor, head) = messages(store, room).await?;
    let row = |message: Message| Row {
        seq: message.seq,
        rev: revs.get(&message.seq).copied().unwrap_or(0),
        changed: message.state != MessageState::PLAIN,
        author: message.author,
        send_key: message.send_key,
        text_hash: (message.state != MessageState::DELETED).then(|| TextHash::of(&message.text)),
        at_ms: message.at_ms,
    };
    let timeline = TimelineDump {
        timeline: 0,
        floor,
        head,
        rows: messages.into_iter().map(row).collect(),
        markers,
    };
    let history = match kind {
        RoomKind::PUBLIC => HistoryRule::Open,
        _ => HistoryRule::SinceJoining,
    };
    Ok(RoomDump {
        room,
        rev,
        history,
        members,
        timelines: vec![timeline],
    })
}

async fn members(
    store: &dyn Store,
    room: RoomId,
) -> Result<(Vec<MemberRow>, RoomKind), StoreError> {
    let (mut rows, mut kind, mut after) = (Vec::new(), RoomKind::PUBLIC, None);
    loop {
        let page = store.members(room, after, PAGE).await?;
        let Some((last, _)) = page.last() else {
            return Ok((rows, kind));
        };
        after = Some(last.id);
        for (person, _) in page {
            if let Some(access) = store.access(room, person.id).await? {
                kind = access.kind;
                let visible_from = access.visible_from;
                rows.push(MemberRow {
                    user: person.id,
                    visible_from,
                });
            }
        }
    }
}

/// The newest rev of every message, and the room's.
async fn revs(store: &dyn Store, room: RoomId) -> Result<(BTreeMap<u64, u64>, u64), DumpError> {
    let (mut revs, mut since) = (BTreeMap::new(), 0);
    loop {
        let changes = store.changes(room, since, 1).await?;
        if changes.reset {
            return Err(DumpError::TooManyChanges {
                room,
                rev: changes.rev,
            });
        }
        for entry in &changes.entries {
            if let Ok(RoomEntry::Message(message)) = entry.open_room() {
                revs.insert(message.seq, entry.rev);
            }
        }
        since = changes.through;
        if since >= changes.rev {
            return Ok((revs, changes.rev));
        }
    }
}

async fn messages(store: &dyn Store, room: RoomId) -> Result<(Vec<Message>, u64, u64), StoreError> {
    let mut messages: Vec<Message> = Vec::new();
    loop {
        let from = messages.last().map_or(1, |last| last.seq + 1);
        let page = store
            .page(room, Timeline::ROOM, Place::FROM, from, PAGE, 1)
            .await?;
        if page.messages.is_empty() {
            return Ok((messages, page.floor, page.head));
        }
        messages.extend(page.messages);
    }
}
