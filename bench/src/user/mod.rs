//! Virtual users: what they do and how their deliveries are judged. Rules without I/O: events and
//! the clock go in, [`Output`]s come out; `drive` moves the bytes.

mod habit;
mod outbox;
mod posting;
mod rooms;
mod settle;
mod tally;
#[cfg(test)]
mod tests;
mod view;
mod waiting;
mod world;

pub use habit::Habits;
pub use settle::Settled;
pub use tally::{SegmentTally, Tally};
pub use waiting::{Asked, Question, ReadKind};
pub use world::{Output, Spec, World};
