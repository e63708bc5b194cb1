//! One suite for every store: stories, then random plans held against the model of the rules.
//!
//! A test of a store calls [`run`] with a way to make a fresh, empty one; the clock is the suite's.
#![allow(clippy::unwrap_used)]

mod nodes;
mod own;
mod people;
pub mod plan;
mod reached;
mod reading;
mod rooms;
mod sending;
mod world;

#[cfg(test)]
pub(crate) use world::say;
pub use world::{Factory, World, uuid_v7};

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The suite's time: moves only when a story moves it.
#[derive(Clone, Debug)]
pub struct Hand(Arc<AtomicU64>);

impl Hand {
    /// Some day in 2026.
    pub fn new() -> Self {
        Self(Arc::new(AtomicU64::new(1_790_000_000_000)))
    }

    pub fn now_ms(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    pub fn forward(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }

    pub fn set(&self, now_ms: u64) {
        self.0.store(now_ms, Ordering::SeqCst);
    }

    pub fn back(&self, ms: u64) {
        self.0.fetch_sub(ms, Ordering::SeqCst);
    }
}

impl Default for Hand {
    fn default() -> Self {
        Self::new()
    }
}

/// Tells every story to a fresh store each, then follows random plans.
pub async fn run(factory: &impl Factory) {
    sending::tell(factory).await;
    rooms::tell(factory).await;
    reading::tell(factory).await;
    own::tell(factory).await;
    reached::tell(factory).await;
    people::tell(factory).await;
    nodes::tell(factory).await;
    for seed in 0..plan::SEEDS {
        plan::follow(factory, seed).await;
    }
}
