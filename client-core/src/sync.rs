//! How a client keeps up: rules without I/O. The clock is passed in; what comes out is done in its
//! order by the driver.
//!
//! Whoever holds rev r and receives r+1 applies it; receives more, waits 10 ms for the missing,
//! then asks; receives less, drops. Everything pushed is only a hint that comes early.

mod follower;
mod page;
mod room;
mod user;

#[cfg(test)]
mod tests;

pub use follower::{Follower, MAX_WAITING, PATIENCE, RETRY_AFTER, Span, Step};
pub use page::{PageFit, PageInFlight};
pub use room::{RoomStep, RoomSync};
pub use user::{UserStep, UserSync};
