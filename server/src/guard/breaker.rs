//! A circuit breaker: who keeps failing is left alone for a while, then tried by one. No I/O; clock
//! and chance are passed in.

use std::time::Duration;

use super::backoff::Backoff;

/// Failures in a row after which nobody asks any more: one or two happen to anyone.
const FAILURES: u32 = 5;
/// Time that a probe has; one that never reports must not keep all others out.
const PROBE_MS: u64 = 5_000;
/// First and longest time for which nobody asks.
const OPEN_FIRST: Duration = Duration::from_millis(250);
const OPEN_LONGEST: Duration = Duration::from_secs(10);

/// Whether a service may be asked.
#[derive(Clone, Debug)]
pub struct Breaker {
    state: State,
    /// Times that the state changed: what was asked before says nothing about now.
    generation: u64,
    backoff: Backoff,
    failures_max: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It works; so many failures in a row.
    Closed { failures: u32 },
    /// Nobody asks until then.
    Open { until_ms: u64 },
    /// One asks, and has until then.
    HalfOpen { until_ms: u64 },
}

/// What the breaker is seen as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    Closed,
    Open,
    HalfOpen,
}

/// Leave to ask once. Give it back with what came of it.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct Permit {
    generation: u64,
}

/// The service is left alone for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("left alone after failures, for {retry_after_ms} ms more")]
pub struct LeftAlone {
    /// When asking may be worth it, ms from now.
    pub retry_after_ms: u64,
}

impl Default for Breaker {
    fn default() -> Self {
        Self::new(FAILURES, Backoff::new(OPEN_FIRST, OPEN_LONGEST))
    }
}

impl Breaker {
    /// Opens after so many failures in a row, for as long as the back-off says.
    pub fn new(failures_max: u32, mut backoff: Backoff) -> Self {
        // The first wait of a back-off is none, and an open breaker waits.
        backoff.next(0.0);
        Self {
            state: State::Closed { failures: 0 },
            generation: 0,
            backoff,
            failures_max: failures_max.max(1),
        }
    }

    /// Whether to ask now. `now_ms`: any steady clock.
    pub fn ask(&mut self, now_ms: u64) -> Result<Permit, LeftAlone> {
        match self.state {
            State::Closed { .. } => {}
            State::Open { until_ms } | State::HalfOpen { until_ms } if now_ms < until_ms => {
                let retry_after_ms = until_ms - now_ms;
                return Err(LeftAlone { retry_after_ms });
            }
            State::Open { .. } | State::HalfOpen { .. } => {
                let until_ms = now_ms.saturating_add(PROBE_MS);
                self.change(State::HalfOpen { until_ms });
            }
        }
        Ok(Permit {
            generation: self.generation,
        })
    }

    /// It answered.
    pub fn succeeded(&mut self, permit: Permit) {
        if permit.generation != self.generation {
            return;
        }
        match self.state {
            State::HalfOpen { .. } => {
                self.change(State::Closed { failures: 0 });
                self.backoff.reset();
                self.backoff.next(0.0);
            }
            State::Closed { .. } => self.state = State::Closed { failures: 0 },
            State::Open { .. } => {}
        }
    }

    /// It did not, or too late. `random`: from 0 to 1, for the jitter.
    pub fn failed(&mut self, permit: Permit, now_ms: u64, random: f64) {
        if permit.generation != self.generation {
            return;
        }
        match self.state {
            State::Closed { failures } if failures + 1 < self.failures_max => {
                let failures = failures + 1;
                self.state = State::Closed { failures };
            }
            State::Closed { .. } | State::HalfOpen { .. } => {
                let wait = self.backoff.next(random).as_millis();
                let wait = u64::try_from(wait).unwrap_or(u64::MAX);
                let until_ms = now_ms.saturating_add(wait);
                self.change(State::Open { until_ms });
            }
            State::Open { .. } => {}
        }
    }

    /// How it stands, for metrics.
    pub fn look(&self) -> Look {
        match self.state {
            State::Closed { .. } => Look::Closed,
            State::Open { .. } => Look::Open,
            State::HalfOpen { .. } => Look::HalfOpen,
        }
    }

    fn change(&mut self, state: State) {
        self.state = state;
        self.generation += 1;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn breaker() -> Breaker {
        let longest = Duration::from_millis(800);
        Breaker::new(3, Backoff::new(Duration::from_millis(100), longest))
    }

    fn fail(breaker: &mut Breaker, now_ms: u64) {
        let permit = breaker.ask(now_ms).unwrap();
        breaker.failed(permit, now_ms, 1.0);
    }

    #[test]
    fn a_few_failures_in_a_row_open_it_and_an_answer_between_does_not() {
        let mut breaker = breaker();
        for _ in 0..5 {
            fail(&mut breaker, 0);
            fail(&mut breaker, 0);
            let permit = breaker.ask(0).unwrap();
            breaker.succeeded(permit);
        }
        assert_eq!(breaker.look(), Look::Closed);
        (0..3).for_each(|_| fail(&mut breaker, 0));
        assert_eq!(breaker.look(), Look::Open);
        let refused = breaker.ask(40).unwrap_err();
        assert_eq!(refused.retry_after_ms, 60);
    }

    #[test]
    fn one_probe_goes_out_and_its_answer_decides() {
        let mut breaker = breaker();
        (0..3).for_each(|_| fail(&mut breaker, 0));
        let probe = breaker.ask(100).unwrap();
        assert_eq!(breaker.look(), Look::HalfOpen);
        assert!(breaker.ask(100).is_err(), "one is enough");
        breaker.failed(probe, 150, 1.0);
        assert_eq!(
            breaker.ask(150).unwrap_err().retry_after_ms,
            200,
            "longer each time"
        );
        let probe = breaker.ask(350).unwrap();
        breaker.succeeded(probe);
        assert_eq!(breaker.look(), Look::Closed);
        (0..3).for_each(|_| fail(&mut breaker, 1_000));
        assert_eq!(
            breaker.ask(1_000).unwrap_err().retry_after_ms,
            100,
            "and anew"
        );
    }

    #[test]
    fn a_probe_that_never_reports_is_replaced() {
        let mut breaker = breaker();
        (0..3).for_each(|_| fail(&mut breaker, 0));
        let lost = breaker.ask(100).unwrap();
        assert!(breaker.ask(100 + PROBE_MS - 1).is_err());
        let probe = breaker.ask(100 + PROBE_MS).unwrap();
        breaker.failed(lost, 100 + PROBE_MS, 1.0);
        assert_eq!(breaker.look(), Look::HalfOpen, "too late to count");
        breaker.succeeded(probe);
        assert_eq!(breaker.look(), Look::Closed);
    }

    #[test]
    fn answers_from_before_it_opened_do_not_close_it() {
        let mut breaker = breaker();
        let early = breaker.ask(0).unwrap();
        (0..3).for_each(|_| fail(&mut breaker, 0));
        breaker.succeeded(early);
        assert_eq!(breaker.look(), Look::Open);
    }

    proptest! {
        /// Whatever happens, a service that fails is asked less and less, and one that works again is
        /// found within the longest wait.
        #[test]
        fn failing_is_bounded_and_recovery_is_found(
            outage_ms in 1_000_u64..60_000,
            every_ms in 1_u64..50,
            random in 0.0_f64..1.0,
        ) {
            let mut breaker = breaker();
            let mut asked = 0_u64;
            let mut now = 0;
            while now < outage_ms {
                if let Ok(permit) = breaker.ask(now) {
                    asked += 1;
                    breaker.failed(permit, now, random);
                }
                now += every_ms;
            }
            prop_assert!(asked <= 3 + 6 + outage_ms / 400, "{asked} in {outage_ms} ms");
            let recovered = now;
            loop {
                if let Ok(permit) = breaker.ask(now) {
                    breaker.succeeded(permit);
                    break;
                }
                now += every_ms;
            }
            prop_assert!(now - recovered <= 800 + every_ms);
            prop_assert_eq!(breaker.look(), Look::Closed);
        }
    }
}
