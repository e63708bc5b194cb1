//! What the thread of the load shows while it runs.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// Figures that one thread writes and others read at any time.
#[derive(Debug, Default)]
pub struct Board {
    up: AtomicU64,
    joined: AtomicU64,
    sent: AtomicU64,
    acknowledged: AtomicU64,
    deliveries: AtomicU64,
    errors: AtomicU64,
    entered: AtomicU64,
    links_lost: AtomicU64,
    p50_us: AtomicU64,
    p99_us: AtomicU64,
    /// The worst 99th percentile of a segment that is over, µs, and its number.
    segment_p99_us: AtomicU64,
    segments_over: AtomicU64,
    /// How many waits for all to be in were asked for, and what the last one came to, µs; 0: not yet.
    waits: AtomicU64,
    all_joined_us: AtomicU64,
    settled: AtomicBool,
}

/// The board at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reading {
    pub up: u64,
    pub joined: u64,
    pub sent: u64,
    pub acknowledged: u64,
    pub deliveries: u64,
    pub errors: u64,
    pub entered: u64,
    pub links_lost: u64,
    /// Of the last second or so.
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub segment_p99_ms: f64,
    pub segments_over: u64,
    /// How many waits for all to be in have begun, and how long the last one took.
    pub waits: u64,
    pub all_joined_ms: Option<f64>,
    pub settled: bool,
}

impl Board {
    pub(super) fn write(&self, reading: &Reading) {
        let us = |ms: f64| (ms * 1e3) as u64;
        self.up.store(reading.up, Relaxed);
        self.joined.store(reading.joined, Relaxed);
        self.sent.store(reading.sent, Relaxed);
        self.acknowledged.store(reading.acknowledged, Relaxed);
        self.deliveries.store(reading.deliveries, Relaxed);
        self.errors.store(reading.errors, Relaxed);
        self.entered.store(reading.entered, Relaxed);
        self.links_lost.store(reading.links_lost, Relaxed);
        self.p50_us.store(us(reading.p50_ms), Relaxed);
        self.p99_us.store(us(reading.p99_ms), Relaxed);
        self.segment_p99_us
            .store(us(reading.segment_p99_ms), Relaxed);
        self.segments_over.store(reading.segments_over, Relaxed);
        self.all_joined_us
            .store(reading.all_joined_ms.map_or(0, us), Relaxed);
        self.waits.store(reading.waits, Relaxed);
        self.settled.store(reading.settled, Relaxed);
    }

    pub fn read(&self) -> Reading {
        let ms = |us: &AtomicU64| us.load(Relaxed) as f64 / 1e3;
        Reading {
            up: self.up.load(Relaxed),
            joined: self.joined.load(Relaxed),
            sent: self.sent.load(Relaxed),
            acknowledged: self.acknowledged.load(Relaxed),
            deliveries: self.deliveries.load(Relaxed),
            errors: self.errors.load(Relaxed),
            entered: self.entered.load(Relaxed),
            links_lost: self.links_lost.load(Relaxed),
            p50_ms: ms(&self.p50_us),
            p99_ms: ms(&self.p99_us),
            segment_p99_ms: ms(&self.segment_p99_us),
            segments_over: self.segments_over.load(Relaxed),
            waits: self.waits.load(Relaxed),
            all_joined_ms: Some(ms(&self.all_joined_us)).filter(|ms| *ms > 0.0),
            settled: self.settled.load(Relaxed),
        }
    }
}
