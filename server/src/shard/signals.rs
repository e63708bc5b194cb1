//! Sends what the rules of presence and typing say.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parlor_protocol::limit::{IDLE_MS, PRESENCE_PEOPLE};
use parlor_protocol::signal::{PresenceState, TypingDigest};
use parlor_protocol::{Extensions, RoomId, UserId, frame};
use tokio::time::sleep_until;

use super::LinkRef;
use super::hub::{Depth, Room};
use super::others::Online;
use super::pace::Sort;
use super::presence::{self, TYPING_LOOK_MS};
use super::state::{Shard, State};
use super::write;

/// How long a presence digest is good for; repeated at half of it.
const LIFE: Duration = Duration::from_millis(IDLE_MS as u64);
/// A link with more than this waiting for it gets no signals, bytes.
const SIGNALS_BELOW_BYTES: usize = 16 * 1024;
/// Links of a room above which one that opens it is told who is there with the others, in the
/// room's own time: to count them for each alone would cost the square of them.
const TOLD_ALONE: usize = 2 * PRESENCE_PEOPLE;

/// Sends what waits for its time. What may leave at once leaves with the step that brought it.
pub(super) async fn run(shard: Rc<Shard>) {
    let mut repeat = Instant::now() + LIFE / 2;
    loop {
        let now_ms = shard.core.steady_ms();
        let wait_ms = shard.step(|state| state.signals_wait_ms(now_ms));
        let due = wait_ms.map(|ms| Instant::now() + Duration::from_millis(ms.max(1)));
        let due = due.map_or(repeat, |due| due.min(repeat));
        tokio::select! {
            () = sleep_until(due.into()) => {}
            () = shard.signals.notified() => {}
        }
        let again = repeat <= Instant::now();
        if again {
            repeat = Instant::now() + LIFE / 2;
        }
        shard.step(|state| {
            if again {
                state.tell_presence_again();
                state.ask_nodes(shard.core.steady_ms());
            }
            state.presences.expire_typing(shard.core.steady_ms());
            state.send_signals(shard.core.steady_ms());
        });
    }
}

impl State {
    /// How long until a signal may leave, or a typing one be forgotten, ms.
    fn signals_wait_ms(&self, now_ms: u64) -> Option<u64> {
        let look = self.presences.is_typing().then_some(TYPING_LOOK_MS);
        let paced = self.presences.pacer.wait_ms(now_ms);
        paced.into_iter().chain(look).min()
    }

    /// Digests expire, and a datagram may have been lost.
    fn tell_presence_again(&mut self) {
        let slots: Vec<u32> = self.hub.open_slots().collect();
        slots
            .into_iter()
            .for_each(|slot| self.presences.touch(slot, None));
    }

    /// Somebody of this room came, went or changed; nobody hears of it where nobody has it open.
    pub(super) fn touch(&mut self, slot: u32, user: Option<UserId>) {
        if self.hub.get(slot).is_some_and(|room| !room.full.is_empty()) {
            self.presences.touch(slot, user);
        }
        self.touch_nodes(slot);
    }

    /// What a person does, told to everyone who has one of their rooms open.
    pub(crate) fn set_presence(&mut self, at: LinkRef, user: UserId, presence: PresenceState) {
        if self.presences.set(user, presence) {
            let rooms = self.link(at).map(|link| link.rooms.clone());
            for joined in rooms.unwrap_or_default() {
                self.touch(joined.slot, Some(user));
            }
        }
    }

    pub(crate) fn typing(
        &mut self,
        at: LinkRef,
        user: UserId,
        room: RoomId,
        on: bool,
        now_ms: u64,
    ) {
        if self.is_member(at, room)
            && let Some(slot) = self.hub.slot(room)
        {
            self.presences.typing(slot, user, on, now_ms);
            self.tell_nodes_of_typing(slot, room, user, on);
        }
    }

    /// Sends what may leave now.
    pub(super) fn send_signals(&mut self, now_ms: u64) {
        for (slot, at) in std::mem::take(&mut self.presences.openers) {
            self.ask_nodes_of(slot, now_ms);
            self.tell_opener(slot, at, now_ms);
        }
        while let Some(topic) = self.presences.pacer.next(now_ms) {
            let (slot, sort) = topic;
            let (online, datagrams) = match sort {
                Sort::Presence => self.send_presence(slot),
                Sort::Typing => self.send_typing(slot),
                Sort::Nodes => self.tell_nodes(slot),
            };
            self.presences.pacer.sent(topic, now_ms, online, datagrams);
        }
    }

    fn tell_opener(&mut self, slot: u32, at: LinkRef, now_ms: u64) {
        // Left or closed in the same step; the slot may be another room's by now.
        let open = self.link(at).is_some_and(|link| {
            link.joined(slot)
                .is_some_and(|joined| joined.depth == Depth::Full)
        });
        let Some(room) = self.hub.get(slot).filter(|_| open) else {
            return;
        };
        if room.links() > TOLD_ALONE {
            return self.presences.touch(slot, None);
        }
        let online = self.online(slot, room);
        let digests = presence::whole(room.head.room, &online);
        self.presences.pacer.spend(now_ms, digests.len());
        let mut waits = false;
        if let Some(link) = self.link(at).filter(|link| link.entered) {
            for digest in digests {
                waits |= link.connection.send_signal(frame::encode(0, &digest));
            }
        }
        if waits {
            self.mark(at.index);
        }
    }

    /// People online, and datagrams sent.
    fn send_presence(&mut self, slot: u32) -> (usize, usize) {
        let Some(room) = self.hub.get(slot).filter(|room| !room.full.is_empty()) else {
            return (0, 0);
        };
        let online = self.online(slot, room);
        let digests = self.presences.digests(slot, room.head.room, &online);
        let frames: Vec<Bytes> = digests.iter().map(|it| frame::encode(0, it)).collect();
        let sent = frames.iter().map(|frame| self.signal(slot, frame)).sum();
        (online.count(), sent)
    }

    fn send_typing(&mut self, slot: u32) -> (usize, usize) {
        let Some(room) = self.hub.get(slot) else {
            return (0, 0);
        };
        let digest = TypingDigest {
            room: room.head.room,
            people: self.presences.typing_in(slot),
            ext: Extensions::NONE,
        };
        let sent = self.signal(slot, &frame::encode(0, &digest));
        (sent, sent)
    }

    /// Members of a room with an entered link, at this node and at others.
    fn online(&self, slot: u32, room: &Room) -> Online {
        let mut online = Online {
            people: self.online_here(room),
            unnamed: 0,
        };
        self.others.add_to(slot, &mut online);
        online
    }

    /// Members of a room with an entered link here.
    pub(super) fn online_here(&self, room: &Room) -> HashMap<UserId, PresenceState> {
        let user = |index: u32| {
            self.links
                .get(index as usize)
                .filter(|link| link.entered)?
                .who
                .as_ref()
                .map(|who| (who.user, self.presences.state(who.user)))
        };
        room.members().filter_map(user).collect()
    }

    /// Sends a signal to everyone who has the room open and little waiting: signals never displace
    /// messages. To how many.
    fn signal(&mut self, slot: u32, signal: &Bytes) -> usize {
        let Some(room) = self.hub.get(slot) else {
            return 0;
        };
        let (mut sent, now) = (0, Instant::now());
        for index in &room.full {
            let link = self.links.get_mut(*index as usize);
            let Some(link) = link.filter(|link| link.entered) else {
                continue;
            };
            if link
                .push
                .as_ref()
                .is_none_or(|push| push.queued_bytes() < SIGNALS_BELOW_BYTES)
            {
                if link.connection.send_signal(signal.clone()) {
                    write::mark(&mut self.flusher, link, *index, now);
                }
                sent += 1;
            }
        }
        sent
    }
}
