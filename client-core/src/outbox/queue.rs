use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use parlor_protocol::SendKey;
use rand::Rng;

use super::verdict::Verdict;

/// Messages of one room on their way at one time: enough to fill a long path at typing speed and a
/// pasted batch, few enough that a refusal throws little back.
pub const IN_FLIGHT_PER_ROOM: usize = 8;

/// First and longest pause after the server could not take a message for the moment.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A message to be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToSend {
    pub key: SendKey,
    /// The one before it, while that is unacknowledged.
    pub after: Option<SendKey>,
}

#[derive(Debug)]
struct Row {
    key: SendKey,
    in_flight: bool,
}

/// The unsent messages of one room in the order written, without those that failed.
#[derive(Debug, Default)]
pub struct RoomQueue {
    rows: VecDeque<Row>,
    /// The keys of `rows`: an outbox of thousands is looked through at every message written.
    keys: HashSet<SendKey>,
    paused_until: Option<Instant>,
    failures: u32,
}

impl RoomQueue {
    pub fn new() -> Self {
        Self::default()
    }

    /// A message was written, or a failed one is tried again: it goes last.
    pub fn add(&mut self, key: SendKey) {
        if self.keys.insert(key) {
            self.rows.push_back(Row {
                key,
                in_flight: false,
            });
        }
    }

    pub fn contains(&self, key: SendKey) -> bool {
        self.keys.contains(&key)
    }

    /// What to send now; it then counts as in flight. Call until `None`.
    pub fn next(&mut self, now: Instant) -> Option<ToSend> {
        if self.paused_until.is_some_and(|until| now < until) {
            return None;
        }
        self.paused_until = None;
        let at = self.rows.iter().position(|row| !row.in_flight)?;
        if self.in_flight() >= IN_FLIGHT_PER_ROOM {
            return None;
        }
        let after = at.checked_sub(1).map(|before| self.rows[before].key);
        let row = &mut self.rows[at];
        row.in_flight = true;
        Some(ToSend {
            key: row.key,
            after,
        })
    }

    /// When to call [`Self::next`] again though nothing has happened.
    pub fn deadline(&self) -> Option<Instant> {
        self.paused_until
            .filter(|_| self.rows.iter().any(|row| !row.in_flight))
    }

    /// The server has it.
    pub fn acknowledged(&mut self, key: SendKey) {
        self.remove(key);
        self.failures = 0;
    }

    /// The server did not take it. With [`Verdict::Failed`] it leaves the queue.
    pub fn refused<R: Rng + ?Sized>(
        &mut self,
        key: SendKey,
        verdict: &Verdict,
        now: Instant,
        rng: &mut R,
    ) {
        let Some(at) = self.place(key) else { return };
        match verdict {
            Verdict::Failed => return self.remove(key),
            // The one before it stands in the queue and goes first. At the front there is none:
            // the one it named has failed or gone, and it can go at once without.
            Verdict::OutOfOrder | Verdict::NextLink | Verdict::Upload => {}
            Verdict::Later(least) => self.pause(*least, now, rng),
        }
        self.rows[at].in_flight = false;
    }

    /// No answer came in time. It may have arrived; it is sent again under the same key.
    pub fn unanswered<R: Rng + ?Sized>(&mut self, key: SendKey, now: Instant, rng: &mut R) {
        self.refused(key, &Verdict::Later(Duration::ZERO), now, rng);
    }

    /// The link ended: whatever was on its way is sent again on the next one.
    pub fn link_lost(&mut self) {
        for row in &mut self.rows {
            row.in_flight = false;
        }
        self.paused_until = None;
    }

    /// It was discarded.
    pub fn remove(&mut self, key: SendKey) {
        if let Some(at) = self.place(key) {
            self.rows.remove(at);
            self.keys.remove(&key);
        }
    }

    /// Forgets what is no longer in the outbox: another process sent or discarded it.
    pub fn retain(&mut self, mut stays: impl FnMut(SendKey) -> bool) {
        self.rows.retain(|row| stays(row.key));
        self.keys = self.rows.iter().map(|row| row.key).collect();
    }

    /// A message that was never sent got another key.
    pub fn renew(&mut self, old: SendKey, new: SendKey) {
        if let Some(at) = self.place(old) {
            self.rows[at].key = new;
            self.keys.remove(&old);
            self.keys.insert(new);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn in_flight(&self) -> usize {
        self.rows.iter().filter(|row| row.in_flight).count()
    }

    fn place(&self, key: SendKey) -> Option<usize> {
        self.rows.iter().position(|row| row.key == key)
    }

    fn pause<R: Rng + ?Sized>(&mut self, least: Duration, now: Instant, rng: &mut R) {
        let doubled = FIRST_PAUSE.saturating_mul(2u32.saturating_pow(self.failures.min(16)));
        let ceiling = doubled.min(LONGEST_PAUSE);
        // Between half and the whole, so that many writers do not come back together.
        let part = rng.random_range(0.5..=1.0);
        let until = now + ceiling.mul_f64(part).max(least);
        self.paused_until = Some(self.paused_until.map_or(until, |other| other.max(until)));
        self.failures = self.failures.saturating_add(1);
    }
}
