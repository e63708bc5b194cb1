//! Moves the bytes of virtual users: links through client-core, the clock, and the few words that
//! pass between the thread of the load and whoever conducts it.

mod board;
mod driver;
mod homes;
mod link;
mod thread;

pub use board::{Board, Reading};
pub use driver::{DriveError, Entering, Outcome};
pub use thread::{Command, Load, LoadThread, Where};
