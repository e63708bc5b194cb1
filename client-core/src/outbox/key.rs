use parlor_protocol::SendKey;
use parlor_protocol::limit::{CLOCK_AHEAD_MS, SEND_KEY_LIFE_MS};
use uuid::{NoContext, Timestamp, Uuid};

/// Time before its end at which a key counts as too old to begin with: a day for retries.
const SPARE_MS: u64 = 24 * 3600 * 1000;

/// Whether a message that was never sent needs another key: the server would refuse this one, by
/// its clock, as forgotten or as from the future. One that was sent keeps its key for ever, since
/// it may have arrived.
pub fn must_renew(key: SendKey, server_now_ms: u64) -> bool {
    let Some(made_at_ms) = key.made_at_ms() else {
        return true;
    };
    let old = made_at_ms.saturating_add(SEND_KEY_LIFE_MS - SPARE_MS) < server_now_ms;
    // Half of what the server allows: its clock goes on while the message travels.
    let early = made_at_ms > server_now_ms.saturating_add(CLOCK_AHEAD_MS / 2);
    old || early
}

/// A new key made at that instant, ms since the Unix epoch: by the server's clock where this
/// machine's is wrong.
pub fn key_at(now_ms: u64) -> SendKey {
    let nanos = u32::try_from(now_ms % 1_000 * 1_000_000).unwrap_or(0);
    let at = Timestamp::from_unix(NoContext, now_ms / 1_000, nanos);
    SendKey(Uuid::new_v7(at).into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: u64 = 24 * 3600 * 1000;
    const NOW_MS: u64 = 1_700_000_000_000;

    #[test]
    fn a_key_carries_the_instant_it_was_made_for() {
        assert_eq!(key_at(NOW_MS + 123).made_at_ms(), Some(NOW_MS + 123));
        assert_ne!(key_at(NOW_MS), key_at(NOW_MS));
    }

    #[test]
    fn a_message_found_after_a_month_gets_a_new_key() {
        let key = key_at(NOW_MS);
        assert!(!must_renew(key, NOW_MS + 28 * DAY_MS));
        assert!(must_renew(key, NOW_MS + 30 * DAY_MS));
    }

    #[test]
    fn a_clock_set_to_tomorrow_stops_no_message() {
        assert!(must_renew(key_at(NOW_MS + DAY_MS), NOW_MS));
        assert!(!must_renew(key_at(NOW_MS + 60_000), NOW_MS));
    }
}
