//! What joins nodes: hints that arrive early. The database is the truth.
//!
//! A node publishes what it committed, and takes the channels that somebody here needs. A frame may
//! be lost, never come twice out of order from one node on one channel; whoever receives checks revs,
//! reads what is missing from the database, and compares heads where [`Event`] says so ([`Sweep`]).
//!
//! Architecture invariant: publishing never waits, and no queue here is without a bound. What is
//! dropped is counted, and what was dropped on the way in is told by an event.

mod channel;
mod counters;
mod envelope;
mod event;
mod interest;
mod local;
mod queue;
mod redis;
mod sweep;

use std::fmt::Debug;

use bytes::Bytes;
use parlor_protocol::Epoch;

pub use self::redis::{RedisBus, Settings};
pub use channel::{Channel, Channels};
pub use counters::Counters;
pub use envelope::{BusKey, NodeNumber};
pub use event::{Event, Events};
pub use local::LocalBus;
pub use sweep::{Pace, Sweep};

/// A node's end of the bus. Its other end is [`Events`], which the start gives beside it.
pub trait Bus: Debug + Send + Sync {
    /// Sends one whole frame (`parlor_protocol::frame`) to the other nodes that took the channel.
    /// Never waits: what finds no room, or no bus, is dropped and counted.
    fn publish(&self, channel: Channel, frame: Bytes);

    /// Somebody here needs the channel. It is delivered from when [`Event::Rebuilt`] names it until
    /// it was released as often as taken.
    fn take(&self, channel: Channel);

    /// One who took the channel needs it no more.
    fn release(&self, channel: Channel);

    /// How ids are spread over channels, the same on all nodes.
    fn channels(&self) -> Channels;

    /// Whether frames may be missing right now: sweep more often. A bus begins away.
    fn is_away(&self) -> bool;

    /// The installation has begun another life: frames of the old one are no longer taken.
    fn set_epoch(&self, epoch: Epoch);

    fn counters(&self) -> &Counters;
}
