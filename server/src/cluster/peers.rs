//! This node's side towards the others: what it tells them, and what it follows of theirs.
//!
//! Everything said is a hint that arrives early; what is lost is found by comparing with the database
//! ([`super::watch`]).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use parlor_protocol::bus::{NodeBatch, NodePresence, NodeTyping, NodeUserBatch, SessionsEnded};
use parlor_protocol::sync::UserBatch;
use parlor_protocol::{Code, Extensions, RoomId, SessionId, UserId, frame};
use tokio::sync::Notify;

use crate::bus::{Bus, Pace, Sweep};
use crate::cache::CachedStore;
use crate::shard::RoomCommitted;
use crate::store::{ReaderChange, UserAppended};

/// The other nodes, as this one reaches them.
pub struct Peers {
    bus: Arc<dyn Bus>,
    /// What is kept of the database here, and hears of changes elsewhere.
    cached: Option<Arc<CachedStore>>,
    sweep: Mutex<Sweep>,
    /// Start of the clock that the sweep counts by.
    began: Instant,
    /// The sweep has something sooner than it thought.
    pub(super) sooner: Notify,
    /// What people here hold of their own is compared now.
    pub(super) look: Notify,
}

impl Peers {
    pub fn new(bus: Arc<dyn Bus>, cached: Option<Arc<CachedStore>>) -> Self {
        Self {
            bus,
            cached,
            sweep: Mutex::new(Sweep::new(Pace::default(), 0)),
            began: Instant::now(),
            sooner: Notify::new(),
            look: Notify::new(),
        }
    }

    /// Milliseconds of the sweep's clock.
    pub(crate) fn now_ms(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }

    pub fn bus(&self) -> &Arc<dyn Bus> {
        &self.bus
    }

    pub(super) fn cached(&self) -> Option<&Arc<CachedStore>> {
        self.cached.as_ref()
    }

    pub(super) fn sweep(&self) -> MutexGuard<'_, Sweep> {
        self.sweep.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first link of a room is here.
    pub fn room_came(&self, room: RoomId) {
        self.bus.take(self.bus.channels().room(room));
        self.sweep().enter(room, self.now_ms());
        self.sooner.notify_one();
    }

    /// The last link of a room has gone.
    pub fn room_went(&self, room: RoomId) {
        self.sweep().leave(room);
        self.bus.release(self.bus.channels().room(room));
    }

    /// What is held of a room may not be all: it is compared at once.
    pub fn suspect(&self, room: RoomId) {
        self.sweep().rebuilt(|other| other == room, self.now_ms());
        self.sooner.notify_one();
    }

    /// Something happened in the room elsewhere.
    pub(super) fn heard_of(&self, room: RoomId) {
        let now_ms = self.now_ms();
        self.sweep().touch(room, now_ms);
    }

    /// What a person here holds of their own may not be all: it is compared at once.
    pub fn suspect_people(&self) {
        self.look.notify_one();
    }

    /// The first link of a person is here.
    pub fn person_came(&self, user: UserId) {
        self.bus.take(self.bus.channels().person(user));
    }

    /// The last link of a person has gone.
    pub fn person_went(&self, user: UserId) {
        self.bus.release(self.bus.channels().person(user));
    }

    /// Tells what was committed here.
    pub fn committed(&self, rooms: &[RoomCommitted], users: &[UserAppended]) {
        for room in rooms {
            let channel = self.bus.channels().room(room.head.room);
            self.bus.publish(channel, room_frame(room));
        }
        if !rooms.is_empty() {
            let now_ms = self.now_ms();
            let mut sweep = self.sweep();
            for room in rooms {
                sweep.touch(room.head.room, now_ms);
            }
        }
        users.iter().for_each(|user| self.user_appended(user));
    }

    /// Tells what changed of a person's own.
    pub fn user_appended(&self, appended: &UserAppended) {
        let channel = self.bus.channels().person(appended.user);
        self.bus.publish(channel, user_frame(appended));
    }

    /// Tells who is in a room here.
    pub fn tell_presence(&self, said: NodePresence) {
        let channel = self.bus.channels().room(said.room);
        self.bus.publish(channel, frame::encode(0, &said));
    }

    /// Tells who is typing here.
    pub fn tell_typing(&self, said: &NodeTyping) {
        let channel = self.bus.channels().room(said.room);
        self.bus.publish(channel, frame::encode(0, said));
    }

    /// Tells which sessions have ended; `sessions: None`, all of the person's.
    pub fn sessions_ended(
        &self,
        user: UserId,
        sessions: Option<&[SessionId]>,
        but: Option<SessionId>,
        code: Code,
    ) {
        let ended = SessionsEnded {
            user,
            sessions: sessions.unwrap_or_default().to_vec(),
            but,
            code: code.0,
            ext: Extensions::NONE,
        };
        // None named would mean all.
        if sessions.is_none_or(|sessions| !sessions.is_empty()) {
            let frame = frame::encode(0, &ended);
            self.bus.publish(crate::bus::Channel::Cluster, frame);
        }
    }
}

fn room_frame(room: &RoomCommitted) -> Bytes {
    let (joined, left) = match &room.readers {
        ReaderChange::None => (Vec::new(), None),
        ReaderChange::Joined(people) => (people.clone(), None),
        ReaderChange::Left(user) => (Vec::new(), Some(*user)),
    };
    let batch = NodeBatch {
        head: room.head,
        before: room.before,
        direct: room.direct,
        joined,
        left,
        frame: room.frames.plain.to_vec(),
        ext: Extensions::NONE,
    };
    frame::encode(0, &batch)
}

fn user_frame(appended: &UserAppended) -> Bytes {
    let UserAppended {
        user,
        before,
        rev,
        entries,
    } = appended;
    let inner = UserBatch {
        before: *before,
        rev: *rev,
        entries: entries.clone(),
        ext: Extensions::NONE,
    };
    let batch = NodeUserBatch {
        user: *user,
        before: *before,
        rev: *rev,
        frame: frame::encode(0, &inner).to_vec(),
        ext: Extensions::NONE,
    };
    frame::encode(0, &batch)
}
