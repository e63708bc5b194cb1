//! Rooms: the committer, its rules, and the ring of recent batches.

mod batch;
pub mod committer;
mod order;
mod ring;
pub mod rules;

pub use batch::BatchFrames;
pub use committer::{Committer, ReplyTo, Submission};
pub use order::{Offered, Order, Span};
pub use ring::Ring;
