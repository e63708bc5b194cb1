//! The append rules: what a command does to a room, decided without I/O.
//!
//! [`decide`] looks and refuses or says what happens, [`RoomState::apply`] gives the numbers. Whoever
//! drives them (a store, inside its lock; the model of the tests) brings the state and keeps what
//! comes out, in one transaction. Invariants: a timeline's seqs have no gap, a room's revs have no
//! gap, `at` never goes back in a timeline, a send key has one result, and a sender's messages
//! stand in the order of their predecessors.

mod decide;
#[cfg(any(test, feature = "conformance"))]
pub mod model;
mod permission;
mod send_key;
mod state;
#[cfg(test)]
mod tests;

pub use decide::{Effect, Facts, PersonFacts, decide};
pub(crate) use decide::{beginning, target_of};
pub use permission::{Action, allowed};
pub use send_key::{First, fingerprint};
pub use state::{Membership, RoomState, Step, Thing, TimelineState, room_of};
