//! What a call of append gives out: results, room batches, entries of people.

use std::collections::HashMap;

use parlor_protocol::message::{Message, MessageState, Timeline};
use parlor_protocol::room::{RoomKind, RoomSummary};
use parlor_protocol::sync::{DetailsEntry, Entry, Marker, MemberEntry};
use parlor_protocol::{Extensions, Refusal, RoomId, UserId};

use super::cache::CachedPerson;
use super::write::PostRow;
use crate::room::rules::RoomState;
use crate::store::{Appended, Committed, ReaderChange, RoomAppended, UserAppended};

#[derive(Debug, Default)]
pub(in crate::store) struct Collect {
    appended: Appended,
    /// Where a room's batch stands that is still open.
    open: HashMap<RoomId, usize>,
    users: HashMap<UserId, usize>,
    /// At which rev of a person the entry of a marker stands.
    markers: HashMap<(UserId, RoomId, Timeline), u64>,
}

impl Collect {
    pub(in crate::store) fn result(&mut self, result: Result<Committed, Refusal>) {
        self.appended.results.push(result);
    }

    /// Adds entries to the room's batch; `state` is after them. A change of the readers ends it.
    pub(in crate::store) fn room(
        &mut self,
        before: u64,
        state: &RoomState,
        entries: Vec<Entry>,
        readers: ReaderChange,
    ) {
        let rooms = &mut self.appended.rooms;
        let at = *self.open.entry(state.room).or_insert_with(|| {
            rooms.push(RoomAppended {
                room: state.room,
                before,
                rev: before,
                head: 0,
                direct: state.kind == RoomKind::DIRECT,
                entries: Vec::new(),
                readers: ReaderChange::None,
            });
            rooms.len() - 1
        });
        let batch = &mut rooms[at];
        batch.rev = state.rev;
        batch.head = state.own.head;
        batch.entries.extend(entries);
        if readers != ReaderChange::None {
            batch.readers = readers;
            self.open.remove(&state.room);
        }
    }

    /// Adds the marker that a post moved. One that moves again replaces its entry.
    pub(in crate::store) fn marker(&mut self, room: RoomId, row: &PostRow) {
        let PostRow {
            timeline,
            seq,
            author,
            author_rev: rev,
            ..
        } = *row;
        let marker = Marker {
            room,
            timeline,
            seq,
            unread_gone: 0,
            ext: Extensions::NONE,
        };
        if let Some(replaced) = self.markers.insert((author, room, timeline), rev)
            && let Some(at) = self.users.get(&author)
        {
            self.appended.users[*at]
                .entries
                .retain(|entry| entry.rev != replaced);
        }
        self.user(author, rev, Entry::user_marker(rev, &marker));
    }

    /// Adds an entry at the person's newest rev.
    pub(in crate::store) fn user(&mut self, user: UserId, rev: u64, entry: Entry) {
        let users = &mut self.appended.users;
        let at = *self.users.entry(user).or_insert_with(|| {
            users.push(UserAppended {
                user,
                before: rev - 1,
                rev,
                entries: Vec::new(),
            });
            users.len() - 1
        });
        let batch = &mut users[at];
        batch.rev = rev;
        batch.entries.push(entry);
    }

    /// Takes over what a later transaction of the same call gave out.
    pub(in crate::store) fn extend(&mut self, later: Appended) {
        self.appended.results.extend(later.results);
        self.appended.rooms.extend(later.rooms);
        self.appended.users.extend(later.users);
    }

    pub(in crate::store) fn finish(self) -> Appended {
        self.appended
    }
}

pub(in crate::store) fn details(state: &RoomState, rev: u64) -> Entry {
    Entry::details(
        rev,
        &DetailsEntry {
            name: state.name.shown.clone(),
            topic: state.topic.clone(),
            floor: state.own.floor,
            members: state.member_count,
            ext: Extensions::NONE,
        },
    )
}

pub(in crate::store) fn member(
    state: &RoomState,
    user: UserId,
    person: &CachedPerson,
    rev: u64,
) -> Entry {
    Entry::member(
        rev,
        &MemberEntry {
            user,
            role: state.role(user),
            name: person.name.clone(),
            display_name: person.display_name.clone(),
            ext: Extensions::NONE,
        },
    )
}

/// A new message; its text can be taken out again afterwards.
pub(in crate::store) fn message(row: &PostRow, text: String) -> Message {
    Message {
        timeline: row.timeline,
        seq: row.seq,
        author: row.author,
        at_ms: row.at_ms,
        send_key: row.send_key,
        state: MessageState::PLAIN,
        text,
        long: row.long,
        ext: Extensions::NONE,
    }
}

/// The room as this member sees it now.
pub(in crate::store) fn summary(state: &RoomState, user: UserId, unread_gone: u64) -> RoomSummary {
    let member = state.member(user);
    let mut others = state
        .members
        .keys()
        .copied()
        .filter(|other| *other != user && state.member(*other).is_some());
    RoomSummary {
        room: state.room,
        kind: state.kind,
        name: state.name.shown.clone(),
        topic: state.topic.clone(),
        direct_with: if state.kind == RoomKind::DIRECT {
            others.next()
        } else {
            None
        },
        role: state.role(user),
        members: state.member_count,
        head: state.own.head,
        floor: state.own.floor,
        rev: state.rev,
        visible_from: member.map_or(1, |member| member.visible_from),
        read: member.map_or(0, |member| member.read),
        unread_gone,
        ext: Extensions::NONE,
    }
}
