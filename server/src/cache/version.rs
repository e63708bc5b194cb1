//! Versions in this process: a clock that counts changes, and when each group changed last.
//!
//! Groups share a fixed number of places, so that memory is bounded and a change takes no lock. Two
//! groups in one place cost a needless load now and then, never a wrong answer.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use super::key::Group;

/// Places for groups; 8 bytes each.
const PLACES: usize = 4_096;

/// A moment between two changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(u64);

#[derive(Debug)]
pub(super) struct Versions {
    clock: AtomicU64,
    changed: Box<[AtomicU64]>,
    /// When everything was last doubted.
    doubted: AtomicU64,
    hasher: RandomState,
}

impl Default for Versions {
    fn default() -> Self {
        let places = (0..PLACES).map(|_| AtomicU64::new(0));
        Self {
            clock: AtomicU64::new(1),
            changed: places.collect(),
            doubted: AtomicU64::new(0),
            hasher: RandomState::new(),
        }
    }
}

impl Versions {
    /// Taken before a load: what is loaded shows all changes up to here.
    pub(super) fn now(&self) -> Moment {
        Moment(self.clock.load(Ordering::SeqCst))
    }

    /// The group changed, and the database has it.
    pub(super) fn changed(&self, group: Group) {
        let now = self.tick();
        self.place(group).fetch_max(now, Ordering::SeqCst);
    }

    /// Anything may have changed.
    pub(super) fn doubt(&self) {
        let now = self.tick();
        self.doubted.fetch_max(now, Ordering::SeqCst);
    }

    /// Whether what was loaded since then may still be shown.
    pub(super) fn holds(&self, since: Moment, groups: impl IntoIterator<Item = Group>) -> bool {
        let last = |place: &AtomicU64| place.load(Ordering::SeqCst);
        last(&self.doubted) <= since.0
            && groups
                .into_iter()
                .all(|group| last(self.place(group)) <= since.0)
    }

    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst) + 1
    }

    fn place(&self, group: Group) -> &AtomicU64 {
        let hash = self.hasher.hash_one(group) as usize;
        &self.changed[hash % PLACES]
    }
}

#[cfg(test)]
mod tests {
    use parlor_protocol::{RoomId, UserId};

    use super::*;

    #[test]
    fn what_was_loaded_before_a_change_holds_no_more() {
        let versions = Versions::default();
        let room = Group::Room(RoomId([1; 16]));
        let before = versions.now();
        assert!(versions.holds(before, [room]));
        versions.changed(room);
        assert!(!versions.holds(before, [room]));
        let after = versions.now();
        assert!(versions.holds(after, [room]));
    }

    #[test]
    fn one_of_several_groups_is_enough_and_others_change_nothing() {
        let versions = Versions::default();
        let groups = [Group::User(UserId([1; 16])), Group::Rooms];
        let before = versions.now();
        // The places of these may be shared with a chance of one in thousands: look first.
        let other = (0..=u8::MAX)
            .map(|n| Group::Room(RoomId([n; 16])))
            .find(|it| {
                groups
                    .iter()
                    .all(|group| !std::ptr::eq(versions.place(*group), versions.place(*it)))
            });
        versions.changed(other.into_iter().next().unwrap_or(Group::Names));
        assert!(versions.holds(before, groups));
        versions.changed(Group::Rooms);
        assert!(!versions.holds(before, groups));
    }

    #[test]
    fn doubt_takes_everything() {
        let versions = Versions::default();
        let before = versions.now();
        versions.doubt();
        assert!(!versions.holds(before, []));
        assert!(versions.holds(versions.now(), [Group::Rooms]));
    }
}
