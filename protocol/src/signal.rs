//! Volatile signals: typing and presence, in datagrams. They may be dropped, first of all.

use crate::codec::{Decode, Encode, rows};
use crate::extension::Extensions;
use crate::id::{RoomId, UserId};
use crate::kind::{at_most, bodies};
use crate::limit::{PRESENCE_PEOPLE, TYPING_PEOPLE};

/// Client → server: repeated every 3 s while typing; forgotten after 5 s.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Typing {
    pub room: RoomId,
    pub on: bool,
    pub ext: Extensions,
}

/// Server → client: who is typing in an open room, the reader left in.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct TypingDigest {
    pub room: RoomId,
    pub people: Vec<UserId>,
    pub ext: Extensions,
}

/// Client → server: what the person is doing.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Presence {
    pub state: PresenceState,
    pub ext: Extensions,
}

/// An open set; unknown numbers count as online.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
pub struct PresenceState(pub u8);

impl PresenceState {
    pub const OFFLINE: Self = Self(0);
    pub const ONLINE: Self = Self(1);
    pub const AWAY: Self = Self(2);
}

/// Server → client: who is there in an open room. Good for 60 s.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct PresenceDigest {
    pub room: RoomId,
    /// People online in the room.
    pub online: u32,
    /// `people` names everyone online; otherwise only who changed, or nobody in a large room.
    pub complete: bool,
    pub people: Vec<PersonPresence>,
    pub ext: Extensions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode)]
pub struct PersonPresence {
    pub user: UserId,
    pub state: PresenceState,
}

rows! {
    PersonPresence { user, state }
}

bodies! {
    Typing = TYPING;
    TypingDigest = TYPING_DIGEST, |it| at_most("the number of people", it.people.len(), TYPING_PEOPLE);
    Presence = PRESENCE;
    PresenceDigest = PRESENCE_DIGEST, |it| at_most("the number of people", it.people.len(), PRESENCE_PEOPLE);
}
