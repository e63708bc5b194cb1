//! Says which calls of the database are slow: their names and times, never what they were about.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lines of one second; when the database stands still, every call is slow, and the log is not to be
/// the next thing that is full.
const LINES_PER_S: u32 = 10;
const SECOND: Duration = Duration::from_secs(1);

/// The slow log of one store.
#[derive(Debug)]
pub(super) struct Slow {
    /// `None`: off.
    from: Option<Duration>,
    pace: Mutex<Pace>,
}

impl Slow {
    #[cfg(test)]
    pub(super) fn of_all_calls() -> Self {
        Self {
            from: Some(Duration::ZERO),
            pace: Mutex::default(),
        }
    }

    /// Calls that take `from_ms` or longer are told; 0: none.
    pub(super) fn new(from_ms: u32) -> Self {
        let from = (from_ms > 0).then(|| Duration::from_millis(from_ms.into()));
        Self {
            from,
            pace: Mutex::default(),
        }
    }

    pub(super) fn note(&self, call: &'static str, took: Duration, now: Instant) {
        if self.from.is_none_or(|from| took < from) {
            return;
        }
        let told = self
            .pace
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .line(now);
        let Some(left_out) = told else { return };
        let ms = took.as_millis() as u64;
        tracing::warn!(
            call,
            ms,
            left_out,
            "a call of the database was slow; database.slow_ms says from when on this is told"
        );
    }
}

/// How many lines there were lately.
#[derive(Debug, Default)]
struct Pace {
    began: Option<Instant>,
    lines: u32,
    left_out: u64,
}

impl Pace {
    /// Whether a line may be written now, and how many were left out before it.
    fn line(&mut self, now: Instant) -> Option<u64> {
        let over = |began: Instant| now.saturating_duration_since(began) >= SECOND;
        if self.began.is_none_or(over) {
            (self.began, self.lines) = (Some(now), 0);
        }
        if self.lines == LINES_PER_S {
            self.left_out += 1;
            return None;
        }
        self.lines += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::measured::tests::{Lines, said};

    #[test]
    fn from_the_bound_on_a_call_is_told_by_its_name() {
        let lines = Lines::default();
        let (slow, now) = (Slow::new(250), Instant::now());
        said(&lines, || {
            slow.note("page", Duration::from_millis(249), now);
            slow.note("append", Duration::from_millis(250), now);
            Slow::new(0).note("changes", Duration::from_secs(100), now);
        });
        let text = lines.text();
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains("WARN"), "{text}");
        assert!(text.contains("call=\"append\" ms=250"), "{text}");
    }

    #[test]
    fn a_flood_of_slow_calls_is_a_few_lines_and_a_count() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        let told = (0..100).filter_map(|_| pace.line(start)).count();
        assert_eq!(told, 10);
        let later = start + SECOND;
        assert_eq!(pace.line(later), Some(90));
        assert_eq!(pace.line(later), Some(0));
    }
}
