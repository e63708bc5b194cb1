//! What both databases agree on about nodes.

/// When what a node said is dropped, ms: a day. It is dead after seconds; this only keeps the table small.
pub(crate) const KEPT_MS: u64 = 24 * 3600 * 1000;
