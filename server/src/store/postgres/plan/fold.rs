//! A batch's writes by kind of row: a statement changes a row once, so of each row the last state
//! is kept.

use std::collections::BTreeMap;

use parlor_protocol::{SendKey, UserId};

use super::super::value::int;
use crate::room::rules::{RoomState, Thing};
use crate::store::shared::write::{PostRow, Write};

/// The greatest numbers of a room's row; what did not change is `None`.
#[derive(Default)]
pub(super) struct Settled {
    pub(super) rev: u64,
    /// Head and time of the room's own timeline.
    pub(super) posted: Option<(u64, u64)>,
    /// Topic, members, owners.
    pub(super) details: Option<(String, u32, u32)>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ChangeKey {
    pub(super) kind: i64,
    pub(super) ref_a: Vec<u8>,
    pub(super) ref_b: i64,
}

pub(super) struct KeyRow {
    pub(super) key: SendKey,
    pub(super) sender: UserId,
    pub(super) what: i64,
    pub(super) seq: u64,
    pub(super) rev: u64,
    pub(super) at_ms: u64,
}

#[derive(Default)]
pub(super) struct Fold {
    /// The room's number; a batch has one room.
    pub(super) room: i64,
    pub(super) new_room: Option<(i64, Box<RoomState>, u64)>,
    pub(super) settled: Settled,
    pub(super) posts: Vec<PostRow>,
    pub(super) keys: Vec<KeyRow>,
    /// Head and time of each thread by its root.
    pub(super) threads: BTreeMap<u64, (u64, u64)>,
    pub(super) changes: BTreeMap<ChangeKey, u64>,
    /// Role and first visible seq; `None`: gone.
    pub(super) members: BTreeMap<UserId, Option<(i64, i64)>>,
    pub(super) memberships: BTreeMap<UserId, u64>,
    /// Seq and the person's rev, by person and timeline.
    pub(super) markers: BTreeMap<(UserId, u64), (u64, u64)>,
    pub(super) revs: BTreeMap<UserId, u64>,
}

impl Fold {
    pub(super) fn add(&mut self, write: Write) {
        match write {
            Write::Post(row) => self.post(row),
            Write::NewRoom {
                number,
                state,
                made_at_ms,
            } => {
                self.room = number;
                self.new_room = Some((number, state, made_at_ms));
            }
            Write::Room {
                number,
                rev,
                topic,
                members,
                owners,
            } => {
                self.room = number;
                self.settled.rev = rev;
                self.settled.details = Some((topic, members, owners));
            }
            Write::Change { room, rev, thing } => {
                self.room = room;
                self.changes.insert(change(thing), rev);
            }
            Write::Member {
                room,
                user,
                role,
                visible_from,
            } => {
                self.room = room;
                let member = (i64::from(role.0), int(visible_from));
                self.members.insert(user, Some(member));
            }
            Write::MemberGone { room, user } => {
                self.room = room;
                self.members.insert(user, None);
            }
            Write::Membership { user, room, rev } => {
                self.room = room;
                self.memberships.insert(user, rev);
                self.revs.insert(user, rev);
            }
            Write::Marker {
                user,
                room,
                seq,
                rev,
            } => {
                self.room = room;
                self.markers.insert((user, 0), (seq, rev));
                self.revs.insert(user, rev);
            }
            Write::Key {
                key,
                sender,
                room,
                first,
            } => {
                self.room = room;
                self.keys.push(KeyRow {
                    key,
                    sender,
                    what: first.what,
                    seq: first.committed.seq,
                    rev: first.committed.rev,
                    at_ms: first.committed.at_ms,
                });
            }
        }
    }

    fn post(&mut self, row: PostRow) {
        let (timeline, seq) = (row.timeline, row.seq);
        self.room = row.room;
        self.settled.rev = row.rev;
        if timeline.0 == 0 {
            self.settled.posted = Some((seq, row.at_ms));
        } else {
            self.threads.insert(timeline.0, (seq, row.at_ms));
            let thing = Thing::Message { timeline, seq };
            self.changes.insert(change(thing), row.rev);
        }
        if let Some(what) = row.what {
            self.keys.push(KeyRow {
                key: row.send_key,
                sender: row.author,
                what,
                seq,
                rev: row.rev,
                at_ms: row.at_ms,
            });
        }
        // Sending moves the sender's own marker.
        self.markers
            .insert((row.author, timeline.0), (seq, row.author_rev));
        self.revs.insert(row.author, row.author_rev);
        self.posts.push(row);
    }
}

fn change(thing: Thing) -> ChangeKey {
    let number = |number: u64| int(number).to_be_bytes().to_vec();
    let (kind, ref_a, ref_b) = match thing {
        Thing::Message { timeline, seq } => (1, number(timeline.0), int(seq)),
        Thing::Member(user) => (2, user.0.to_vec(), 0),
        Thing::Details => (3, number(0), 0),
    };
    ChangeKey { kind, ref_a, ref_b }
}
