//! Everything a shard holds, and the steps that change it. Single-threaded: no locks, and nothing
//! here waits.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parlor_protocol::hello::GoAway;
use parlor_protocol::limit::{HEADS, OPEN_ROOMS};
use parlor_protocol::room::Head;
use parlor_protocol::signal::PresenceState;
use parlor_protocol::sync::{Behind, Heads};
use parlor_protocol::{Code, Extensions, RoomId, UserId, frame};
use slab::Slab;
use tokio::sync::Notify;

use super::context::now_ms;
use super::flusher::Flusher;
use super::hub::{Depth, Hub};
use super::link::{Joined, Link, TAG_HEADS, TAG_USER, Writable};
use super::presence::Presences;
use super::{Lane, LinkRef, SharedCore};
use crate::guard::rate::Rates;
use crate::net::{Connection, Gather};

pub(crate) struct Shard {
    pub(crate) core: SharedCore,
    pub(super) writable: Arc<Writable>,
    /// A slot of the flusher has links.
    pub(super) slots: Notify,
    /// A drain has begun or its last link has gone.
    pub(super) emptied: Notify,
    state: RefCell<State>,
}

pub(crate) struct State {
    pub(super) links: Slab<Link>,
    pub(crate) hub: Hub,
    pub(super) flusher: Flusher,
    pub(super) presences: Presences,
    pub(crate) rates: Rates,
    gather: Gather,
    users: HashMap<UserId, Vec<u32>>,
    generation: u32,
    opened: u32,
    /// Links that have heads to send within the second.
    heads: Vec<LinkRef>,
    pub(super) half_open: u32,
    pub(super) draining: bool,
    outbound_bytes: usize,
}

impl Shard {
    pub(super) fn new(core: SharedCore) -> Rc<Self> {
        let outbound_bytes = core.config.link.outbound_kib as usize * 1024;
        let state = State {
            links: Slab::new(),
            hub: Hub::default(),
            flusher: Flusher::default(),
            presences: Presences::default(),
            rates: Rates::new(core.config.limits.clone()),
            gather: Gather::default(),
            users: HashMap::new(),
            generation: 0,
            opened: 0,
            heads: Vec::new(),
            half_open: 0,
            draining: false,
            outbound_bytes,
        };
        Rc::new(Self {
            core,
            writable: Arc::default(),
            slots: Notify::new(),
            emptied: Notify::new(),
            state: RefCell::new(state),
        })
    }

    /// Runs one step on the state, then writes what has become due.
    pub(crate) fn step<T>(&self, step: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.borrow_mut();
        let waited = state.flusher.is_waiting();
        let result = step(&mut state);
        state.flush_now(self);
        if !waited && state.flusher.is_waiting() {
            self.slots.notify_one();
        }
        self.core.metrics.links.set(state.links.len() as i64);
        result
    }

    /// Writes the links of the flusher's next slot.
    pub(super) fn flush_slot(&self, late: Duration) {
        let mut state = self.state.borrow_mut();
        let links = state.flusher.take_slot(late);
        state.flush_list(&links, self);
        state.flusher.recycle(links);
        if !state.flusher.is_waiting() {
            state.gather.clear();
        }
    }
}

impl State {
    pub(super) fn add(&mut self, connection: Connection) -> LinkRef {
        self.generation = self.generation.wrapping_add(1);
        let index = self
            .links
            .insert(Link::new(self.generation, connection, Instant::now()));
        LinkRef {
            index: index as u32,
            generation: self.generation,
        }
    }

    pub(crate) fn link(&mut self, at: LinkRef) -> Option<&mut Link> {
        self.links
            .get_mut(at.index as usize)
            .filter(|link| link.generation == at.generation)
    }

    /// Forgets a link everywhere.
    pub(super) fn remove(&mut self, at: LinkRef, shard: &Shard) {
        if self.link(at).is_none() {
            return;
        }
        let link = self.links.remove(at.index as usize);
        for joined in &link.rooms {
            self.hub_leave(*joined, at.index);
        }
        if let Some(who) = &link.who {
            let last = self.users.get_mut(&who.user).is_none_or(|links| {
                links.retain(|other| *other != at.index);
                links.is_empty()
            });
            if last {
                self.users.remove(&who.user);
                self.presences.went(who.user);
                shard.core.set_online(who.user, false);
            }
            if link.entered || link.ended {
                shard.core.metrics.entered.add(-1);
            }
        }
        if self.links.is_empty() {
            shard.emptied.notify_waiters();
        }
    }

    pub(super) fn links_of(&self, user: UserId) -> &[u32] {
        self.users.get(&user).map_or(&[], Vec::as_slice)
    }

    pub(super) fn identify(&mut self, at: LinkRef, user: UserId) {
        self.users.entry(user).or_default().push(at.index);
    }

    /// The entry failed after all.
    pub(super) fn unidentify(&mut self, at: LinkRef) {
        let Some(who) = self.link(at).and_then(|link| link.who.take()) else {
            return;
        };
        if let Some(links) = self.users.get_mut(&who.user) {
            links.retain(|other| *other != at.index);
            if links.is_empty() {
                self.users.remove(&who.user);
            }
        }
    }

    // ---- rooms of a link

    /// Gives a link a room; a room it has already keeps its depth.
    pub(super) fn join(&mut self, index: u32, head: Head, direct: bool) {
        let known = self.hub.slot(head.room);
        let Some(link) = self.links.get_mut(index as usize) else {
            return;
        };
        if known.is_some_and(|slot| link.joined(slot).is_some()) {
            return;
        }
        let depth = if direct { Depth::Full } else { Depth::Light };
        let slot = self.hub.join(head, direct, index, depth);
        link.rooms.push(Joined {
            slot,
            depth,
            opened: 0,
            heads: false,
            since: head.rev,
        });
        self.presences.touch(slot);
    }

    /// Takes a room from a link.
    pub(super) fn leave(&mut self, index: u32, room: RoomId) {
        let Some(link) = self.links.get_mut(index as usize) else {
            return;
        };
        link.opening.retain(|other| *other != room);
        if !link.entered {
            link.left.push(room);
        }
        let Some(slot) = self.hub.slot(room) else {
            return;
        };
        if let Some(at) = link.rooms.iter().position(|joined| joined.slot == slot) {
            let joined = link.rooms.swap_remove(at);
            link.behind.retain(|other| *other != slot);
            self.hub_leave(joined, index);
        }
    }

    fn hub_leave(&mut self, joined: Joined, index: u32) {
        if self.hub.leave(joined.slot, index, joined.depth) {
            self.presences.forget(joined.slot);
        } else {
            self.presences.touch(joined.slot);
        }
    }

    /// Opens a room whose access was granted. `false` when that was undone meanwhile.
    pub(super) fn activate(&mut self, at: LinkRef, head: Head) -> bool {
        let Some(link) = self.link(at) else {
            return false;
        };
        let Some(position) = link.opening.iter().position(|room| *room == head.room) else {
            return false;
        };
        link.opening.swap_remove(position);
        // A public room may be read by who is no member: then it is joined here for as long as it
        // is open.
        self.join(at.index, head, false);
        self.set_depth(at.index, head.room, Depth::Full);
        self.close_oldest(at.index);
        true
    }

    pub(super) fn set_depth(&mut self, index: u32, room: RoomId, depth: Depth) {
        self.opened = self.opened.wrapping_add(1).max(1);
        let opened = self.opened;
        let Some(slot) = self.hub.slot(room) else {
            return;
        };
        let direct = self.hub.get(slot).is_some_and(|room| room.direct);
        let Some(joined) = self
            .links
            .get_mut(index as usize)
            .and_then(|link| link.joined(slot))
        else {
            return;
        };
        let from = joined.depth;
        joined.depth = if direct { Depth::Full } else { depth };
        joined.opened = if depth == Depth::Full { opened } else { 0 };
        let to = joined.depth;
        self.hub.set_depth(slot, index, from, to);
        self.presences.touch(slot);
    }

    /// At most so many rooms are open: the one opened first becomes light.
    fn close_oldest(&mut self, index: u32) {
        let Some(link) = self.links.get(index as usize) else {
            return;
        };
        let open = link.rooms.iter().filter(|joined| joined.opened != 0);
        if open.clone().count() > OPEN_ROOMS
            && let Some(slot) = open
                .min_by_key(|joined| joined.opened)
                .map(|joined| joined.slot)
            && let Some(room) = self.hub.get(slot).map(|room| room.head.room)
        {
            self.set_depth(index, room, Depth::Light);
        }
    }

    /// Whether the link's person is a member of the room, as far as this shard was told.
    pub(crate) fn has_room(&mut self, at: LinkRef, room: RoomId) -> bool {
        let slot = self.hub.slot(room);
        self.link(at)
            .is_some_and(|link| slot.is_some_and(|slot| link.joined(slot).is_some()))
    }

    /// Whether all that the ring of the room may hold after `since` may be seen on this link: what
    /// was committed before its person joined may not.
    pub(crate) fn may_see_since(&mut self, at: LinkRef, room: RoomId, since: u64) -> bool {
        let slot = self.hub.slot(room);
        self.link(at).is_some_and(|link| {
            slot.and_then(|slot| link.joined(slot))
                .is_some_and(|joined| joined.depth == Depth::Full && joined.since <= since)
        })
    }

    /// What a person does, told to everyone who has one of their rooms open.
    pub(crate) fn set_presence(&mut self, at: LinkRef, user: UserId, presence: PresenceState) {
        if self.presences.set(user, presence) {
            let slots: Vec<u32> = self
                .link(at)
                .map(|link| link.rooms.iter().map(|joined| joined.slot).collect())
                .unwrap_or_default();
            slots
                .into_iter()
                .for_each(|slot| self.presences.touch(slot));
        }
    }

    pub(crate) fn typing(&mut self, at: LinkRef, user: UserId, room: RoomId, on: bool) {
        if self.has_room(at, room)
            && let Some(slot) = self.hub.slot(room)
        {
            self.presences.typing(slot, user, on, now_ms());
        }
    }

    // ---- writing

    pub(crate) fn reply(&mut self, at: LinkRef, lane: Lane, frame: Bytes) {
        if let Some(link) = self.link(at) {
            link.reply(lane, frame);
            self.mark(at.index);
        }
    }

    /// Queues a batch of a room for everyone who reads it at full depth, and heads for the others.
    pub(super) fn fan_out(&mut self, slot: u32, frames: &crate::room::BatchFrames) -> u64 {
        let now = Instant::now();
        let Some(room) = self.hub.get(slot) else {
            return 0;
        };
        let mut queued = 0;
        self.flusher.count(room.full.len(), now);
        for index in &room.full {
            let Some(link) = self.links.get_mut(*index as usize) else {
                continue;
            };
            if link.entered && link.push(frames.for_reader(link.zstd), slot, self.outbound_bytes) {
                queued += 1;
            }
            mark(&mut self.flusher, link, *index, now);
        }
        for index in &room.light {
            let Some(link) = self.links.get_mut(*index as usize) else {
                continue;
            };
            let at = LinkRef {
                index: *index,
                generation: link.generation,
            };
            let first = !link.rooms.iter().any(|joined| joined.heads);
            if let Some(joined) = link.joined(slot) {
                joined.heads = true;
            }
            if first {
                self.heads.push(at);
            }
        }
        queued
    }

    pub(super) fn push_user(&mut self, index: u32, frame: &Bytes, rev: u64) {
        let bound = self.outbound_bytes;
        if let Some(link) = self
            .links
            .get_mut(index as usize)
            .filter(|link| link.entered)
        {
            link.user_rev = rev;
            link.push(frame, TAG_USER, bound);
            self.mark(index);
        }
    }

    /// Once a second: heads of rooms that are not open.
    pub(super) fn send_heads(&mut self) {
        for at in std::mem::take(&mut self.heads) {
            let bound = self.outbound_bytes;
            let Some(link) = self
                .links
                .get_mut(at.index as usize)
                .filter(|link| link.generation == at.generation)
            else {
                continue;
            };
            let mut heads = Vec::new();
            for joined in link
                .rooms
                .iter_mut()
                .filter(|joined| joined.heads)
                .take(HEADS)
            {
                joined.heads = false;
                heads.extend(self.hub.get(joined.slot).map(|room| room.head));
            }
            if !heads.is_empty() {
                let frame = frame::encode(
                    0,
                    &Heads {
                        heads,
                        ext: Extensions::NONE,
                    },
                );
                link.push(&frame, TAG_HEADS, bound);
                // More than one frame holds, or dropped with a full queue: again in a second.
                if link.rooms.iter().any(|joined| joined.heads) {
                    self.heads.push(at);
                }
                self.mark(at.index);
            }
        }
    }

    pub(super) fn mark(&mut self, index: u32) {
        if let Some(link) = self.links.get_mut(index as usize) {
            let now = Instant::now();
            self.flusher.count(1, now);
            mark(&mut self.flusher, link, index, now);
        }
    }

    fn flush_now(&mut self, shard: &Shard) {
        let links = self.flusher.take_now();
        if !links.is_empty() {
            self.flush_list(&links, shard);
        }
        self.flusher.recycle(links);
    }

    fn flush_list(&mut self, links: &[u32], shard: &Shard) {
        let now = Instant::now();
        for index in links {
            let Some(link) = self.links.get_mut(*index as usize) else {
                continue;
            };
            let at = LinkRef {
                index: *index,
                generation: link.generation,
            };
            link.last_flush = now;
            if !link.flush(&mut self.gather, at, &shard.writable) {
                link.connection
                    .close(Code::UNEXPECTED, "a stream was stopped");
            }
            if !link.behind.is_empty() || link.behind_user {
                self.catch_up(*index, shard);
            }
        }
        shard.core.metrics.flushes.add(links.len() as u64);
    }

    /// Tells a link that fell behind where it may pull from, once its queue is empty again.
    fn catch_up(&mut self, index: u32, shard: &Shard) {
        let Some(link) = self.links.get_mut(index as usize) else {
            return;
        };
        if link.push.as_ref().is_none_or(|push| !push.is_empty()) {
            return;
        }
        if link.rooms.iter().any(|joined| joined.heads) {
            // Heads may have been dropped with the rest. Asked for twice, they are sent once.
            self.heads.push(LinkRef {
                index,
                generation: link.generation,
            });
        }
        let lost = std::mem::take(&mut link.behind);
        let lost_user = std::mem::take(&mut link.behind_user);
        let user_rev = link.user_rev;
        let behind: Vec<Head> = lost
            .into_iter()
            // A room left meanwhile is no business of this link, nor is who has its slot now.
            .filter(|slot| link.joined(*slot).is_some())
            .filter_map(|slot| self.hub.get(slot).map(|room| room.head))
            .chain(lost_user.then(|| Head {
                room: RoomId::default(),
                head: 0,
                rev: user_rev,
            }))
            .collect();
        shard.core.metrics.slow_links.add(1);
        for head in behind {
            let frame = frame::encode(
                0,
                &Behind {
                    head,
                    ext: Extensions::NONE,
                },
            );
            link.push(&frame, TAG_USER, usize::MAX);
        }
        let at = LinkRef {
            index,
            generation: link.generation,
        };
        link.flush(&mut self.gather, at, &shard.writable);
    }

    /// Links that can be written again.
    pub(super) fn writable(&mut self, links: Vec<LinkRef>) {
        for at in links {
            if self.link(at).is_some() {
                self.mark(at.index);
            }
        }
    }

    // ---- upkeep

    /// Tells every link to go elsewhere.
    pub(super) fn go_away(&mut self, go_away: &GoAway) {
        self.draining = true;
        let frame = frame::encode(0, go_away);
        let links: Vec<u32> = self.links.iter().map(|(index, _)| index as u32).collect();
        for index in links {
            if let Some(link) = self.links.get_mut(index as usize) {
                link.reply(Lane::Control, frame.clone());
            }
            self.mark(index);
        }
    }
}

fn mark(flusher: &mut Flusher, link: &mut Link, index: u32, now: Instant) {
    if !link.dirty {
        link.dirty = true;
        flusher.mark(index, now.saturating_duration_since(link.last_flush));
    }
}
