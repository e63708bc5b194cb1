//! What one transaction writes, whatever the database.

use parlor_protocol::message::{LongText, Timeline};
use parlor_protocol::room::Role;
use parlor_protocol::{SendKey, UserId};

use crate::room::rules::{First, RoomState, Thing};

/// One row, or one change of a row.
#[derive(Debug)]
pub(in crate::store) enum Write {
    Post(PostRow),
    NewRoom {
        number: i64,
        state: Box<RoomState>,
        made_at_ms: u64,
    },
    /// A room's counters and topic after its last change in this transaction so far.
    Room {
        number: i64,
        rev: u64,
        topic: String,
        members: u32,
        owners: u32,
    },
    Change {
        room: i64,
        rev: u64,
        thing: Thing,
    },
    Member {
        room: i64,
        user: UserId,
        role: Role,
        visible_from: u64,
    },
    MemberGone {
        room: i64,
        user: UserId,
    },
    /// A person's membership of a room changed, at the person's rev.
    Membership {
        user: UserId,
        room: i64,
        rev: u64,
    },
    Marker {
        user: UserId,
        room: i64,
        seq: u64,
        rev: u64,
    },
    Key {
        key: SendKey,
        sender: UserId,
        room: i64,
        first: First,
    },
}

#[derive(Debug)]
pub(in crate::store) struct PostRow {
    pub(in crate::store) room: i64,
    pub(in crate::store) rev: u64,
    pub(in crate::store) timeline: Timeline,
    pub(in crate::store) seq: u64,
    pub(in crate::store) author: UserId,
    pub(in crate::store) author_rev: u64,
    pub(in crate::store) at_ms: u64,
    pub(in crate::store) send_key: SendKey,
    /// `None` leaves the send key unremembered.
    pub(in crate::store) what: Option<i64>,
    pub(in crate::store) text: String,
    pub(in crate::store) long: Option<LongText>,
}
