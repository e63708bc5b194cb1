//! When a link is flushed: rules without I/O.
//!
//! A flush costs about ten microseconds however much it carries. While the shard has few of them to
//! do, each frame leaves at once. When there are many, a busy link is flushed once a tick with all
//! that has come, and only a link that was quiet for a tick at once.

use std::time::{Duration, Instant};

/// Slots of a tick: links are spread over them, so that one tick is not one long pause.
pub(super) const SLOTS: usize = 4;
/// The tick of an unhurried shard.
pub(super) const TICK: Duration = Duration::from_millis(20);
/// The longest tick, under overload.
const TICK_MAX: Duration = Duration::from_millis(160);
/// Frames queued in a window above which links are coalesced: 20,000 a second, a fifth of a core.
const WINDOW: Duration = Duration::from_millis(100);
const EASY: u32 = 2_000;
/// Lateness of a slot above which the tick grows, and below which it shrinks again.
const LATE: Duration = Duration::from_millis(6);
const PUNCTUAL: Duration = Duration::from_millis(2);

/// Which dirty links are due. Links are named by their index; the caller keeps each link's own
/// dirty mark, so that it stands in one list at a time.
pub(super) struct Flusher {
    slots: [Vec<u32>; SLOTS],
    now: Vec<u32>,
    next: usize,
    tick: Duration,
    waiting: usize,
    /// Frames queued since the window began, and whether the one before was easy.
    queued: u32,
    window_ends: Option<Instant>,
    easy: bool,
}

impl Default for Flusher {
    fn default() -> Self {
        Self {
            slots: Default::default(),
            now: Vec::new(),
            next: 0,
            tick: TICK,
            waiting: 0,
            queued: 0,
            window_ends: None,
            easy: true,
        }
    }
}

impl Flusher {
    /// So many frames are being queued: decides whether there are few enough to flush each at once.
    pub(super) fn count(&mut self, frames: usize, now: Instant) {
        if self.window_ends.is_none_or(|ends| now >= ends) {
            // A window that follows a pause starts from nothing.
            self.easy =
                self.queued <= EASY || self.window_ends.is_none_or(|ends| now >= ends + WINDOW);
            self.queued = 0;
            self.window_ends = Some(now + WINDOW);
        }
        self.queued = self
            .queued
            .saturating_add(u32::try_from(frames).unwrap_or(u32::MAX));
        self.easy &= self.queued <= EASY;
    }

    /// A link has something to write. `quiet`: how long since its last flush.
    pub(super) fn mark(&mut self, link: u32, quiet: Duration) {
        if self.easy || quiet >= self.tick {
            self.now.push(link);
        } else {
            self.mark_slot(link);
        }
    }

    /// A link has something to write that leaves in a slot, however quiet it was.
    pub(super) fn mark_slot(&mut self, link: u32) {
        self.slots[link as usize % SLOTS].push(link);
        self.waiting += 1;
    }

    /// Takes the links to flush at once; give the list back with [`Flusher::recycle`].
    pub(super) fn take_now(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.now)
    }

    /// Takes the links of the next slot, which is `late` behind its time.
    pub(super) fn take_slot(&mut self, late: Duration) -> Vec<u32> {
        self.pace(late);
        let links = std::mem::take(&mut self.slots[self.next]);
        self.waiting -= links.len();
        self.next = (self.next + 1) % SLOTS;
        links
    }

    /// Keeps the memory of a list that has been worked off.
    pub(super) fn recycle(&mut self, mut list: Vec<u32>) {
        list.clear();
        if self.now.capacity() < list.capacity() && self.now.is_empty() {
            self.now = list;
        } else if let Some(slot) = self.slots.iter_mut().find(|slot| slot.capacity() == 0) {
            *slot = list;
        }
    }

    /// Whether any link waits for a slot.
    pub(super) fn is_waiting(&self) -> bool {
        self.waiting > 0
    }

    /// Time between two slots.
    pub(super) fn slot(&self) -> Duration {
        self.tick / SLOTS as u32
    }

    /// Longer ticks when slots come late, step by step back when they are punctual again.
    fn pace(&mut self, late: Duration) {
        if late > LATE {
            self.tick = (self.tick * 5 / 4).min(TICK_MAX);
        } else if late < PUNCTUAL && self.tick > TICK {
            self.tick = (self.tick * 31 / 32).max(TICK);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy() -> Flusher {
        let mut flusher = Flusher::default();
        flusher.count(usize::MAX, Instant::now());
        flusher
    }

    #[test]
    fn a_quiet_link_is_flushed_at_once_and_a_busy_one_in_its_slot() {
        let mut flusher = busy();
        flusher.mark(1, TICK);
        flusher.mark(6, Duration::from_millis(3));
        assert_eq!(flusher.take_now(), [1]);
        assert!(flusher.is_waiting());
        let slots: Vec<_> = (0..SLOTS)
            .map(|_| flusher.take_slot(Duration::ZERO))
            .collect();
        assert_eq!(slots, [vec![], vec![], vec![6], vec![]]);
        assert!(!flusher.is_waiting());
    }

    #[test]
    fn while_little_is_queued_every_frame_leaves_at_once() {
        let (mut flusher, began) = (Flusher::default(), Instant::now());
        let at = |ms| began + Duration::from_millis(ms);
        flusher.count(10, at(0));
        flusher.mark(1, Duration::ZERO);
        assert_eq!(flusher.take_now(), [1]);
        // A burst coalesces from the moment it shows, and through the window after it.
        flusher.count(EASY as usize, at(50));
        flusher.mark(2, Duration::ZERO);
        flusher.count(10, at(101));
        flusher.mark(3, Duration::ZERO);
        assert!(flusher.take_now().is_empty());
        // An easy window, or a pause, ends that.
        flusher.count(10, at(202));
        flusher.mark(4, Duration::ZERO);
        assert_eq!(flusher.take_now(), [4]);
    }

    #[test]
    fn the_tick_grows_with_lag_within_its_bound_and_comes_back() {
        let mut flusher = Flusher::default();
        for _ in 0..100 {
            flusher.take_slot(Duration::from_millis(50));
        }
        assert_eq!(flusher.slot(), TICK_MAX / SLOTS as u32);
        for _ in 0..1_000 {
            flusher.take_slot(Duration::ZERO);
        }
        assert_eq!(flusher.slot(), TICK / SLOTS as u32);
    }

    #[test]
    fn lists_are_reused() {
        let mut flusher = Flusher::default();
        (0..100).for_each(|link| flusher.mark(link, TICK));
        let list = flusher.take_now();
        let room = list.capacity();
        flusher.recycle(list);
        assert_eq!(flusher.now.capacity(), room);
    }
}
