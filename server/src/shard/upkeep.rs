//! What is looked after now and then: sessions that are noted as seen and ended in time.

use std::rc::Rc;
use std::time::Duration;

use parlor_protocol::Code;
use tokio::time::sleep;

use super::Core;
use super::link::Link;
use super::state::{Shard, State};

/// How often all links are looked at: how late a session may end.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// A session whose link stays open is noted as seen this often, ms: far below the least number of
/// days that a session may be unused.
const SEEN_EVERY_MS: u64 = 6 * 3600 * 1000;

/// What is due for a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Nothing,
    /// Its session is to be noted as seen.
    Seen,
    /// Its session has expired.
    Over,
}

fn due(expires_at_ms: u64, seen_ms: u64, now_ms: u64) -> Due {
    match now_ms {
        now if now >= expires_at_ms => Due::Over,
        now if now >= seen_ms.saturating_add(SEEN_EVERY_MS) => Due::Seen,
        _ => Due::Nothing,
    }
}

pub(super) async fn sweep(shard: Rc<Shard>) {
    loop {
        sleep(SWEEP_EVERY).await;
        shard.step(|state| state.sweep(&shard.core, shard.core.now_ms()));
    }
}

/// Notes a link's session as seen, among many at once; again later where too many wait already.
pub(super) fn note_seen(link: &mut Link, core: &Core, now_ms: u64) {
    let Some(who) = &link.who else { return };
    let address = link.connection.address().ip().to_string();
    if core.seen.try_send((who.session, now_ms, address)).is_ok() {
        link.seen_ms = now_ms;
    }
}

impl State {
    /// Ends links whose sessions have expired, and notes the others as seen.
    pub(super) fn sweep(&mut self, core: &Core, now_ms: u64) {
        let mut over = Vec::new();
        for (index, link) in &mut self.links {
            let Some(who) = link.who.as_ref().filter(|_| link.entered) else {
                continue;
            };
            match due(who.expires_at_ms, link.seen_ms, now_ms) {
                Due::Nothing => {}
                Due::Seen => note_seen(link, core, now_ms),
                Due::Over => over.push(index as u32),
            }
        }
        for index in over {
            self.end(index, Code::SESSION_ENDED, core);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_seen_while_its_link_lives_and_ends_in_time() {
        let (seen, expires) = (1_000, 1_000 + 100 * SEEN_EVERY_MS);
        assert_eq!(due(expires, seen, seen), Due::Nothing);
        assert_eq!(due(expires, seen, seen + SEEN_EVERY_MS - 1), Due::Nothing);
        assert_eq!(due(expires, seen, seen + SEEN_EVERY_MS), Due::Seen);
        assert_eq!(due(expires, expires - 1, expires - 1), Due::Nothing);
        assert_eq!(due(expires, expires - 1, expires), Due::Over);
    }
}
