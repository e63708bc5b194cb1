//! The time that stores note.

use std::sync::Arc;

/// Tells the time, ms since the Unix epoch; given from outside so that tests own it.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The system's.
pub(in crate::store) fn system_now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}
