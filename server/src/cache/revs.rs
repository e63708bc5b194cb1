//! The highest rev known of each room: what a page must reach to be shown.

use std::num::NonZeroUsize;

use lru::LruCache;
use parlor_protocol::RoomId;

/// Rooms remembered, about 80 bytes each. Of a room that was forgotten no page is shown until its
/// rev is known again.
const ROOMS: NonZeroUsize = NonZeroUsize::new(32_768).unwrap();

#[derive(Debug)]
pub(super) struct Revs(LruCache<RoomId, u64>);

impl Default for Revs {
    fn default() -> Self {
        Self(LruCache::sparse(ROOMS))
    }
}

impl Revs {
    /// The room has come so far, at least.
    pub(super) fn raise(&mut self, room: RoomId, rev: u64) {
        match self.0.get_mut(&room) {
            Some(known) => *known = rev.max(*known),
            None => drop(self.0.push(room, rev)),
        }
    }

    pub(super) fn known(&mut self, room: RoomId) -> Option<u64> {
        self.0.get(&room).copied()
    }

    /// The room may have come further than is known here.
    pub(super) fn forget(&mut self, room: RoomId) {
        self.0.pop(&room);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rev_only_rises_until_it_is_forgotten() {
        let mut revs = Revs::default();
        let room = RoomId([1; 16]);
        assert_eq!(revs.known(room), None);
        revs.raise(room, 5);
        revs.raise(room, 3);
        assert_eq!(revs.known(room), Some(5));
        revs.forget(room);
        assert_eq!(revs.known(room), None);
    }
}
