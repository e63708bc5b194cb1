//! What the writer remembers of rooms and people. It alone changes them, so what it holds is true
//! until one of its transactions fails.

use std::num::NonZeroUsize;

use lru::LruCache;
use parlor_protocol::{RoomId, SendKey, UserId};

use crate::room::rules::{First, PersonFacts, RoomState};

/// Memberships and threads held of all rooms together; each takes about 60 bytes.
const HELD: usize = 100_000;
/// People held; each takes about 200 bytes.
const PEOPLE: NonZeroUsize = NonZeroUsize::new(8_192).unwrap();
/// First results held, for predecessors and quick retries; each takes about 120 bytes.
const RECENT: NonZeroUsize = NonZeroUsize::new(8_192).unwrap();

#[derive(Debug)]
pub(super) struct CachedRoom {
    /// The room's number in the tables.
    pub(super) number: i64,
    pub(super) state: RoomState,
    /// The room has tombstones: without any, no unread count needs a look.
    pub(super) gone: bool,
}

#[derive(Clone, Debug)]
pub(super) struct CachedPerson {
    pub(super) name: String,
    pub(super) display_name: String,
    pub(super) facts: PersonFacts,
    /// The person's own rev.
    pub(super) rev: u64,
}

pub(super) struct Cache {
    rooms: LruCache<RoomId, CachedRoom>,
    /// At least as many as are held; counted anew when it passes the bound.
    held: usize,
    pub(super) people: LruCache<UserId, CachedPerson>,
    pub(super) recent: LruCache<(SendKey, UserId), First>,
}

impl Cache {
    pub(super) fn new() -> Self {
        Self {
            rooms: LruCache::unbounded(),
            held: 0,
            people: LruCache::new(PEOPLE),
            recent: LruCache::new(RECENT),
        }
    }

    /// The room, as just used.
    pub(super) fn room(&mut self, room: RoomId) -> Option<&mut CachedRoom> {
        self.rooms.get_mut(&room)
    }

    pub(super) fn peek(&self, room: RoomId) -> Option<&CachedRoom> {
        self.rooms.peek(&room)
    }

    pub(super) fn put_room(&mut self, room: CachedRoom) {
        self.held += weight(&room);
        self.rooms.put(room.state.room, room);
    }

    /// Says that a room now holds so many memberships and threads more.
    pub(super) fn grew(&mut self, by: usize) {
        self.held += by;
    }

    /// Forgets a room: its next use reads it anew.
    pub(super) fn drop_room(&mut self, room: RoomId) {
        self.rooms.pop(&room);
    }

    /// Forgets everything, after an error that leaves open what the tables hold.
    pub(super) fn clear(&mut self) {
        self.rooms.clear();
        self.people.clear();
        self.recent.clear();
    }

    /// Forgets the rooms used longest ago until the bound holds. Between calls of append, so that no
    /// room goes while a batch is about it.
    pub(super) fn shrink(&mut self) {
        if self.held <= HELD {
            return;
        }
        self.held = self.rooms.iter().map(|(_, room)| weight(room)).sum();
        while self.held > HELD * 3 / 4 {
            let Some((_, room)) = self.rooms.pop_lru() else {
                return;
            };
            self.held -= weight(&room);
        }
    }
}

fn weight(room: &CachedRoom) -> usize {
    1 + room.state.members.len() + room.state.threads.len()
}
