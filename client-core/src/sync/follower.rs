//! The gap rule, once for rooms and for the person's own.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// How long a missing batch is waited for before it is asked for: batches of one room come in order
/// but for a queue that ran over, so what is late by more is most likely lost.
pub const PATIENCE: Duration = Duration::from_millis(10);

/// When a catch-up that failed is asked for again.
pub const RETRY_AFTER: Duration = Duration::from_millis(500);

/// Batches kept while an earlier one is missing. At 200 messages a second, batched every 20 ms, a
/// second's worth; beyond, the newest is let go and asked for.
pub const MAX_WAITING: usize = 64;

/// What carries a reader from one rev to another.
pub trait Span {
    /// Whoever holds this rev …
    fn before(&self) -> u64;
    /// … holds this one afterwards.
    fn rev(&self) -> u64;
}

/// What the driver does next, in order.
#[derive(Debug, PartialEq)]
pub enum Step<B> {
    /// Apply what of it is above `held`; then the batch's rev is held.
    Apply { held: u64, batch: B },
    /// Ask what changed since this rev; answer with [`Follower::caught_up`],
    /// [`Follower::reset`] or [`Follower::ask_failed`].
    Ask { since: u64 },
}

/// Follows one sequence of revs over one link after another.
#[derive(Debug)]
pub struct Follower<B> {
    held: Option<u64>,
    /// The greatest rev known to exist.
    target: u64,
    waiting: BTreeMap<u64, B>,
    asking: bool,
    /// When to ask: a gap was seen, or a catch-up failed.
    ask_at: Option<Instant>,
    steps: VecDeque<Step<B>>,
}

impl<B: Span> Follower<B> {
    /// Holds what the store holds.
    pub fn new(held: Option<u64>) -> Self {
        Self {
            held,
            target: held.unwrap_or(0),
            waiting: BTreeMap::new(),
            asking: false,
            ask_at: None,
            steps: VecDeque::new(),
        }
    }

    /// The rev held, `None` when nothing is.
    pub fn held(&self) -> Option<u64> {
        self.held
    }

    /// Whether everything known to exist is held.
    pub fn is_current(&self) -> bool {
        !self.asking && self.held.is_some_and(|held| held >= self.target)
    }

    /// Whether a question is out.
    pub fn is_asking(&self) -> bool {
        self.asking
    }

    /// A live batch.
    pub fn batch(&mut self, batch: B, now: Instant) {
        self.target = self.target.max(batch.rev());
        let Some(held) = self.held else { return };
        if batch.rev() <= held || batch.rev() < batch.before() {
            return;
        }
        if batch.before() <= held {
            self.apply(held, batch);
            self.drain();
        } else {
            self.wait(batch);
        }
        self.look(now);
    }

    /// The sequence is known to stand at `rev`: a head, a marker that batches were dropped.
    pub fn raise(&mut self, rev: u64, now: Instant) {
        self.target = self.target.max(rev);
        self.look(now);
    }

    /// A question is on its way outside of [`Step::Ask`]: the one that opens a room.
    pub fn asked(&mut self) {
        self.asking = true;
        self.ask_at = None;
    }

    /// The answer was applied: all up to `through` is held, and `rev` is where the sequence stood.
    pub fn caught_up(&mut self, through: u64, rev: u64, now: Instant) {
        self.asking = false;
        self.held = Some(self.held.unwrap_or(0).max(through));
        self.target = self.target.max(rev);
        self.drain();
        self.look_at_once(now);
    }

    /// What was held is void; `through` is held of something new. What live batches brought beyond
    /// it is void too, and asked for again.
    pub fn reset(&mut self, through: u64, rev: u64, now: Instant) {
        self.held = Some(through);
        self.target = self.target.max(rev).max(through);
        self.waiting.retain(|_, batch| batch.rev() > through);
        self.asking = false;
        self.drain();
        self.look_at_once(now);
    }

    /// The question got no answer; it is asked again after `again` or [`RETRY_AFTER`].
    pub fn ask_failed(&mut self, again: Option<Duration>, now: Instant) {
        self.asking = false;
        self.ask_at = Some(now + again.unwrap_or(RETRY_AFTER).max(RETRY_AFTER));
    }

    /// The link ended: its questions get no answers, its batches no successors.
    pub fn link_lost(&mut self) {
        self.asking = false;
        self.ask_at = None;
        self.waiting.clear();
    }

    /// Forgets everything: another epoch, or no member any more.
    pub fn clear(&mut self) {
        *self = Self::new(None);
    }

    /// When to call [`Self::tick`].
    pub fn deadline(&self) -> Option<Instant> {
        self.ask_at
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Instant) {
        if self.ask_at.is_some_and(|at| at <= now) {
            self.ask_at = None;
            self.ask();
        }
    }

    /// What to do next.
    pub fn poll(&mut self) -> Option<Step<B>> {
        self.steps.pop_front()
    }

    fn apply(&mut self, held: u64, batch: B) {
        self.held = Some(batch.rev());
        self.steps.push_back(Step::Apply { held, batch });
    }

    fn wait(&mut self, batch: B) {
        let at = batch.before();
        // Of two that begin at one rev the longer one says all that the other says.
        let longer = self
            .waiting
            .get(&at)
            .is_none_or(|other| other.rev() < batch.rev());
        if longer {
            self.waiting.insert(at, batch);
        }
        if self.waiting.len() > MAX_WAITING {
            self.waiting.pop_last();
        }
    }

    /// Applies what has become contiguous.
    fn drain(&mut self) {
        while let (Some(held), Some(entry)) = (self.held, self.waiting.first_entry()) {
            if *entry.key() > held {
                return;
            }
            let batch = entry.remove();
            if batch.rev() > held {
                self.apply(held, batch);
            }
        }
    }

    /// Starts to wait for what is missing, or stops waiting once it is here.
    fn look(&mut self, now: Instant) {
        let lacks = self.held.is_some_and(|held| held < self.target);
        match (lacks, self.asking, self.ask_at) {
            (true, false, None) => self.ask_at = Some(now + PATIENCE),
            (false, _, Some(_)) => self.ask_at = None,
            _ => {}
        }
    }

    /// After an answer nothing is waited for: what lacks now was missed.
    fn look_at_once(&mut self, now: Instant) {
        self.ask_at = None;
        // Batches that wait say that more is coming in order: give them their chance.
        if !self.waiting.is_empty() {
            self.look(now);
        } else if self.held.is_some_and(|held| held < self.target) {
            self.ask();
        }
    }

    fn ask(&mut self) {
        let Some(since) = self.held else { return };
        if !self.asking && since < self.target {
            self.asking = true;
            self.steps.push_back(Step::Ask { since });
        }
    }
}
