//! Two ways of unequal rank: the second is tried beside the first when that says nothing.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

/// How the first way is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum First {
    /// It has not been heard.
    Silent,
    /// Somebody answers, however slowly: the second way waits for the outcome.
    Answers,
    /// It failed, and says nothing about the second way.
    Failed,
}

/// Which way won.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Won<A, B> {
    First(A),
    Second(B),
}

/// Runs `first`, and `second` beside it once `first` has been silent for `head_start` or has failed.
/// `decides`: whether a failure of the first is the answer for both. `told`: what `first` says of
/// itself through the channel.
pub(super) async fn beside<A, B, E>(
    first: impl Future<Output = Result<A, E>>,
    second: impl Future<Output = Result<B, E>>,
    told: &watch::Sender<First>,
    head_start: Duration,
    decides: impl Fn(&E) -> bool,
    weigh: impl Fn(E, E) -> E,
) -> Result<Won<A, B>, E> {
    let mut seen = told.subscribe();
    let turn = async {
        tokio::select! {
            () = sleep(head_start) => {}
            _ = seen.wait_for(|first| *first == First::Failed) => {}
        }
        // An error means that the first way is gone with its channel: then it is our turn.
        let _ = seen.wait_for(|first| *first != First::Answers).await;
    };
    let second = async {
        turn.await;
        second.await
    };
    let (mut first, mut second) = (pin!(first), pin!(second));
    let first_error = tokio::select! {
        biased;
        won = &mut first => match won {
            Ok(won) => return Ok(Won::First(won)),
            Err(error) if decides(&error) => return Err(error),
            Err(error) => error,
        },
        won = &mut second => match won {
            Ok(won) => return Ok(Won::Second(won)),
            Err(second) => return match first.await {
                Ok(won) => Ok(Won::First(won)),
                Err(error) if decides(&error) => Err(error),
                Err(error) => Err(weigh(error, second)),
            },
        },
    };
    told.send_replace(First::Failed);
    match second.await {
        Ok(won) => Ok(Won::Second(won)),
        Err(error) => Err(weigh(first_error, error)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use tokio::time::Instant;

    use super::*;

    const HEAD_START: Duration = Duration::from_secs(1);

    /// A way that ends after so many ms, well or badly; `Err(true)` decides for both.
    async fn way(ms: u64, end: Result<u64, bool>) -> Result<u64, bool> {
        sleep(Duration::from_millis(ms)).await;
        end
    }

    async fn run(
        first: impl Future<Output = Result<u64, bool>>,
        second: (u64, Result<u64, bool>),
        told: watch::Sender<First>,
    ) -> (Result<Won<u64, u64>, bool>, u64) {
        let began = Instant::now();
        let second = way(second.0, second.1);
        let weigh = |first: bool, second: bool| first | second;
        let ended = beside(first, second, &told, HEAD_START, |it| *it, weigh).await;
        (ended, began.elapsed().as_millis() as u64)
    }

    fn told() -> watch::Sender<First> {
        watch::Sender::new(First::Silent)
    }

    #[tokio::test(start_paused = true)]
    async fn a_first_way_that_works_is_alone() {
        let ended = run(way(900, Ok(1)), (0, Ok(2)), told()).await;
        assert_eq!(ended, (Ok(Won::First(1)), 900));
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_one_is_overtaken_after_its_head_start() {
        let ended = run(way(5_000, Ok(1)), (100, Ok(2)), told()).await;
        assert_eq!(ended, (Ok(Won::Second(2)), 1_100));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_answers_is_waited_for() {
        let told = told();
        let teller = told.clone();
        let first = async move {
            sleep(Duration::from_millis(500)).await;
            teller.send_replace(First::Answers);
            way(4_000, Ok(1)).await
        };
        assert_eq!(
            run(first, (0, Ok(2)), told).await,
            (Ok(Won::First(1)), 4_500)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_answers_and_then_stalls_makes_room() {
        let told = told();
        let teller = told.clone();
        let first = async move {
            teller.send_replace(First::Answers);
            way(4_000, Err(false)).await
        };
        let ended = run(first, (100, Ok(2)), told).await;
        assert_eq!(ended, (Ok(Won::Second(2)), 4_100));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_makes_room_at_once_unless_it_decides() {
        let ended = run(way(10, Err(false)), (100, Ok(2)), told()).await;
        assert_eq!(ended, (Ok(Won::Second(2)), 110));
        let ended = run(way(10, Err(true)), (100, Ok(2)), told()).await;
        assert_eq!(ended, (Err(true), 10));
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_may_still_come_when_the_second_has_failed() {
        let ended = run(way(3_000, Ok(1)), (100, Err(false)), told()).await;
        assert_eq!(ended, (Ok(Won::First(1)), 3_000));
        let ended = run(way(3_000, Err(false)), (100, Err(false)), told()).await;
        assert_eq!(ended, (Err(false), 3_000));
    }
}
