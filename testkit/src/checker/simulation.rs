#![allow(clippy::unwrap_used)]
//! A small world whose records are known to be right, or wrong in a known way.
//!
//! One server in memory that keeps the rules of gapless numbers, clients that write, receive,
//! lose links, catch up, are removed and come back, with edits, retention, crashes and a restore
//! in between; all from one seed. With a [`Fault`] it breaks one rule, as the deliberate faults
//! of the real builds do.

mod client;
mod records;
mod server;
mod tests;
mod world;

use super::Run;

/// A rule the world breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Acknowledges, then crashes before the commit.
    AcknowledgeBeforeCommit,
    /// Publishes, then crashes before the commit.
    PublishBeforeCommit,
    /// Takes a retry for a new message.
    NoSendKeys,
    /// Commits a message whose predecessor was not.
    NoPredecessors,
    /// Clients apply what comes and never ask for what did not.
    SkipGapFill,
    /// Nobody compares heads, so a lost last push stays lost.
    NoSweep,
    /// Goes on pushing to people who were removed.
    NoUnsubscribe,
    /// A restore keeps the old epoch.
    NoNewEpoch,
}

/// Plays a world to its quiet end and gives back what was recorded.
fn play(seed: u64, fault: Option<Fault>) -> Run {
    let mut world = world::World::new(seed, fault);
    world.live();
    world.settle();
    world.records()
}
