//! Which messages of a timeline are held locally.
//!
//! A timeline is numbered without gaps, so what a client holds is a short list
//! of ranges and what it lacks is found by subtraction. No I/O here: the store
//! keeps the rows, this keeps the arithmetic.

mod range;
mod ranges;

#[cfg(test)]
mod tests;

pub use range::SeqRange;
pub use ranges::{MAX_RANGES, SeqRanges};
