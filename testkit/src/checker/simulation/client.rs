//! A client: an outbox, a store and a history.

use std::collections::{BTreeMap, VecDeque};

use parlor_protocol::{SendKey, UserId};

use super::server::{Body, Entry, Post, Receipt, Refusal, Room, Server, Shown};
use crate::checker::{Event, HistoryRule, MemberChange, Place, TextHash, Via};

/// Entries above which the server answers "reset" instead of a catch-up.
const RESET_ABOVE: usize = 12;

pub(super) struct Client {
    pub(super) name: String,
    pub(super) user: UserId,
    pub(super) online: bool,
    pub(super) epoch: u64,
    pub(super) inbox: VecDeque<Push>,
    pub(super) rooms: BTreeMap<usize, Held>,
    pub(super) outbox: VecDeque<Pending>,
    pub(super) events: Vec<Event>,
    pub(super) fills_gaps: bool,
}

/// A room in the store.
pub(super) struct Held {
    pub(super) rev: u64,
    pub(super) rows: BTreeMap<(u64, u64), Shown>,
}

pub(super) struct Pending {
    pub(super) post: Post,
    pub(super) in_flight: bool,
}

/// What the server sends.
#[derive(Clone)]
pub(super) enum Push {
    Entry {
        room: usize,
        entry: Entry,
    },
    Acknowledged {
        post: Post,
        receipt: Receipt,
    },
    Refused {
        send_key: SendKey,
        refusal: Refusal,
    },
    Member {
        room: usize,
        change: MemberChange,
        rev: u64,
    },
    Head {
        room: usize,
        rev: u64,
    },
}

impl Client {
    pub(super) fn new(name: String, user: UserId, fills_gaps: bool) -> Client {
        Client {
            name,
            user,
            online: false,
            epoch: 0,
            inbox: VecDeque::new(),
            rooms: BTreeMap::new(),
            outbox: VecDeque::new(),
            events: vec![Event::Started { user }],
            fills_gaps,
        }
    }

    pub(super) fn write(&mut self, room: usize, timeline: u64, key: SendKey, text: TextHash) {
        self.outbox.push_back(Pending {
            post: Post {
                room,
                timeline,
                send_key: key,
                after: None,
                text_hash: text,
            },
            in_flight: false,
        });
    }

    /// Sends all that is not in flight; each names the one before it in its room.
    pub(super) fn transmit(&mut self, server: &Server) -> Vec<Post> {
        let mut last_in_room = BTreeMap::new();
        let mut sent = Vec::new();
        for pending in &mut self.outbox {
            let post = &mut pending.post;
            let after = last_in_room.insert(post.room, post.send_key);
            if !pending.in_flight {
                pending.in_flight = true;
                post.after = after;
                self.events.push(Event::Invoked {
                    room: server.rooms[post.room].id,
                    timeline: post.timeline,
                    send_key: post.send_key,
                    after,
                    text_hash: post.text_hash,
                });
                sent.push(*post);
            }
        }
        sent
    }

    pub(super) fn disconnect(&mut self) {
        self.online = false;
        self.inbox.clear();
        for pending in &mut self.outbox {
            pending.in_flight = false;
        }
    }

    /// Reads the welcome and the list of rooms, then catches up.
    pub(super) fn connect(&mut self, server: &Server) {
        self.online = true;
        self.events.push(Event::Connected {
            epoch: server.epoch,
        });
        let other_epoch = self.epoch != server.epoch;
        self.epoch = server.epoch;
        for (index, room) in server.rooms.iter().enumerate() {
            let held = self.rooms.get(&index).map(|held| held.rev);
            let member = room.members.get(&self.user);
            let stale = held.is_some_and(|rev| {
                let anew = member.is_none_or(|member| member.joined_at > rev);
                other_epoch || rev > room.rev || anew
            });
            if stale {
                self.drop_room(index, room);
            }
            if member.is_some() {
                if held.is_none() || stale {
                    self.load(index, room);
                } else {
                    self.catch_up(index, room);
                }
            }
        }
    }

    /// Deals with the oldest push, if there is one.
    pub(super) fn take_push(&mut self, server: &Server) -> bool {
        let Some(push) = self.inbox.pop_front() else {
            return false;
        };
        match push {
            Push::Entry { room, entry } => self.take_entry(room, &server.rooms[room], entry),
            Push::Acknowledged { post, receipt } => {
                self.forget(post.send_key);
                self.events.push(Event::Acknowledged {
                    send_key: post.send_key,
                    place: Place::new(server.rooms[post.room].id, receipt.timeline, receipt.seq),
                    rev: receipt.rev,
                });
            }
            Push::Refused { send_key, refusal } => self.take_refusal(send_key, refusal),
            Push::Member { room, change, rev } => {
                let index = room;
                let room = &server.rooms[index];
                self.note_member(room, change, rev);
                match change {
                    MemberChange::Removed => self.drop_room(index, room),
                    MemberChange::Joined if room.members.contains_key(&self.user) => {
                        self.drop_room(index, room);
                        self.load(index, room);
                    }
                    MemberChange::Joined => {}
                }
            }
            Push::Head { room, rev } => {
                if self.rooms.get(&room).is_some_and(|held| held.rev < rev) {
                    self.catch_up(room, &server.rooms[room]);
                }
            }
        }
        true
    }

    fn take_refusal(&mut self, send_key: SendKey, refusal: Refusal) {
        if refusal == Refusal::NoMember {
            self.forget(send_key);
            self.events.push(Event::Refused { send_key, code: 7 });
            return;
        }
        for pending in &mut self.outbox {
            if pending.post.send_key == send_key {
                pending.in_flight = false;
            }
        }
    }

    fn take_entry(&mut self, index: usize, room: &Room, entry: Entry) {
        let Some(held) = self.rooms.get_mut(&index) else {
            return;
        };
        if entry.rev <= held.rev {
            return;
        }
        if entry.rev > held.rev + 1 && self.fills_gaps {
            self.catch_up(index, room);
        } else {
            self.apply(index, room, entry);
        }
    }

    fn apply(&mut self, index: usize, room: &Room, entry: Entry) {
        let held = self.rooms.get_mut(&index).unwrap();
        held.rev = entry.rev;
        match entry.body {
            Body::Message(shown) => {
                held.rows.insert((shown.timeline, shown.seq), shown);
                self.delivered(room, Via::Live, entry.rev, shown);
            }
            Body::Other(floors) => held
                .rows
                .retain(|(timeline, seq), _| floors.get(timeline).is_none_or(|floor| seq >= floor)),
        }
    }

    fn catch_up(&mut self, index: usize, room: &Room) {
        if !room.members.contains_key(&self.user) {
            return;
        }
        let since = self.rooms[&index].rev;
        let changes = room.changes_since(since, self.user);
        // Away and back in between: what it holds from before is not its to keep.
        let anew = room.members[&self.user].joined_at > since;
        if changes.len() > RESET_ABOVE || (anew && room.history == HistoryRule::SinceJoining) {
            self.drop_room(index, room);
            self.load(index, room);
            return;
        }
        for entry in changes {
            self.apply(index, room, entry);
        }
        self.synced(index, room);
    }

    fn load(&mut self, index: usize, room: &Room) {
        let joined_at = room.members[&self.user].joined_at;
        self.note_member(room, MemberChange::Joined, joined_at);
        let page = room.page(self.user);
        let rows = page.iter().map(|it| ((it.timeline, it.seq), *it)).collect();
        self.rooms.insert(index, Held { rev: 0, rows });
        for shown in page {
            self.delivered(room, Via::Page, room.rev, shown);
        }
        self.synced(index, room);
    }

    fn synced(&mut self, index: usize, room: &Room) {
        self.rooms.get_mut(&index).unwrap().rev = room.rev;
        self.events.push(Event::Synced {
            room: room.id,
            rev: room.rev,
            floor: room.timelines[&0].floor,
        });
    }

    fn drop_room(&mut self, index: usize, room: &Room) {
        if self.rooms.remove(&index).is_some() {
            self.events.push(Event::Reset { room: room.id });
        }
    }

    fn note_member(&mut self, room: &Room, change: MemberChange, rev: u64) {
        self.events.push(Event::MembershipAcknowledged {
            room: room.id,
            user: self.user,
            change,
            rev,
        });
    }

    fn delivered(&mut self, room: &Room, via: Via, rev: u64, shown: Shown) {
        self.events.push(Event::Delivered {
            via,
            place: Place::new(room.id, shown.timeline, shown.seq),
            rev,
            send_key: shown.send_key,
            author: shown.author,
            text_hash: shown.text_hash,
        });
    }

    fn forget(&mut self, send_key: SendKey) {
        self.outbox
            .retain(|pending| pending.post.send_key != send_key);
    }
}
