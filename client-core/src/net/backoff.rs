//! When to dial again: capped exponential back-off with full jitter.
//!
//! Clock and randomness are passed in. A server that sends its clients away
//! names the window they may come back in, and that wins over our own guess.

use std::time::{Duration, Instant};

use rand::Rng;

/// Ceiling of the first delay; it doubles with every failure.
pub const FIRST_CEILING: Duration = Duration::from_millis(250);

/// No delay is shorter, so that a refusing port is never dialled in a loop.
pub const LEAST_DELAY: Duration = Duration::from_millis(50);

/// Highest ceiling while the outage is young: a restarted server must have
/// everybody back within 4 s of listening again, dialling included.
pub const YOUNG_CEILING: Duration = Duration::from_millis(2_500);

/// An outage is young this long; a restart, an update or a fail-over is over by then.
pub const YOUNG_OUTAGE: Duration = Duration::from_secs(180);

/// Highest ceiling of an old outage: a laptop on a train should not dial all day.
pub const OLD_CEILING: Duration = Duration::from_secs(30);

/// A link that held this long was a good one: counting starts anew. Shorter ones
/// end the outage all the same, since the server was there, but go on counting as
/// failures: a server that drops us at once is dialled at [`YOUNG_CEILING`]'s pace.
pub const STABLE_AFTER: Duration = Duration::from_secs(10);

/// Longest pause before a node that drains is dialled again.
pub const PUT_OFF_CEILING: Duration = Duration::from_secs(1);

/// Longest retry window believed, whatever a server asks for.
pub const LONGEST_WINDOW: Duration = Duration::from_secs(300);

/// The rule for one installation's links.
#[derive(Clone, Debug, Default)]
pub struct Backoff {
    failures: u32,
    /// Those since the last link.
    tries: u32,
    outage_began: Option<Instant>,
    connected_at: Option<Instant>,
    window: Option<(Duration, Duration)>,
}

impl Backoff {
    /// No failure so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// A link is up and authenticated: the outage, if there was one, is over.
    pub fn connected(&mut self, now: Instant) {
        self.connected_at = Some(now);
        self.tries = 0;
        self.outage_began = None;
        self.window = None;
    }

    /// The server asked us to come back between `min_ms` and `max_ms` from the
    /// moment the link ends. Crossed ends are put right, and both are held to
    /// [`LONGEST_WINDOW`].
    pub fn retry_window(&mut self, min_ms: u32, max_ms: u32) {
        let held = |ms| Duration::from_millis(u64::from(ms)).min(LONGEST_WINDOW);
        self.window = Some((held(min_ms.min(max_ms)), held(min_ms.max(max_ms))));
    }

    /// A link ended or a dial failed at `now`: how long to wait before the next.
    pub fn lost<R: Rng + ?Sized>(&mut self, now: Instant, rng: &mut R) -> Duration {
        let stable = self
            .connected_at
            .take()
            .is_some_and(|at| now.saturating_duration_since(at) >= STABLE_AFTER);
        if stable {
            self.failures = 0;
        }
        let began = *self.outage_began.get_or_insert(now);
        let delay = match self.window.take() {
            Some((min, max)) => between(min, max, rng),
            None => between(
                LEAST_DELAY,
                self.ceiling(now.saturating_duration_since(began)),
                rng,
            ),
        };
        self.failures = self.failures.saturating_add(1);
        self.tries = self.tries.saturating_add(1);
        delay
    }

    /// A node that is being shut down takes nobody yet, as it said it would not:
    /// how long to wait before it is dialled again. Counts as no failure.
    pub fn put_off<R: Rng + ?Sized>(&self, rng: &mut R) -> Duration {
        between(LEAST_DELAY, PUT_OFF_CEILING, rng)
    }

    /// The machine woke or its route changed: what failed before says nothing
    /// about now. The server's window stays; it is about the server.
    pub fn start_anew(&mut self) {
        self.failures = 0;
        self.tries = 0;
        self.outage_began = None;
    }

    /// Failures in a row, for the state line.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Those of this outage: brief links before it say nothing about how slow the way is.
    pub fn tries(&self) -> u32 {
        self.tries
    }

    fn ceiling(&self, outage: Duration) -> Duration {
        let highest = if outage < YOUNG_OUTAGE {
            YOUNG_CEILING
        } else {
            OLD_CEILING
        };
        let doubled = FIRST_CEILING.saturating_mul(2u32.saturating_pow(self.failures.min(16)));
        doubled.min(highest)
    }
}

fn between<R: Rng + ?Sized>(min: Duration, max: Duration, rng: &mut R) -> Duration {
    let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(rng.random_range(micros(min)..=micros(max.max(min))))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn rng() -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(7)
    }

    #[test]
    fn delays_grow_to_a_ceiling_that_rises_with_the_outage() {
        let (start, mut rng) = (Instant::now(), rng());
        for trial in 0..200u64 {
            let mut backoff = Backoff::new();
            let ceilings = [250, 500, 1_000, 2_000, 2_500, 2_500];
            for ceiling in ceilings {
                let delay = backoff.lost(start + Duration::from_millis(trial), &mut rng);
                assert!((LEAST_DELAY..=Duration::from_millis(ceiling)).contains(&delay));
            }
            let later = start + YOUNG_OUTAGE + Duration::from_secs(1);
            assert!(backoff.lost(later, &mut rng) <= Duration::from_secs(16));
            assert!(backoff.lost(later, &mut rng) <= OLD_CEILING);
        }
    }

    #[test]
    fn a_thousand_clients_do_not_come_back_together() {
        let (start, mut rng) = (Instant::now(), rng());
        let mut per_slot = [0u32; 10];
        for _ in 0..1_000 {
            let mut backoff = Backoff::new();
            for _ in 0..4 {
                backoff.lost(start, &mut rng);
            }
            let delay = backoff.lost(start, &mut rng);
            per_slot[(delay.as_millis() as usize / 250).min(9)] += 1;
        }
        assert!(
            per_slot.iter().all(|&count| (60..=140).contains(&count)),
            "{per_slot:?}"
        );
    }

    #[test]
    fn the_servers_window_wins_once() {
        let (start, mut rng) = (Instant::now(), rng());
        let mut backoff = Backoff::new();
        backoff.retry_window(4_000, 2_000);
        let delay = backoff.lost(start, &mut rng);
        assert!((Duration::from_secs(2)..=Duration::from_secs(4)).contains(&delay));
        assert!(backoff.lost(start, &mut rng) <= Duration::from_millis(500));
    }

    #[test]
    fn an_absurd_window_is_held_to_the_longest_believed() {
        let mut backoff = Backoff::new();
        backoff.retry_window(u32::MAX, u32::MAX);
        assert_eq!(backoff.lost(Instant::now(), &mut rng()), LONGEST_WINDOW);
    }

    #[test]
    fn a_stable_link_clears_the_count_and_a_brief_one_does_not() {
        let (start, mut rng) = (Instant::now(), rng());
        let mut backoff = Backoff::new();
        for _ in 0..6 {
            backoff.lost(start, &mut rng);
        }
        backoff.connected(start);
        backoff.lost(start + Duration::from_secs(1), &mut rng);
        assert_eq!(backoff.failures(), 7);
        backoff.connected(start + Duration::from_secs(2));
        let delay = backoff.lost(start + Duration::from_secs(2) + STABLE_AFTER, &mut rng);
        assert_eq!(backoff.failures(), 1);
        assert!(delay <= FIRST_CEILING);
    }

    #[test]
    fn restarts_in_a_row_never_make_an_old_outage() {
        let (start, mut rng) = (Instant::now(), rng());
        let mut backoff = Backoff::new();
        // Two minutes of a server that is never up for long.
        for restart in 0..24 {
            let at = start + Duration::from_secs(restart * 5);
            backoff.connected(at);
            for failure in 1..=3 {
                let delay = backoff.lost(at + Duration::from_secs(failure), &mut rng);
                assert!(delay <= YOUNG_CEILING, "restart {restart}: {delay:?}");
            }
        }
        assert_eq!(backoff.failures(), 72, "brief links are not forgiven");
    }

    #[test]
    fn waking_up_starts_anew() {
        let (start, mut rng) = (Instant::now(), rng());
        let mut backoff = Backoff::new();
        for _ in 0..9 {
            backoff.lost(start, &mut rng);
        }
        backoff.start_anew();
        assert!(backoff.lost(start + Duration::from_secs(3_600), &mut rng) <= FIRST_CEILING);
    }
}
