//! What is known of rooms and people while a batch is decided. A writer that alone changes them
//! keeps it: what it holds is true until one of its transactions fails.

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
pub(in crate::store) struct CachedRoom {
    /// The room's number in the tables.
    pub(in crate::store) number: i64,
    pub(in crate::store) state: RoomState,
    /// The room has tombstones: without any, no unread count needs a look.
    pub(in crate::store) gone: bool,
}

#[derive(Clone, Debug)]
pub(in crate::store) struct CachedPerson {
    pub(in crate::store) name: String,
    pub(in crate::store) display_name: String,
    pub(in crate::store) facts: PersonFacts,
    /// The person's own rev.
    pub(in crate::store) rev: u64,
}

pub(in crate::store) struct Cache {
    rooms: LruCache<RoomId, CachedRoom>,
    /// At least as many as are held; counted anew when it passes the bound.
    held: usize,
    pub(in crate::store) people: LruCache<UserId, CachedPerson>,
    pub(in crate::store) recent: LruCache<(SendKey, UserId), First>,
}

impl Cache {
    pub(in crate::store) fn new() -> Self {
        Self {
            rooms: LruCache::unbounded(),
            held: 0,
            people: LruCache::new(PEOPLE),
            recent: LruCache::new(RECENT),
        }
    }

    /// For one batch alone, of a store that remembers nothing: holds what the batch names.
    pub(in crate::store) fn of_one_batch() -> Self {
        Self {
            rooms: LruCache::unbounded(),
            held: 0,
            people: LruCache::unbounded(),
            recent: LruCache::unbounded(),
        }
    }

    /// The room, as just used.
    pub(in crate::store) fn room(&mut self, room: RoomId) -> Option<&mut CachedRoom> {
        self.rooms.get_mut(&room)
    }

    pub(in crate::store) fn peek(&self, room: RoomId) -> Option<&CachedRoom> {
        self.rooms.peek(&room)
    }

    pub(in crate::store) fn put_room(&mut self, room: CachedRoom) {
        self.held += weight(&room);
        self.rooms.put(room.state.room, room);
    }

    /// Says that a room now holds so many memberships and threads more.
    pub(in crate::store) fn grew(&mut self, by: usize) {
        self.held += by;
    }

    /// Forgets a room: its next use reads it anew.
    pub(in crate::store) fn drop_room(&mut self, room: RoomId) {
        self.rooms.pop(&room);
    }

    /// Forgets everything, after an error that leaves open what the tables hold.
    pub(in crate::store) fn clear(&mut self) {
        self.rooms.clear();
        self.people.clear();
        self.recent.clear();
    }

    /// Forgets the rooms used longest ago until the bound holds. Between calls of append, so that no
    /// room goes while a batch is about it.
    pub(in crate::store) fn shrink(&mut self) {
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
