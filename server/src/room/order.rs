//! Puts the batches of one room in the order of their revs, whoever committed them: rules without
//! I/O. Batches of other nodes come over a bus that may lose them, so what does not follow is held
//! for a moment and then asked for.

use std::collections::BTreeMap;

/// How long a missing batch may be under way before it is read from the database, ms.
const MISSING_MS: u64 = 10;
/// When a reading that brought nothing new is tried again, ms.
const AGAIN_MS: u64 = 250;
/// Batches held for one room: a reading that fills the gap brings those beyond as well.
const HELD: usize = 64;

/// The revs that a batch leads over: after `before`, up to `rev`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub before: u64,
    pub rev: u64,
}

/// What to do with a batch that came.
#[derive(Debug, PartialEq, Eq)]
pub enum Offered<B> {
    /// It follows: it is the room's next one.
    Follows(B),
    /// All of it is known.
    Known,
    /// Something before it is missing.
    Held,
}

/// Batches that came too early, and the wish to fill the gap before them.
#[derive(Debug)]
pub struct Order<B> {
    /// By the rev they continue from.
    held: BTreeMap<u64, (u64, B)>,
    /// A rev that the room is known to have reached.
    target: u64,
    /// When the gap is read from the database, ms of the caller's clock.
    due_ms: Option<u64>,
    /// A reading is under way.
    reading: bool,
}

impl<B> Default for Order<B> {
    fn default() -> Self {
        Self {
            held: BTreeMap::new(),
            target: 0,
            due_ms: None,
            reading: false,
        }
    }
}

impl<B> Order<B> {
    /// A batch came while the room stands at `at`.
    pub fn offer(&mut self, at: u64, span: Span, batch: B, now_ms: u64) -> Offered<B> {
        if span.rev <= at {
            return Offered::Known;
        }
        if span.before <= at {
            return Offered::Follows(batch);
        }
        self.target = self.target.max(span.rev);
        if self.held.len() < HELD {
            self.held.insert(span.before, (span.rev, batch));
        }
        self.due_ms.get_or_insert(now_ms + MISSING_MS);
        Offered::Held
    }

    /// The room has reached a rev, says somebody who read it. `true` when something is missing here.
    pub fn reached(&mut self, at: u64, rev: u64, now_ms: u64) -> bool {
        if rev <= at {
            return false;
        }
        self.target = self.target.max(rev);
        self.due_ms.get_or_insert(now_ms + MISSING_MS);
        true
    }

    /// The held batch that follows now that the room stands at `at`.
    pub fn next(&mut self, at: u64) -> Option<B> {
        while let Some(entry) = self.held.first_entry() {
            if *entry.key() > at {
                return None;
            }
            let (rev, batch) = entry.remove();
            if rev > at {
                return Some(batch);
            }
        }
        if self.target <= at {
            self.due_ms = None;
        }
        None
    }

    /// When something is to be read, if anything is missing and no reading is under way.
    pub fn due_ms(&self) -> Option<u64> {
        self.due_ms.filter(|_| !self.reading)
    }

    /// A reading is under way.
    pub fn is_reading(&self) -> bool {
        self.reading
    }

    /// Whether to read now what changed since where the room stands. Once: `read` ends it.
    pub fn read_now(&mut self, now_ms: u64) -> bool {
        let due = self.due_ms().is_some_and(|due_ms| due_ms <= now_ms);
        self.reading |= due;
        due
    }

    /// A reading has ended and what it brought is taken: the room stands at `at`. What is still
    /// missing is read again, at once if there was news.
    pub fn read(&mut self, at: u64, news: bool, now_ms: u64) {
        self.reading = false;
        self.due_ms = (self.target > at).then(|| match news {
            true => now_ms,
            false => now_ms + AGAIN_MS,
        });
    }
}

#[cfg(test)]
mod tests {
    use rand::seq::SliceRandom;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    const fn span(before: u64, rev: u64) -> Span {
        Span { before, rev }
    }

    #[test]
    fn a_lone_node_never_holds_anything() {
        let mut order = Order::default();
        for rev in 1..100 {
            assert_eq!(
                order.offer(rev - 1, span(rev - 1, rev), rev, 0),
                Offered::Follows(rev)
            );
            assert_eq!(order.next(rev), None);
            assert_eq!(order.due_ms(), None);
        }
    }

    #[test]
    fn what_comes_early_waits_and_what_stays_away_is_read_once() {
        let mut order = Order::default();
        assert_eq!(order.offer(3, span(4, 6), 'b', 0), Offered::Held);
        assert_eq!(order.due_ms(), Some(MISSING_MS));
        assert!(!order.read_now(MISSING_MS - 1));
        assert_eq!(order.offer(3, span(3, 4), 'a', 5), Offered::Follows('a'));
        assert_eq!(order.next(4), Some('b'));
        assert_eq!(order.next(6), None);
        assert_eq!(order.due_ms(), None);

        assert_eq!(order.offer(6, span(8, 9), 'd', 20), Offered::Held);
        assert!(order.read_now(30));
        assert!(!order.read_now(99), "one reading at a time");
        // It read up to 9 itself.
        assert_eq!(order.next(9), None);
        order.read(9, true, 40);
        assert_eq!(order.due_ms(), None);
        assert_eq!(order.offer(9, span(7, 8), 'c', 50), Offered::Known);
    }

    #[test]
    fn a_reading_that_brings_nothing_is_tried_again_later() {
        let mut order: Order<char> = Order::default();
        assert!(order.reached(3, 5, 0));
        assert!(order.read_now(10));
        order.read(3, false, 10);
        assert_eq!(order.due_ms(), Some(10 + AGAIN_MS));
        // A page of it: the rest at once.
        assert!(order.read_now(300));
        order.read(4, true, 310);
        assert_eq!(order.due_ms(), Some(310));
        assert!(!order.reached(5, 5, 320));
    }

    /// Whatever is lost, doubled or out of order: each rev is taken once, in order, in the end.
    #[test]
    fn random_buses_end_with_every_rev_once() {
        for seed in 0..300 {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            let mut spans = Vec::new();
            let mut rev = 0;
            while rev < 200 {
                let before = rev;
                rev += random.random_range(1..5);
                spans.push(span(before, rev));
            }
            let mut sent = spans.clone();
            sent.retain(|_| random.random_bool(0.9));
            let doubled: Vec<_> = sent
                .iter()
                .copied()
                .filter(|_| random.random_bool(0.2))
                .collect();
            sent.extend(doubled);
            for part in sent.chunks_mut(10) {
                part.shuffle(&mut random);
            }
            let (mut order, mut at, mut now_ms) = (Order::default(), 0, 0);
            let take = |at: &mut u64, taken: Span| {
                assert!(taken.before <= *at && taken.rev > *at, "seed {seed}");
                *at = taken.rev;
            };
            for batch in sent {
                now_ms += random.random_range(0..4);
                if let Offered::Follows(batch) = order.offer(at, batch, batch, now_ms) {
                    take(&mut at, batch);
                    while let Some(next) = order.next(at) {
                        take(&mut at, next);
                    }
                }
                if order.read_now(now_ms) {
                    let through = (at + 30).min(rev);
                    let news = through > at;
                    at = through;
                    while let Some(next) = order.next(at) {
                        take(&mut at, next);
                    }
                    order.read(at, news, now_ms);
                }
            }
            // The sweep finds a lost last one.
            order.reached(at, rev, now_ms);
            while let Some(due_ms) = order.due_ms() {
                assert!(order.read_now(due_ms));
                at = (at + 30).min(rev);
                while let Some(next) = order.next(at) {
                    take(&mut at, next);
                }
                order.read(at, true, due_ms);
            }
            assert_eq!(at, rev, "seed {seed}");
        }
    }
}
