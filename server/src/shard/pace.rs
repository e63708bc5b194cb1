//! When a room's signals leave: rules without I/O.
//!
//! The first change after a pause leaves at once, so that people see each other come, go and type
//! as it happens; what follows within the room's pause travels together at its end. Two bounds hold
//! in a storm. A room sends one digest a pause, however many changes there are. And all rooms
//! together share a budget: while it is used up every room waits for its turn, the longest waiting
//! first, so that so many signals leave in a second, the budget's burst and one room more at most.

use std::collections::{BTreeSet, HashMap, HashSet};

use parlor_protocol::limit::PRESENCE_PEOPLE;

/// Datagrams that all rooms send: 10,000 a second, about a tenth of a core, after a burst.
const PER_MS: u64 = 10;
const BURST: u64 = 1_000;
/// Pause after a digest of a room with so few on screen that each is named.
const PAUSE_MS: u64 = 35;
/// Pause after a digest of a larger room: counts, which nobody watches so closely.
const PAUSE_COUNTS_MS: u64 = 2_000;
/// Pause after a typing digest of a larger room: a tenth of what a typing signal lives.
const PAUSE_TYPING_MS: u64 = 500;

/// A sort of signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Sort {
    Presence,
    Typing,
    /// What other nodes are told of who is in the room here.
    Nodes,
}

/// A room, by its slot, and what of it changed.
pub(super) type Topic = (u32, Sort);

/// Which signals are due.
#[derive(Debug, Default)]
pub(super) struct Pacer {
    /// Changed since the last look.
    fresh: Vec<Topic>,
    /// Everything that changed and has not left.
    queued: HashSet<Topic>,
    /// In the order in which they may leave, with the time from which they may, ms.
    waiting: BTreeSet<(u64, Topic)>,
    /// When the next signal of a topic may leave, ms.
    free_ms: HashMap<Topic, u64>,
    /// Datagrams sent and not yet paid for, as of when.
    spent: u64,
    spent_ms: u64,
}

impl Pacer {
    pub(super) fn touch(&mut self, topic: Topic) {
        if self.queued.insert(topic) {
            self.fresh.push(topic);
        }
    }

    /// Whether anything changed since the last look.
    pub(super) fn is_fresh(&self) -> bool {
        !self.fresh.is_empty()
    }

    /// From when on the first of what waits may leave, ms.
    pub(super) fn first_ms(&self) -> Option<u64> {
        self.waiting.first().map(|(at, _)| *at)
    }

    /// The next topic whose signal leaves now; tell with [`Pacer::sent`] what that cost.
    pub(super) fn next(&mut self, now_ms: u64) -> Option<Topic> {
        for topic in self.fresh.drain(..) {
            let free = self.free_ms.get(&topic).copied().unwrap_or(0);
            self.waiting.insert((free.max(now_ms), topic));
        }
        if self.owed(now_ms) >= BURST {
            return None;
        }
        let first = *self.waiting.first().filter(|(at, _)| *at <= now_ms)?;
        self.waiting.remove(&first);
        self.queued.remove(&first.1);
        Some(first.1)
    }

    /// A topic's signal left for a room with so many online.
    pub(super) fn sent(&mut self, topic: Topic, now_ms: u64, online: usize, datagrams: usize) {
        self.free_ms
            .insert(topic, now_ms + pause_ms(topic.1, online));
        self.spend(now_ms, datagrams);
    }

    /// Counts datagrams that left.
    pub(super) fn spend(&mut self, now_ms: u64, datagrams: usize) {
        self.spent = self.owed(now_ms) + datagrams as u64;
        self.spent_ms = now_ms;
    }

    /// How long until something may leave, ms; `None` while nothing waits.
    pub(super) fn wait_ms(&self, now_ms: u64) -> Option<u64> {
        let (at, _) = self.waiting.first()?;
        let over = (self.owed(now_ms) + 1).saturating_sub(BURST);
        Some(at.saturating_sub(now_ms).max(over.div_ceil(PER_MS)))
    }

    /// A room has no links any more.
    pub(super) fn forget(&mut self, slot: u32) {
        for topic in [Sort::Presence, Sort::Typing, Sort::Nodes].map(|sort| (slot, sort)) {
            self.free_ms.remove(&topic);
            if self.queued.remove(&topic) {
                self.fresh.retain(|other| *other != topic);
                self.waiting.retain(|(_, other)| *other != topic);
            }
        }
    }

    fn owed(&self, now_ms: u64) -> u64 {
        let paid = now_ms.saturating_sub(self.spent_ms) * PER_MS;
        self.spent.saturating_sub(paid)
    }
}

fn pause_ms(sort: Sort, online: usize) -> u64 {
    match sort {
        _ if online <= PRESENCE_PEOPLE => PAUSE_MS,
        Sort::Presence | Sort::Nodes => PAUSE_COUNTS_MS,
        Sort::Typing => PAUSE_TYPING_MS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Topic = (1, Sort::Presence);

    #[test]
    fn the_first_change_leaves_at_once_and_the_next_ones_together_after_the_pause() {
        let mut pacer = Pacer::default();
        pacer.touch(HERE);
        assert_eq!(pacer.next(1_000), Some(HERE));
        pacer.sent(HERE, 1_000, 100, 100);
        for _ in 0..50 {
            pacer.touch(HERE);
        }
        assert_eq!((pacer.next(1_010), pacer.wait_ms(1_010)), (None, Some(25)));
        assert_eq!(pacer.next(1_035), Some(HERE));
        pacer.sent(HERE, 1_035, 100, 100);
        assert_eq!((pacer.next(1_100), pacer.wait_ms(1_100)), (None, None));
        // After a pause, again at once.
        pacer.touch(HERE);
        assert_eq!(pacer.next(1_100), Some(HERE));
    }

    #[test]
    fn a_large_room_is_told_seldom() {
        let mut pacer = Pacer::default();
        for sort in [Sort::Presence, Sort::Typing] {
            let topic = (2, sort);
            pacer.touch(topic);
            assert_eq!(pacer.next(0), Some(topic));
            pacer.sent(topic, 0, 101, 0);
            pacer.touch(topic);
        }
        assert_eq!((pacer.next(0), pacer.wait_ms(0)), (None, Some(500)));
        assert_eq!(pacer.next(500), Some((2, Sort::Typing)));
        assert_eq!(pacer.next(1_999), None);
        assert_eq!(pacer.next(2_000), Some((2, Sort::Presence)));
    }

    #[test]
    fn a_storm_in_many_rooms_keeps_to_the_budget_and_starves_no_room() {
        let (mut pacer, mut sent, mut last) = (Pacer::default(), 0, HashMap::new());
        const ROOMS: u32 = 500;
        for now in 0..10_000 {
            (0..ROOMS).for_each(|room| pacer.touch((room, Sort::Presence)));
            while let Some(topic) = pacer.next(now) {
                pacer.sent(topic, now, 100, 100);
                sent += 100;
                last.insert(topic, now);
            }
        }
        assert!(sent <= BURST + 10_000 * PER_MS + 100, "{sent} datagrams");
        assert!(sent > 10_000 * PER_MS - 100);
        assert_eq!(last.len(), ROOMS as usize);
        // Each had its turn within the time that one round of all takes.
        let round = u64::from(ROOMS) * 100 / PER_MS;
        assert!(last.values().all(|at| at + round + 100 >= 10_000));
    }

    #[test]
    fn a_room_that_is_gone_waits_for_nothing() {
        let mut pacer = Pacer::default();
        pacer.touch(HERE);
        pacer.next(0);
        pacer.sent(HERE, 0, 1, 1);
        pacer.touch(HERE);
        pacer.touch((2, Sort::Presence));
        assert_eq!(pacer.next(1), Some((2, Sort::Presence)));
        pacer.forget(1);
        assert_eq!((pacer.wait_ms(1), pacer.next(100)), (None, None));
        // Its slot is another room's now, which owes no pause.
        pacer.touch(HERE);
        assert_eq!(pacer.next(2), Some(HERE));
    }
}
