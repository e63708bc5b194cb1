//! A histogram of durations.

use hdrhistogram::Histogram;
use serde::Serialize;

/// Longest duration told apart, µs; longer ones count as this long.
const LONGEST_US: u64 = 600_000_000;
/// Digits of precision: 0.1 %.
const DIGITS: u8 = 3;

/// Durations of one kind.
#[derive(Clone, Debug)]
pub struct Times(Histogram<u64>);

/// What reports say of a histogram, in ms; all `None` when nothing was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Percentiles {
    pub p50: Option<f64>,
    pub p95: Option<f64>,
    pub p99: Option<f64>,
    pub max: Option<f64>,
}

impl Default for Times {
    fn default() -> Self {
        match Histogram::new_with_bounds(1, LONGEST_US, DIGITS) {
            Ok(histogram) => Self(histogram),
            Err(error) => unreachable!("constant bounds: {error}"),
        }
    }
}

impl Times {
    pub fn record_ns(&mut self, ns: u64) {
        self.0.saturating_record(ns.div_ceil(1_000).max(1));
    }

    pub fn record_many_ns(&mut self, ns: u64, count: u64) {
        self.0.saturating_record_n(ns.div_ceil(1_000).max(1), count);
    }

    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// Adds what another one holds.
    pub fn merge(&mut self, other: &Self) {
        // Equal bounds, so this cannot fail.
        let _equal = self.0.add(&other.0);
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The value below which the given share (0 to 1) lies, ms.
    pub fn quantile_ms(&self, share: f64) -> Option<f64> {
        (self.count() > 0).then(|| self.0.value_at_quantile(share) as f64 / 1e3)
    }

    pub fn percentiles(&self) -> Percentiles {
        Percentiles {
            p50: self.quantile_ms(0.50),
            p95: self.quantile_ms(0.95),
            p99: self.quantile_ms(0.99),
            max: (self.count() > 0).then(|| self.0.max() as f64 / 1e3),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_measured_says_nothing() {
        assert_eq!(Times::default().percentiles(), Percentiles::default());
    }

    #[test]
    fn what_lasts_too_long_to_tell_counts_as_the_longest() {
        let mut times = Times::default();
        times.record_ns(u64::MAX);
        assert_eq!(times.count(), 1);
        assert!(times.percentiles().max.unwrap() >= LONGEST_US as f64 / 1e3);
    }

    proptest! {
        #[test]
        fn two_merged_halves_are_the_whole(values in proptest::collection::vec(0u64..1u64 << 40, 1..200)) {
            let (mut whole, mut left, mut right) = (Times::default(), Times::default(), Times::default());
            for (index, value) in values.iter().enumerate() {
                whole.record_ns(*value);
                if index % 2 == 0 { left.record_ns(*value) } else { right.record_ns(*value) }
            }
            left.merge(&right);
            prop_assert_eq!(left.count(), whole.count());
            prop_assert_eq!(left.percentiles(), whole.percentiles());
        }

        #[test]
        fn quantiles_are_within_a_thousandth(values in proptest::collection::vec(1_000u64..1u64 << 38, 1..200)) {
            let mut times = Times::default();
            values.iter().for_each(|value| times.record_ns(*value));
            let mut sorted = values;
            sorted.sort_unstable();
            let exact = sorted[(sorted.len() as f64 * 0.95).ceil() as usize - 1] as f64 / 1e6;
            let measured = times.quantile_ms(0.95).unwrap();
            prop_assert!((measured - exact).abs() <= exact * 0.002 + 0.001, "{measured} {exact}");
        }
    }
}
