//! Entries, batches, catch-up: how a client holds what the server holds.

use crate::codec::{self, Decode, DecodeError, Encode, rows};
use crate::extension::Extensions;
use crate::id::{RoomId, UserId};
use crate::kind::{Body, at_most, bodies};
use crate::limit::{CHANGES_ENTRIES, HEADS, ROOMS_PER_USER};
use crate::message::{Message, Page, Timeline};
use crate::room::{Head, Role, RoomSummary};

/// One changed thing in its newest state, at the rev that changed it last. A reader that does not
/// know `kind` takes the rev and skips the body.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub struct Entry {
    pub rev: u64,
    pub kind: u8,
    pub body: Vec<u8>,
}

/// Kinds of room entries; open, never reused.
pub mod entry {
    pub const MESSAGE: u8 = 1;
    pub const MEMBER: u8 = 2;
    pub const DETAILS: u8 = 3;
}

/// Kinds of user entries; open, never reused.
pub mod user_entry {
    pub const ROOM: u8 = 1;
    pub const ROOM_GONE: u8 = 2;
    pub const MARKER: u8 = 3;
    pub const SESSIONS: u8 = 4;
}

/// A room entry, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoomEntry {
    Message(Message),
    Member(MemberEntry),
    Details(DetailsEntry),
    /// From a newer server.
    Unknown(u8),
}

/// A person's membership as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct MemberEntry {
    pub user: UserId,
    /// `Role::NONE`: not a member any more.
    pub role: Role,
    pub name: String,
    pub display_name: String,
    pub ext: Extensions,
}

/// The room's name and topic as they are now.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct DetailsEntry {
    pub name: String,
    pub topic: String,
    pub floor: u64,
    pub members: u32,
    pub ext: Extensions,
}

/// A user entry, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserEntry {
    Room(Box<RoomSummary>),
    RoomGone(RoomGone),
    Marker(Marker),
    /// The list of one's sessions changed.
    Sessions,
    /// From a newer server.
    Unknown(u8),
}

/// The person is no member any more: its content goes.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RoomGone {
    pub room: RoomId,
    pub ext: Extensions,
}

/// A read marker of one's own moved, perhaps by another device.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Marker {
    pub room: RoomId,
    pub timeline: Timeline,
    pub seq: u64,
    /// Tombstones between the marker and the head.
    pub unread_gone: u64,
    pub ext: Extensions,
}

/// Entries of one room in rev order. Whoever holds `before` holds `rev` after it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RoomBatch {
    pub room: RoomId,
    pub before: u64,
    pub rev: u64,
    pub entries: Vec<Entry>,
    pub ext: Extensions,
}

/// Entries of the person's own rev.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct UserBatch {
    pub before: u64,
    pub rev: u64,
    pub entries: Vec<Entry>,
    pub ext: Extensions,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Heads {
    pub heads: Vec<Head>,
    pub ext: Extensions,
}

/// This link's queue was full: batches of the room up to `head` were dropped. A room id of zeros
/// speaks of the person's own entries: `rev` is the user rev, `head` 0.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Behind {
    pub head: Head,
    pub ext: Extensions,
}

/// Receive a room at full depth from now on.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct OpenRoom {
    pub room: RoomId,
    /// The rev held; `None` when nothing is.
    pub since: Option<u64>,
    /// Newest messages wanted when nothing is held or too much was missed; 0 for none.
    pub page: u16,
    pub ext: Extensions,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RoomOpened {
    pub summary: RoomSummary,
    pub changes: RoomChanges,
    /// The newest page, when nothing was held or `changes.reset`.
    pub page: Option<Page>,
    pub ext: Extensions,
}

/// Receive only heads of a room.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CloseRoom {
    pub room: RoomId,
    pub ext: Extensions,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct GetChanges {
    pub room: RoomId,
    pub since: u64,
    pub ext: Extensions,
}

/// What changed: each thing once, in its newest state, by rev. Sparse: whoever holds `since` holds
/// `through` after it. `through < rev`: ask on.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RoomChanges {
    pub room: RoomId,
    pub since: u64,
    pub through: u64,
    /// The room's rev when this was read.
    pub rev: u64,
    pub head: u64,
    /// A floor only rises: one below an earlier one (0: not said) changes nothing.
    pub floor: u64,
    /// Too much changed: drop held messages, take `through` as held, load pages anew.
    pub reset: bool,
    pub entries: Vec<Entry>,
    pub ext: Extensions,
}

/// What changed for the person.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SyncUser {
    /// The user rev held; `None` when nothing is.
    pub since: Option<u64>,
    pub ext: Extensions,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct UserChanges {
    pub since: u64,
    pub through: u64,
    pub rev: u64,
    /// The list of rooms from its start: a room that neither these entries nor those of the
    /// replies after it, up to `through == rev`, name is gone.
    pub reset: bool,
    pub entries: Vec<Entry>,
    /// Where every room of the person stands.
    pub heads: Vec<Head>,
    pub ext: Extensions,
}

impl Entry {
    pub fn message(rev: u64, message: &Message) -> Self {
        Self {
            rev,
            kind: entry::MESSAGE,
            body: codec::encode(message),
        }
    }

    pub fn member(rev: u64, member: &MemberEntry) -> Self {
        Self {
            rev,
            kind: entry::MEMBER,
            body: codec::encode(member),
        }
    }

    pub fn details(rev: u64, details: &DetailsEntry) -> Self {
        Self {
            rev,
            kind: entry::DETAILS,
            body: codec::encode(details),
        }
    }

    pub fn user_room(rev: u64, room: &RoomSummary) -> Self {
        Self {
            rev,
            kind: user_entry::ROOM,
            body: codec::encode(room),
        }
    }

    pub fn user_room_gone(rev: u64, room: RoomId) -> Self {
        let gone = RoomGone {
            room,
            ext: Extensions::NONE,
        };
        Self {
            rev,
            kind: user_entry::ROOM_GONE,
            body: codec::encode(&gone),
        }
    }

    pub fn user_marker(rev: u64, marker: &Marker) -> Self {
        Self {
            rev,
            kind: user_entry::MARKER,
            body: codec::encode(marker),
        }
    }

    pub fn user_sessions(rev: u64) -> Self {
        Self {
            rev,
            kind: user_entry::SESSIONS,
            body: Vec::new(),
        }
    }

    /// Reads it as an entry of a room.
    pub fn open_room(&self) -> Result<RoomEntry, DecodeError> {
        Ok(match self.kind {
            entry::MESSAGE => RoomEntry::Message(self.read(Message::check)?),
            entry::MEMBER => RoomEntry::Member(self.read(|it: &MemberEntry| it.ext.check())?),
            entry::DETAILS => RoomEntry::Details(self.read(|it: &DetailsEntry| it.ext.check())?),
            other => RoomEntry::Unknown(other),
        })
    }

    /// Reads it as an entry of the person's own rev.
    pub fn open_user(&self) -> Result<UserEntry, DecodeError> {
        Ok(match self.kind {
            user_entry::ROOM => {
                UserEntry::Room(Box::new(self.read(|it: &RoomSummary| it.ext.check())?))
            }
            user_entry::ROOM_GONE => {
                UserEntry::RoomGone(self.read(|it: &RoomGone| it.ext.check())?)
            }
            user_entry::MARKER => UserEntry::Marker(self.read(|it: &Marker| it.ext.check())?),
            // Whatever a later version says here, the list is to be asked for.
            user_entry::SESSIONS => UserEntry::Sessions,
            other => UserEntry::Unknown(other),
        })
    }

    fn read<T: Decode<()>>(
        &self,
        check: impl FnOnce(&T) -> Result<(), DecodeError>,
    ) -> Result<T, DecodeError> {
        let value = codec::decode(&self.body)?;
        check(&value)?;
        Ok(value)
    }
}

fn check_entries(entries: &[Entry]) -> Result<(), DecodeError> {
    at_most("the number of entries", entries.len(), CHANGES_ENTRIES)
}

rows! {
    Entry { rev, kind, body }
}

bodies! {
    RoomBatch = ROOM_BATCH, |it| check_entries(&it.entries);
    UserBatch = USER_BATCH, |it| check_entries(&it.entries);
    Heads = HEADS, |it| at_most("the number of heads", it.heads.len(), HEADS);
    Behind = BEHIND;
    OpenRoom = OPEN_ROOM;
    RoomOpened = ROOM_OPENED, |it| it.summary.ext.check()
        .and_then(|()| it.changes.check())
        .and_then(|()| it.page.as_ref().map_or(Ok(()), Body::check));
    CloseRoom = CLOSE_ROOM;
    GetChanges = GET_CHANGES;
    RoomChanges = CHANGES, |it| check_entries(&it.entries);
    SyncUser = SYNC_USER;
    UserChanges = USER_CHANGES, |it| at_most("the number of entries", it.entries.len(), ROOMS_PER_USER)
        .and(at_most("the number of heads", it.heads.len(), ROOMS_PER_USER));
}
