//! Several ways to one place, tried staggered: the first that succeeds wins, the others are dropped.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// Head start of each way before the next one is tried beside it: RFC 8305's recommendation.
pub(super) const STAGGER: Duration = Duration::from_millis(250);

/// A race of at least one way.
pub(super) struct Race<W, F> {
    waiting: std::vec::IntoIter<(Duration, W)>,
    start: F,
}

impl<W, T, E, R, F> Race<W, F>
where
    F: Fn(W) -> R,
    R: Future<Output = Result<T, E>>,
{
    /// `ways` in order of preference, each with the head start of the one before it.
    pub(super) fn new(ways: Vec<(Duration, W)>, start: F) -> Self {
        Self {
            waiting: ways.into_iter(),
            start,
        }
    }

    /// The winner, or how every way failed, in the order of failing.
    pub(super) async fn run(mut self) -> Result<T, Vec<E>> {
        let mut running: Vec<Pin<Box<R>>> = Vec::new();
        let mut failures = Vec::new();
        let mut next_start: Pin<Box<Sleep>> = Box::pin(sleep_until(Instant::now()));
        std::future::poll_fn(|cx| {
            loop {
                if let Poll::Ready(won) = poll_running(&mut running, &mut failures, cx) {
                    return Poll::Ready(Ok(won));
                }
                // Nothing under way: no reason to wait for the next one's turn.
                let due = running.is_empty() || next_start.as_mut().poll(cx).is_ready();
                match self.waiting.len() {
                    0 if running.is_empty() => {
                        return Poll::Ready(Err(std::mem::take(&mut failures)));
                    }
                    0 => return Poll::Pending,
                    _ if !due => return Poll::Pending,
                    _ => {
                        let next = self.waiting.next();
                        running.extend(next.map(|(_, way)| Box::pin((self.start)(way))));
                        let head_start = self.waiting.as_slice().first().map(|(wait, _)| *wait);
                        let head_start = head_start.unwrap_or_default();
                        next_start.as_mut().reset(Instant::now() + head_start);
                    }
                }
            }
        })
        .await
    }
}

fn poll_running<T, E, R: Future<Output = Result<T, E>>>(
    running: &mut Vec<Pin<Box<R>>>,
    failures: &mut Vec<E>,
    cx: &mut Context<'_>,
) -> Poll<T> {
    let mut won = None;
    running.retain_mut(|way| match way.as_mut().poll(cx) {
        _ if won.is_some() => true,
        Poll::Ready(Ok(value)) => {
            won = Some(value);
            false
        }
        Poll::Ready(Err(error)) => {
            failures.push(error);
            false
        }
        Poll::Pending => true,
    });
    won.map_or(Poll::Pending, Poll::Ready)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// A way that ends after so many ms, well or badly.
    async fn way((ms, well): (u64, bool)) -> Result<u64, u64> {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        if well { Ok(ms) } else { Err(ms) }
    }

    async fn run(ways: &[(u64, bool)]) -> (Result<u64, Vec<u64>>, u64) {
        let start = Instant::now();
        let ways = ways.iter().map(|way| (STAGGER, *way)).collect();
        let result = Race::new(ways, way).run().await;
        (result, start.elapsed().as_millis() as u64)
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_way_wins_when_it_is_quick() {
        assert_eq!(run(&[(200, true), (1, true)]).await, (Ok(200), 200));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_way_is_overtaken_after_its_head_start() {
        assert_eq!(run(&[(5_000, true), (100, true)]).await, (Ok(100), 350));
    }

    #[tokio::test(start_paused = true)]
    async fn each_way_has_its_own_head_start() {
        let ms = Duration::from_millis;
        let ways = vec![
            (ms(7), (5_000, true)),
            (ms(400), (5_000, true)),
            (ms(100), (50, true)),
        ];
        let start = Instant::now();
        let won = Race::new(ways, way).run().await;
        assert_eq!((won, start.elapsed().as_millis()), (Ok(50), 550));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_way_makes_room_at_once() {
        assert_eq!(
            run(&[(10, false), (20, false), (30, true)]).await,
            (Ok(30), 60)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn when_all_fail_every_failure_is_told() {
        assert_eq!(
            run(&[(400, false), (10, false)]).await,
            (Err(vec![10, 400]), 400)
        );
    }
}
