//! How long batches take from their commit until they were written to their readers' links: counted
//! by batch, so that it costs the same with one reader and with a thousand. Rules without I/O.

use std::collections::VecDeque;
use std::time::Instant;

use super::flusher::SLOTS;

/// Batches that wait for their slots and are counted: some seconds' worth; others go uncounted.
const BATCHES: usize = 8_192;

/// Batches that were queued and have not left yet, by when they were committed.
#[derive(Default)]
pub(super) struct Delivering {
    at_once: Vec<Instant>,
    /// With the number of the slot by which the last reader has it.
    in_slots: VecDeque<(u64, Instant)>,
    /// Slots that were written.
    slots: u64,
}

impl Delivering {
    /// A batch was queued for its readers. `slots`: links wait for the flusher's slots now, so some
    /// of its readers may: it counts until each slot was written, at most a tick too long.
    pub(super) fn queued(&mut self, committed: Instant, slots: bool) {
        if !slots {
            self.at_once.push(committed);
        } else if self.in_slots.len() < BATCHES {
            let last = self.slots + SLOTS as u64;
            self.in_slots.push_back((last, committed));
        }
    }

    /// The links that were to be written at once were.
    pub(super) fn left_at_once(&mut self) -> impl Iterator<Item = Instant> + '_ {
        self.at_once.drain(..)
    }

    /// One slot's links were written.
    pub(super) fn left_by_slot(&mut self) -> impl Iterator<Item = Instant> + '_ {
        self.slots += 1;
        let slots = self.slots;
        let left = self.in_slots.iter().take_while(|(last, _)| *last <= slots);
        let left = left.count();
        self.in_slots.drain(..left).map(|(_, committed)| committed)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_batch_has_left_when_the_last_of_its_readers_was_written() {
        let began = Instant::now();
        let [first, second] = [1, 2].map(|ms| began + Duration::from_millis(ms));
        let mut delivering = Delivering::default();
        delivering.queued(began, false);
        assert_eq!(delivering.left_at_once().collect::<Vec<_>>(), [began]);
        assert_eq!(delivering.left_at_once().count(), 0);
        delivering.queued(first, true);
        assert_eq!(delivering.left_by_slot().count(), 0);
        delivering.queued(second, true);
        for _ in 2..SLOTS {
            assert_eq!(delivering.left_by_slot().count(), 0);
        }
        assert_eq!(delivering.left_by_slot().collect::<Vec<_>>(), [first]);
        assert_eq!(delivering.left_by_slot().collect::<Vec<_>>(), [second]);
    }

    #[test]
    fn with_the_slots_standing_still_no_more_than_so_many_are_remembered() {
        let mut delivering = Delivering::default();
        (0..2 * BATCHES).for_each(|_| delivering.queued(Instant::now(), true));
        assert_eq!(delivering.in_slots.len(), BATCHES);
    }
}
