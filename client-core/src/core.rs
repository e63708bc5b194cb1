//! What drives a client: one task that owns the link and the rules, and a state in memory that
//! faces read without waiting.
//!
//! ```text
//! face ──reads, wishes──▶ State (a lock held for microseconds) ◀──writes── engine ◀──▶ link, store
//!   ▲                                                              │
//!   └────────────────────── Change (what to read again) ◀──────────┘
//! ```
//!
//! A wish is state too (what is on screen, which rows lack, where the marker stands), never a queue
//! of commands: it merges by itself and needs no bound. `poke` tells the engine to look.

mod account;
mod ask;
mod directory;
mod engine;
mod hold;
mod inner;
mod lists;
mod load;
mod markers;
mod people;
mod post;
pub(crate) mod render;
mod rooms;
mod screen;
pub(crate) mod state;
mod wish;

pub(crate) use account::open;
pub(crate) use hold::Hold;
pub(crate) use inner::{Inner, Lifetime};
pub(crate) use screen::{MAX_PASSES, OnScreen, lock};
