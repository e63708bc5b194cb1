//! What has expired by when, and in which order it goes.

use parlor_protocol::limit::{CLOCK_AHEAD_MS, SEND_KEY_LIFE_MS};

/// How long an uploaded text waits for its message, ms: a day.
const UNUSED_TEXT_MS: u64 = 24 * 3600 * 1000;

/// What goes, each by a statement of its own that takes the instant and how many at most.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Expiring {
    pub(in crate::store) sessions: &'static str,
    pub(in crate::store) invites: &'static str,
    pub(in crate::store) texts: &'static str,
    pub(in crate::store) send_keys: &'static str,
}

impl Expiring {
    /// The statements in their order, each with the instant (ms) before which its rows go.
    pub(in crate::store) fn at(self, now_ms: u64) -> [(&'static str, u64); 4] {
        let keys_before = now_ms.saturating_sub(SEND_KEY_LIFE_MS + CLOCK_AHEAD_MS);
        let texts_before = now_ms.saturating_sub(UNUSED_TEXT_MS);
        [
            (self.sessions, now_ms),
            (self.invites, now_ms),
            (self.texts, texts_before),
            (self.send_keys, keys_before),
        ]
    }
}
