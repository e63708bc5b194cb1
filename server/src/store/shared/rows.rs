//! Rows become what the store answers. The order of columns stands in one place: here.

use parlor_protocol::account::Person;
use parlor_protocol::message::{LongText, Message, MessageState, Timeline};
use parlor_protocol::room::{Head, Role, RoomKind, RoomListing, RoomSummary};
use parlor_protocol::{Extensions, SendKey, UserId};

use super::cache::CachedRoom;
use super::columns::{Columns, damaged};
use crate::room::rules::{First, Membership, RoomState, TimelineState};
use crate::store::{Access, Committed, Result, RoomName, SessionFound, SessionRow, UserRow};

/// Columns of `messages m` that [`message`] takes.
macro_rules! message_columns {
    () => {
        "m.timeline, m.seq, m.author, m.at, m.send_key, m.state, m.text, m.long_bytes, m.long_hash"
    };
}

/// Columns of `users u` that [`user`] takes.
macro_rules! user_columns {
    () => {
        "u.id, u.name, u.display_name, u.password_hash, u.administrator, u.disabled, u.unlimited, u.made_at"
    };
}

/// Columns of `sessions s` that [`session`] takes.
macro_rules! session_columns {
    () => {
        "s.id, s.user, s.device, s.address, s.made_at, s.seen_at, s.expires_at, s.token_at"
    };
}

pub(in crate::store) use {message_columns, session_columns, user_columns};

/// The message that begins at column `first`.
pub(in crate::store) fn message(row: &impl Columns, first: usize) -> Result<Message> {
    let long = match (
        row.optional_number(first + 7)?,
        row.optional_fixed(first + 8)?,
    ) {
        (Some(bytes), Some(hash)) => Some(LongText {
            bytes: u32::try_from(bytes).map_err(|_| damaged("a length"))?,
            hash,
        }),
        _ => None,
    };
    Ok(Message {
        timeline: Timeline(row.number(first)?),
        seq: row.number(first + 1)?,
        author: row.user(first + 2)?,
        at_ms: row.number(first + 3)?,
        send_key: row.send_key(first + 4)?,
        state: MessageState(row.byte(first + 5)?),
        text: row.text(first + 6)?,
        long,
        ext: Extensions::NONE,
    })
}

/// Hash, length as its message says it, the text.
pub(in crate::store) fn long_text(row: &impl Columns) -> Result<(LongText, Vec<u8>)> {
    let long = LongText {
        bytes: u32::try_from(row.number(1)?).map_err(|_| damaged("a length"))?,
        hash: row.fixed(0)?,
    };
    Ok((long, row.blob(2)?))
}

/// The account that begins at column `first`.
pub(in crate::store) fn user(row: &impl Columns, first: usize) -> Result<UserRow> {
    Ok(UserRow {
        id: row.user(first)?,
        name: row.text(first + 1)?,
        display_name: row.text(first + 2)?,
        password_hash: row.text(first + 3)?,
        administrator: row.flag(first + 4)?,
        disabled: row.flag(first + 5)?,
        unlimited: row.flag(first + 6)?,
        made_at_ms: row.number(first + 7)?,
    })
}

/// Id, name, display name.
pub(in crate::store) fn person(row: &impl Columns) -> Result<Person> {
    Ok(Person {
        id: row.user(0)?,
        name: row.text(1)?,
        display_name: row.text(2)?,
    })
}

/// A person and the role.
pub(in crate::store) fn member(row: &impl Columns) -> Result<(Person, Role)> {
    Ok((person(row)?, Role(row.byte(3)?)))
}

pub(in crate::store) fn session(row: &impl Columns) -> Result<SessionRow> {
    Ok(SessionRow {
        id: row.session(0)?,
        user: row.user(1)?,
        device: row.text(2)?,
        address: row.text(3)?,
        made_at_ms: row.number(4)?,
        seen_at_ms: row.number(5)?,
        expires_at_ms: row.number(6)?,
        token_at_ms: row.number(7)?,
    })
}

/// A session, whether the token is not its current one, the account.
pub(in crate::store) fn session_found(row: &impl Columns) -> Result<SessionFound> {
    Ok(SessionFound {
        session: session(row)?,
        by_next: row.truth(8)?,
        user: user(row, 9)?,
    })
}

/// Kind, role, first seq that may be seen.
pub(in crate::store) fn access(row: &impl Columns) -> Result<Access> {
    Ok(Access {
        kind: RoomKind(row.byte(0)?),
        role: Role(row.byte(1)?),
        visible_from: row.number(2)?,
        rev: row.number(3)?,
    })
}

/// Room, head, rev.
pub(in crate::store) fn room_head(row: &impl Columns) -> Result<Head> {
    Ok(Head {
        room: row.room(0)?,
        head: row.number(1)?,
        rev: row.number(2)?,
    })
}

/// A person and the person's own rev.
pub(in crate::store) fn user_rev(row: &impl Columns) -> Result<(UserId, u64)> {
    Ok((row.user(0)?, row.number(1)?))
}

/// Room, head, rev, kind; the second of the two: it is direct.
pub(in crate::store) fn head(row: &impl Columns) -> Result<(Head, bool)> {
    Ok((room_head(row)?, RoomKind(row.byte(3)?) == RoomKind::DIRECT))
}

/// Room, name, topic, members, whether the reader is one.
pub(in crate::store) fn listing(row: &impl Columns) -> Result<RoomListing> {
    Ok(RoomListing {
        room: row.room(0)?,
        name: row.text(1)?,
        topic: row.text(2)?,
        members: row.count(3)?,
        joined: row.truth(4)?,
    })
}

/// The summary that begins at column `first`, as each database's `summary_columns` has them.
pub(in crate::store) fn summary(row: &impl Columns, first: usize) -> Result<RoomSummary> {
    Ok(RoomSummary {
        room: row.room(first)?,
        kind: RoomKind(row.byte(first + 1)?),
        name: row.text(first + 2)?,
        topic: row.text(first + 3)?,
        direct_with: row.optional_fixed(first + 4)?.map(UserId),
        role: Role(row.byte(first + 5)?),
        members: row.count(first + 6)?,
        head: row.number(first + 7)?,
        floor: row.number(first + 8)?,
        rev: row.number(first + 9)?,
        visible_from: row.number(first + 10)?,
        read: row.number(first + 11)?,
        unread_gone: row.number(first + 12)?,
        ext: Extensions::NONE,
    })
}

/// Number, room, kind, name, folded name, topic, rev, head, floor, last instant, members, owners.
pub(in crate::store) fn cached_room(row: &impl Columns, gone: bool) -> Result<CachedRoom> {
    let name = RoomName {
        shown: row.text(3)?,
        folded: row.text(4)?,
    };
    let state = RoomState {
        rev: row.number(6)?,
        own: timeline(row, 7)?,
        member_count: row.count(10)?,
        owner_count: row.count(11)?,
        ..RoomState::new(row.room(1)?, RoomKind(row.byte(2)?), name, row.text(5)?)
    };
    Ok(CachedRoom {
        number: row.signed(0)?,
        state,
        gone,
    })
}

/// Head, floor, last instant of a timeline.
pub(in crate::store) fn timeline(row: &impl Columns, first: usize) -> Result<TimelineState> {
    Ok(TimelineState {
        head: row.number(first)?,
        floor: row.number(first + 1)?,
        last_at_ms: row.number(first + 2)?,
    })
}

/// Role, first seq that may be seen, read marker.
pub(in crate::store) fn membership(row: &impl Columns, first: usize) -> Result<Membership> {
    Ok(Membership {
        role: Role(row.byte(first)?),
        visible_from: row.number(first + 1)?,
        read: row.number(first + 2)?,
    })
}

/// Key, sender, what was asked, room, seq, rev, instant.
pub(in crate::store) fn first_result(row: &impl Columns) -> Result<((SendKey, UserId), First)> {
    let committed = Committed {
        room: row.room(3)?,
        seq: row.number(4)?,
        rev: row.number(5)?,
        at_ms: row.number(6)?,
        repeated: false,
    };
    let first = First {
        what: row.signed(2)?,
        committed,
    };
    Ok(((row.send_key(0)?, row.user(1)?), first))
}
