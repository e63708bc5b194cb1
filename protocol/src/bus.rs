//! What nodes of one cluster tell each other over the bus, in the envelope of every frame. All of it
//! are hints that arrive early: the database is the truth, and what is lost is found there.

use crate::codec::{Decode, Encode};
use crate::extension::Extensions;
use crate::id::{RoomId, SessionId, UserId};
use crate::kind::{at_most, bodies};
use crate::limit::{BODY_BYTES, BUS_PEOPLE, BUS_SESSIONS, HEADER_BYTES};
use crate::room::Head;
use crate::signal::PersonPresence;

/// Entries of one room that one node has committed.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct NodeBatch {
    /// Where the room stands with them.
    pub head: Head,
    /// The rev that they continue from.
    pub before: u64,
    pub direct: bool,
    /// Who came in with the last entry.
    pub joined: Vec<UserId>,
    /// Who went with the last entry.
    pub left: Option<UserId>,
    /// The ROOM_BATCH frame, uncompressed, as readers receive it.
    pub frame: Vec<u8>,
    pub ext: Extensions,
}

/// Entries of a person's own rev that one node has committed.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct NodeUserBatch {
    pub user: UserId,
    pub before: u64,
    pub rev: u64,
    /// The USER_BATCH frame as the person's links receive it.
    pub frame: Vec<u8>,
    pub ext: Extensions,
}

/// Sessions have ended: so do their links, on every node.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SessionsEnded {
    pub user: UserId,
    /// None named: all of the person's.
    pub sessions: Vec<SessionId>,
    /// All but this one.
    pub but: Option<SessionId>,
    /// What their links are told, see `Code`.
    pub code: u16,
    pub ext: Extensions,
}

/// Who of one node's links is online in a room.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct NodePresence {
    pub room: RoomId,
    /// People with a link of that node in the room.
    pub online: u32,
    /// `people` names all of them; otherwise those who changed.
    pub complete: bool,
    pub people: Vec<PersonPresence>,
    /// Asks the others for theirs: this node has just begun to follow the room.
    pub asks: bool,
    pub ext: Extensions,
}

/// Who began or stopped typing at one node.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct NodeTyping {
    pub room: RoomId,
    pub user: UserId,
    pub on: bool,
    pub ext: Extensions,
}

bodies! {
    NodeBatch = NODE_BATCH, |it| at_most("the number of people", it.joined.len(), BUS_PEOPLE)
        .and(at_most("the batch", it.frame.len(), HEADER_BYTES + BODY_BYTES));
    NodeUserBatch = NODE_USER_BATCH, |it| at_most("the batch", it.frame.len(), HEADER_BYTES + BODY_BYTES);
    SessionsEnded = SESSIONS_ENDED, |it| at_most(
        "the number of sessions",
        it.sessions.len(),
        BUS_SESSIONS,
    );
    NodePresence = NODE_PRESENCE, |it| at_most("the number of people", it.people.len(), BUS_PEOPLE);
    NodeTyping = NODE_TYPING;
}
