//! When a link over TCP looks whether UDP gets through again. A rule without I/O.

use std::time::{Duration, Instant};

use rand::Rng;

/// First try: a network that was changed just now settles within a minute.
const FIRST: Duration = Duration::from_secs(60);
/// Longest pause between two tries: a network that blocks UDP seldom changes its mind.
const LONGEST: Duration = Duration::from_secs(30 * 60);
/// A link over QUIC that lasted so long shows that UDP does get through: what breaks it later counts
/// as new.
const LASTED: Duration = Duration::from_secs(10 * 60);

/// The tries of one client.
#[derive(Debug)]
pub(super) struct Upgrade {
    pause: Duration,
    next: Option<Instant>,
    /// Since when the link goes over QUIC.
    quic_since: Option<Instant>,
}

impl Upgrade {
    pub(super) fn new() -> Self {
        Self {
            pause: FIRST,
            next: None,
            quic_since: None,
        }
    }

    /// A link is up.
    pub(super) fn linked<R: Rng + ?Sized>(&mut self, now: Instant, over_tcp: bool, rng: &mut R) {
        if !over_tcp {
            self.quic_since = Some(now);
            self.next = None;
            return;
        }
        let lasted = self.quic_since.take();
        if lasted.is_some_and(|since| now.saturating_duration_since(since) >= LASTED) {
            self.pause = FIRST;
        }
        self.plan(now, rng);
    }

    /// There is no link any more.
    pub(super) fn lost(&mut self) {
        self.next = None;
    }

    /// Another network: as if nothing had been tried.
    pub(super) fn start_anew(&mut self, now: Instant) {
        self.pause = FIRST;
        self.next = self.next.map(|at| at.min(now));
    }

    /// When to try next.
    pub(super) fn due(&self) -> Option<Instant> {
        self.next
    }

    /// Takes the try that is due.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let due = self.next.is_some_and(|at| at <= now);
        if due {
            self.next = None;
            self.pause = (self.pause * 2).min(LONGEST);
        }
        due
    }

    /// The try failed: the link stays where it is.
    pub(super) fn failed<R: Rng + ?Sized>(&mut self, now: Instant, rng: &mut R) {
        self.plan(now, rng);
    }

    /// Spread by a quarter, so that a thousand clients of one office do not try together.
    fn plan<R: Rng + ?Sized>(&mut self, now: Instant, rng: &mut R) {
        let spread = rng.random_range(0.75..1.25);
        self.next = Some(now + self.pause.mul_f64(spread));
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn tries_grow_ever_more_seldom_and_never_stop() {
        let (mut rng, mut now) = (ChaCha8Rng::seed_from_u64(1), Instant::now());
        let mut upgrade = Upgrade::new();
        upgrade.linked(now, true, &mut rng);
        let mut pauses = Vec::new();
        for _ in 0..10 {
            let Some(at) = upgrade.due() else {
                panic!("no further try")
            };
            pauses.push(at - now);
            assert!(!upgrade.take(now));
            now = at;
            assert!(upgrade.take(now));
            upgrade.failed(now, &mut rng);
        }
        assert!(pauses[0] >= FIRST.mul_f64(0.75) && pauses[0] <= FIRST.mul_f64(1.25));
        assert!(pauses.iter().all(|pause| *pause <= LONGEST.mul_f64(1.25)));
        assert!(pauses[9] >= LONGEST.mul_f64(0.75));
    }

    #[test]
    fn over_quic_nothing_is_tried_and_a_short_visit_there_does_not_hurry_the_next_try() {
        let (mut rng, now) = (ChaCha8Rng::seed_from_u64(1), Instant::now());
        let mut upgrade = Upgrade::new();
        upgrade.linked(now, false, &mut rng);
        assert_eq!(upgrade.due(), None);
        upgrade.linked(now, true, &mut rng);
        let first = upgrade.due().unwrap_or(now);
        assert!(upgrade.take(first));
        upgrade.linked(first, false, &mut rng);
        let broke = first + Duration::from_secs(5);
        upgrade.linked(broke, true, &mut rng);
        assert!(upgrade.due().unwrap_or(broke) - broke >= FIRST.mul_f64(1.5));
        upgrade.linked(broke, false, &mut rng);
        let late = broke + LASTED;
        upgrade.linked(late, true, &mut rng);
        assert!(upgrade.due().unwrap_or(late) - late <= FIRST.mul_f64(1.25));
        upgrade.start_anew(late);
        assert!(upgrade.take(late));
        upgrade.lost();
        assert_eq!(upgrade.due(), None);
    }
}
