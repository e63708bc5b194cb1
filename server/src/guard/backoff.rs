//! How long to wait before trying again: capped, jittered, at once the first time. No clock.

use std::time::Duration;

/// First and longest wait between attempts to reach a service that is near.
const REDIAL_FIRST: Duration = Duration::from_millis(50);
/// A service that came back is used again within so long; many nodes together knock gently.
const REDIAL_LONGEST: Duration = Duration::from_secs(2);

/// The waits of one series of attempts.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    /// Attempts since the last reset.
    attempts: u32,
}

impl Backoff {
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            attempts: 0,
        }
    }

    /// For connections to a service beside this node.
    pub fn redial() -> Self {
        Self::new(REDIAL_FIRST, REDIAL_LONGEST)
    }

    /// How long to wait now. `random`: from 0 to 1, from which the jitter is made, so that nodes
    /// that lost the same service do not return in step.
    pub fn next(&mut self, random: f64) -> Duration {
        let attempt = self.attempts;
        self.attempts = self.attempts.saturating_add(1);
        let Some(doublings) = attempt.checked_sub(1) else {
            return Duration::ZERO;
        };
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        let whole = self.first.saturating_mul(factor).min(self.longest);
        // At least half: jitter must not become a busy loop.
        whole.mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0)
    }

    /// It worked: the next failure is a first one again.
    pub fn reset(&mut self) {
        self.attempts = 0;
    }
}

/// A number from 0 to 1 for jitter; the middle where the system gives none.
pub fn random() -> f64 {
    getrandom::u32().map_or(0.5, |bits| f64::from(bits) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_cap_and_begin_anew() {
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_millis(300));
        let waits: Vec<u128> = (0..6).map(|_| backoff.next(1.0).as_millis()).collect();
        assert_eq!(waits, [0, 50, 100, 200, 300, 300]);
        backoff.reset();
        assert_eq!(backoff.next(1.0), Duration::ZERO);
        assert_eq!(backoff.next(0.0), Duration::from_millis(25));
    }

    #[test]
    fn a_long_outage_overflows_nothing() {
        let mut backoff = Backoff::redial();
        for _ in 0..1_000 {
            assert!(backoff.next(random()) <= REDIAL_LONGEST);
        }
    }
}
