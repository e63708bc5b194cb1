//! Feeds the probe rule with what a link hears.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parlor_protocol::Extensions;
use parlor_protocol::hello::{PING_PADDING, Ping};

use crate::net::link::{Link, LinkEvent};
use crate::net::probe::{Action, Attention, Pace, Probe, WAKE_JUMP};

/// How often a link that was asked is looked at: how much later than it came an answer is seen.
const ASKED_SAMPLE: Duration = Duration::from_millis(50);
/// The same for a background link, which has half a minute.
const ASKED_BACKGROUND_SAMPLE: Duration = Duration::from_secs(1);
/// How often a quiet link is looked at. Frames are heard as they come; this is for bare
/// acknowledgements.
const QUIET_SAMPLE: Duration = Duration::from_millis(500);
/// How often a quiet background link is looked at: also how soon a wake-up is noticed there.
const QUIET_BACKGROUND_SAMPLE: Duration = Duration::from_secs(2);
/// How long QUIC has to send its own PING when a probe is due; it does so by itself where silence
/// is the reason, and its answer costs the server's application nothing.
const QUIC_PINGS_WITHIN: Duration = Duration::from_millis(100);

/// A third of the largest packet, and some.
const PADDING_BYTES: usize = 512;

/// One link under watch.
#[derive(Debug)]
pub(super) struct Watch {
    probe: Probe,
    attention: Attention,
    /// Silence of our own after which the server must hear from us, where only frames are heard.
    heartbeat: Duration,
    datagrams: u64,
    /// A probe is due: from when, and the PINGs sent before.
    asked: Option<(Instant, u64)>,
    /// The number of a ping of our own whose reply is outstanding.
    ping: Option<(u32, Instant)>,
    looked_at: Instant,
}

/// What an event said about the link.
pub(super) struct Heard {
    pub(super) action: Option<Action>,
    /// The event answers the watch's own ping and is nobody else's business.
    pub(super) own: bool,
}

impl Watch {
    pub(super) fn new(link: &Link, attention: Attention, pace: Pace, now: Instant) -> Self {
        Self {
            probe: Probe::new(attention, pace, now, wall()),
            attention,
            heartbeat: pace.heartbeat(),
            datagrams: link.heard(),
            asked: None,
            ping: None,
            looked_at: now,
        }
    }

    pub(super) fn route_changed(&mut self) {
        self.probe.route_changed();
    }

    pub(super) fn set_attention(&mut self, attention: Attention, now: Instant) {
        self.attention = attention;
        self.probe.set_attention(attention, now);
    }

    /// When to look at the link next.
    pub(super) fn due(&self) -> Instant {
        let sample = match (self.asked.is_some(), self.attention) {
            (true, Attention::Foreground) => ASKED_SAMPLE,
            (true, Attention::Background) => ASKED_BACKGROUND_SAMPLE,
            (false, Attention::Foreground) => QUIET_SAMPLE,
            (false, Attention::Background) => QUIET_BACKGROUND_SAMPLE,
        };
        let next = self.looked_at + sample;
        self.probe.next_deadline().map_or(next, |due| due.min(next))
    }

    /// A frame came.
    pub(super) fn heard(&mut self, link: &Link, now: Instant, event: &LinkEvent) -> Heard {
        let answered = match (event, self.ping) {
            (LinkEvent::Reply { request, .. }, Some((ping, since))) if *request == ping => {
                Some(since)
            }
            _ => None,
        };
        let own = answered.is_some();
        if let Some(since) = answered {
            self.ping = None;
            link.note_rtt(now.saturating_duration_since(since));
        }
        self.asked = None;
        Heard {
            action: self.probe.heard(now),
            own,
        }
    }

    /// Looks at the link; one action at a time, so look again until there is none.
    pub(super) fn look(&mut self, link: &Link, now: Instant) -> Option<Action> {
        self.looked_at = now;
        let datagrams = link.heard();
        if datagrams != self.datagrams {
            self.datagrams = datagrams;
            self.asked = None;
            if let Some(action) = self.probe.heard(now) {
                return Some(action);
            }
        }
        let action = self.probe.tick(now, wall());
        if action == Some(Action::Probe) {
            self.asked = Some((now, link.pings_sent()));
        }
        self.ping_if_quic_does_not(link, now);
        if self.ping.is_none() && link.silent_for() >= self.heartbeat {
            self.send_ping(link, now);
        }
        action
    }

    /// After a wake-up, on a new route, on a link that was made in the background, or where one that is
    /// usually heard often fell silent, QUIC's own PING is not due yet: the server is asked with one of ours.
    fn ping_if_quic_does_not(&mut self, link: &Link, now: Instant) {
        let Some((asked_at, pings_before)) = self.asked else {
            return;
        };
        let quic_had_its_chance = self.probe.asked_early(now)
            || now.saturating_duration_since(asked_at) >= QUIC_PINGS_WITHIN;
        if self.ping.is_none() && quic_had_its_chance && link.pings_sent() == pings_before {
            self.send_ping(link, now);
        }
    }

    fn send_ping(&mut self, link: &Link, now: Instant) {
        let ping = Ping {
            opaque: 0,
            ext: padding(),
        };
        // Busy: then requests are under way, which ask just as well.
        self.ping = link.fire(&ping).ok().map(|request| (request, now));
    }
}

/// Until it has validated an address a server may send there three times what came from it, and a
/// validation fills a whole packet.
fn padding() -> Extensions {
    let mut ext = Extensions::NONE;
    // Far within the bounds of an extension.
    let _ = ext.push(PING_PADDING, vec![0; PADDING_BYTES]);
    ext
}

/// Notices that the machine slept: the wall clock went on and the monotonic one did not.
#[derive(Debug)]
pub(super) struct Clocks(Instant, Duration);

impl Clocks {
    pub(super) fn new(now: Instant) -> Self {
        Self(now, wall())
    }

    /// Whether it slept since the last call.
    pub(super) fn woke(&mut self, now: Instant) -> bool {
        self.compare(now, wall())
    }

    fn compare(&mut self, now: Instant, wall: Duration) -> bool {
        let passed = now.saturating_duration_since(self.0);
        let asleep = wall.saturating_sub(self.1).saturating_sub(passed);
        *self = Self(now, wall);
        asleep > WAKE_JUMP
    }
}

/// The wall clock since its epoch: unlike the other it goes on while the machine sleeps.
fn wall() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_wall_clock_that_ran_ahead_is_a_wake_up() {
        let (now, wall) = (Instant::now(), Duration::from_secs(1_000_000));
        let second = Duration::from_secs(1);
        let mut clocks = Clocks(now, wall);
        assert!(!clocks.compare(now + second, wall + second));
        assert!(clocks.compare(now + 2 * second, wall + 3_600 * second));
        assert!(!clocks.compare(now + 3 * second, wall), "set back");
    }
}
