//! A histogram as Prometheus tells it.

use std::collections::BTreeMap;

use crate::measure::Percentiles;

/// How many lasted at most so long, by upper bound in µs (`u64::MAX`: however long), counted from
/// below.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Buckets(BTreeMap<u64, u64>);

impl Buckets {
    /// A bucket by its `le` label; anything else is passed over.
    pub(super) fn count(&mut self, bound: Option<&str>, count: u64) {
        let bound_us = match bound.map(|bound| (bound, bound.parse::<f64>())) {
            Some(("+Inf", _)) => u64::MAX,
            Some((_, Ok(seconds))) => (seconds * 1e6).round() as u64,
            _ => return,
        };
        *self.0.entry(bound_us).or_default() += count;
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (bound, count) in &other.0 {
            *self.0.entry(*bound).or_default() += count;
        }
    }

    pub(super) fn since(&self, earlier: &Self) -> Self {
        let since = self.0.iter().map(|(bound, count)| {
            let before = earlier.0.get(bound).copied().unwrap_or_default();
            (*bound, count.saturating_sub(before))
        });
        Self(since.collect())
    }

    pub(super) fn total(&self) -> u64 {
        self.0.values().copied().max().unwrap_or_default()
    }

    /// Each as the upper bound of its bucket, ms; what is above all bounds is not known.
    pub(super) fn percentiles(&self) -> Percentiles {
        let total = self.total();
        let at = |share: f64| {
            let wanted = ((total as f64 * share).ceil() as u64).max(1);
            let bucket = self.0.iter().find(|(_, below)| **below >= wanted);
            bucket
                .filter(|(bound, _)| **bound != u64::MAX)
                .map(|(bound, _)| *bound as f64 / 1e3)
        };
        Percentiles {
            p50: at(0.50),
            p95: at(0.95),
            p99: at(0.99),
            max: at(1.0),
        }
    }
}
