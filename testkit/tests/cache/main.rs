//! The cache over a real store, alone and shared through a real Redis.

#![allow(clippy::unwrap_used)]

mod gate;
mod lone;
mod nodes;
mod outage;
mod plan;
mod sessions;
mod world;
