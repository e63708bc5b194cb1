//! The visible part of a timeline of any length.
//!
//! Row = seq: a timeline of ten million messages is a column of rows known by
//! arithmetic. The viewport keeps measured heights for a bounded window of it,
//! takes the running mean for the rest, and holds on to one row so that what a
//! person reads stays where it is while rows come, go and change around it. The
//! unit is the face's own: pixels or terminal lines. No I/O, no clock.

mod anchor;
mod block;
mod column;
mod fetch;
mod heights;
mod screen;
mod scrollbar;
mod viewport;
mod walk;

#[cfg(test)]
mod tests;

pub use block::RowState;
pub use column::MAX_SEQ;
pub use fetch::{Fetch, MAX_FETCH_ROWS, MAX_FETCHES, Need};
pub use heights::{MAX_HELD_ROWS, MAX_ROW_HEIGHT};
pub use screen::{Screen, VisibleRow};
pub use scrollbar::Scrollbar;
pub use viewport::{Align, Viewport};
