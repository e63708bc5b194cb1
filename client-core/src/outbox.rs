//! Unsent messages: durable before they are shown, in order, each exactly once.
//!
//! Rules, all without I/O: a room's messages leave in the order written, several in flight, each
//! naming its predecessor until that is acknowledged, so that after a refusal the server refuses
//! the later ones as out of order and they are sent again behind it. What is refused for good is
//! taken out of that chain and waits for its writer; later ones go on without it, for one message
//! that a room will not take must not silence all others. A lost acknowledgement is resolved by
//! sending again under the same key.

mod key;
mod queue;
mod verdict;

#[cfg(test)]
mod tests;

pub use key::{key_at, must_renew};
pub use queue::{IN_FLIGHT_PER_ROOM, RoomQueue, ToSend};
pub use verdict::Verdict;

/// Messages kept unsent, of all rooms together, failed ones included. Weeks of writing offline;
/// beyond, the writer is told.
pub const MAX_UNSENT: usize = 10_000;
