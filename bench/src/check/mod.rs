//! The judge of deliveries: once, in order, the right bytes. Rules without I/O.
//!
//! A frame is decoded and held against the plan when the first link receives it; every other link
//! that receives the same bytes at the same place has them compared, not decoded, so that checking
//! 400,000 deliveries a second stays cheap beside the server under test.

mod held;
mod ledger;
mod room;
#[cfg(test)]
mod tests;

pub use held::Held;
pub use ledger::{Fate, Ledger, Sender, Wrong};
pub use room::{Fault, Flaws, RoomBook};
