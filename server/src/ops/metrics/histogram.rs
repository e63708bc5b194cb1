//! Distributions: counts under fixed bounds.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use super::Render;
use super::text::Text;

/// Upper bounds of durations, µs: from 50 µs to 10 s.
const DURATIONS_US: [u64; 17] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000,
];
/// Upper bounds of sizes.
const SIZES: [u64; 11] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000];

#[derive(Debug)]
struct Counts<const BOUNDS: usize> {
    /// By the first bound that is not exceeded; above all bounds only the total counts.
    under: [AtomicU64; BOUNDS],
    total: AtomicU64,
    sum: AtomicU64,
}

impl<const BOUNDS: usize> Default for Counts<BOUNDS> {
    fn default() -> Self {
        Self {
            under: [const { AtomicU64::new(0) }; BOUNDS],
            total: AtomicU64::new(0),
            sum: AtomicU64::new(0),
        }
    }
}

impl<const BOUNDS: usize> Counts<BOUNDS> {
    fn observe(&self, bounds: &[u64; BOUNDS], value: u64, times: u64) {
        let at = bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.under.get(at) {
            count.fetch_add(times, Ordering::Relaxed);
        }
        self.total.fetch_add(times, Ordering::Relaxed);
        self.sum.fetch_add(value * times, Ordering::Relaxed);
    }

    /// `unit`: how many of the counted make one of the unit shown.
    fn render(
        &self,
        bounds: &[u64; BOUNDS],
        unit: f64,
        text: &mut Text,
        name: &str,
        label: Option<(&str, &str)>,
    ) {
        let labels: Vec<(&str, &str)> = label.into_iter().collect();
        let mut below = 0;
        for (bound, count) in bounds.iter().zip(&self.under) {
            below += count.load(Ordering::Relaxed);
            let bound = (*bound as f64 / unit).to_string();
            let mut labels = labels.clone();
            labels.push(("le", &bound));
            text.sample(name, "_bucket", &labels, below);
        }
        // Counted meanwhile by others: a bucket never shows more than the total.
        let total = self.total.load(Ordering::Relaxed).max(below);
        let mut all = labels.clone();
        all.push(("le", "+Inf"));
        text.sample(name, "_bucket", &all, total);
        let sum = self.sum.load(Ordering::Relaxed) as f64 / unit;
        text.sample(name, "_sum", &labels, sum);
        text.sample(name, "_count", &labels, total);
    }
}

const US_PER_S: f64 = 1e6;

/// A distribution of durations.
#[derive(Debug, Default)]
pub struct Histogram(Counts<{ DURATIONS_US.len() }>);

impl Histogram {
    pub fn observe(&self, duration: Duration) {
        self.observe_many(duration, 1);
    }

    /// The same duration so many times: for what travels together.
    pub fn observe_many(&self, duration: Duration, times: u64) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX / 1024);
        self.0.observe(&DURATIONS_US, us, times);
    }

    /// How often something was observed.
    pub fn count(&self) -> u64 {
        self.0.total.load(Ordering::Relaxed)
    }
}

impl Render for Histogram {
    fn render(&self, text: &mut Text, name: &str, help: &str) {
        text.family(name, "histogram", help);
        self.0.render(&DURATIONS_US, US_PER_S, text, name, None);
    }
}

/// A distribution of sizes.
#[derive(Debug, Default)]
pub struct Sizes(Counts<{ SIZES.len() }>);

impl Sizes {
    pub fn observe(&self, size: u64) {
        self.0.observe(&SIZES, size, 1);
    }
}

impl Render for Sizes {
    fn render(&self, text: &mut Text, name: &str, help: &str) {
        text.family(name, "histogram", help);
        self.0.render(&SIZES, 1.0, text, name, None);
    }
}

/// Distributions of durations by a name that the program gives (never one from outside).
#[derive(Debug, Default)]
pub struct ByName(RwLock<BTreeMap<&'static str, Arc<Histogram>>>);

impl ByName {
    /// The one of that name, made at first use: keep it where it is used often.
    pub fn of(&self, name: &'static str) -> Arc<Histogram> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(histogram) = known.get(name) {
            return histogram.clone();
        }
        drop(known);
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.entry(name).or_default().clone()
    }

    pub fn observe(&self, name: &'static str, duration: Duration) {
        self.of(name).observe(duration);
    }
}

impl Render for ByName {
    fn render(&self, text: &mut Text, name: &str, help: &str) {
        text.family(name, "histogram", help);
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        for (label, histogram) in &*all {
            let label = Some(("query", *label));
            histogram
                .0
                .render(&DURATIONS_US, US_PER_S, text, name, label);
        }
    }
}
