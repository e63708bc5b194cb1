//! Waiting for something that sends no notification, within a bound.
//!
//! Prefer an event of the part under test (a channel, a watch, a reply). This is
//! for the rest: a file that appears, a socket that starts to answer.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

/// First pause between two looks: short, since most conditions hold at once.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
/// Longest pause between two looks: what a waiting test loses at most.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// The condition did not come true in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the awaited condition was still false after {waited:?} and {looks} looks: raise the deadline or see why it never came"
)]
pub struct NotInTime {
    /// The deadline that was given.
    pub waited: Duration,
    /// How often the condition was asked.
    pub looks: u32,
}

/// Asks `condition` until it is true, at most for `deadline`.
///
/// The condition is asked at least once, and once more when the deadline is reached;
/// a look that takes longer than what is left is abandoned.
///
/// # Errors
/// [`NotInTime`] when the deadline passed first.
pub async fn eventually<F, C>(deadline: Duration, mut condition: F) -> Result<(), NotInTime>
where
    F: FnMut() -> C,
    C: Future<Output = bool>,
{
    eventually_some(deadline, || {
        let look = condition();
        async move { look.await.then_some(()) }
    })
    .await
}

/// Asks `source` until it gives a value, at most for `deadline`, and returns the value.
///
/// # Errors
/// [`NotInTime`] when the deadline passed first.
pub async fn eventually_some<F, S, T>(deadline: Duration, mut source: F) -> Result<T, NotInTime>
where
    F: FnMut() -> S,
    S: Future<Output = Option<T>>,
{
    let end = Instant::now() + deadline;
    let mut pause = FIRST_PAUSE;
    let mut looks = 0;
    loop {
        let last_look = Instant::now() >= end;
        looks += 1;
        // The last look gets one pause of its own, so that a condition which became
        // true just before the deadline is still seen.
        let look_end = if last_look { end + LONGEST_PAUSE } else { end };
        match tokio::time::timeout_at(look_end, source()).await {
            Ok(Some(value)) => return Ok(value),
            Ok(None) if !last_look => {}
            _ => {
                return Err(NotInTime {
                    waited: deadline,
                    looks,
                });
            }
        }
        tokio::time::sleep_until(end.min(Instant::now() + pause)).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::cell::Cell;

    #[tokio::test(start_paused = true)]
    async fn a_condition_that_comes_true_is_seen() {
        let looks = Cell::new(0);
        let seen = eventually(Duration::from_secs(1), || {
            looks.set(looks.get() + 1);
            let now = looks.get() >= 5;
            async move { now }
        })
        .await;
        assert_eq!(seen, Ok(()));
        assert_eq!(looks.get(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn a_condition_that_never_comes_ends_at_the_deadline() {
        let started = Instant::now();
        let missed = eventually(Duration::from_secs(2), || async { false })
            .await
            .unwrap_err();
        assert_eq!(started.elapsed(), Duration::from_secs(2));
        assert!(missed.looks > 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_hangs_does_not_hang_the_test() {
        let missed = eventually(Duration::from_millis(300), std::future::pending).await;
        assert!(missed.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_value_is_handed_out() {
        let value = eventually_some(Duration::ZERO, || async { Some(7) }).await;
        assert_eq!(value, Ok(7));
    }
}
