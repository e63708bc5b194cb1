//! Is the link alive? A rule without I/O: what was heard and the clock go in,
//! what to do and when to look again come out.
//!
//! A client that only receives learns of a dead server from nobody: QUIC tells
//! it after the idle time-out, which is far too late for a person who looks on.

use std::time::{Duration, Instant};

use parlor_protocol::limit::{HEARTBEAT_MS, IDLE_MS};

/// Whether somebody is looking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attention {
    /// A face is on screen.
    Foreground,
    /// A tray, a `tail`, a phone in a pocket.
    Background,
}

/// What the driver is to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send a ping that the server answers at once.
    Probe,
    /// Dial another node, or the same again, and keep this link meanwhile.
    DialBeside,
    /// The link answered after all: stop the dial beside it unless that has
    /// brought a new link already.
    StopDial,
    /// Silent for [`Pace::idle`]: close it.
    Close,
}

/// Quiet time after which a foreground client probes.
pub const FOREGROUND_QUIET: Duration = Duration::from_secs(2);

/// A link in the foreground that is usually heard often is missed sooner: after so many of its usual
/// pauses, and no sooner than after [`QUIET_LEAST`]. Who only listens and comes from another address
/// (a rebound NAT) is found by the server with the next packet of their own, and hears nothing until
/// then.
const USUAL_PAUSES: u32 = 5;

/// See [`USUAL_PAUSES`]; above what a busy server or a lost packet costs.
const QUIET_LEAST: Duration = Duration::from_millis(250);

/// Sounds closer to each other than this are one: frames of one flush.
const ONE_SOUND: Duration = Duration::from_millis(10);

/// Time an urgent or foreground probe has for its answer; with
/// [`FOREGROUND_QUIET`] a dead server is noticed within 3.5 s.
pub const PROMPT_ANSWER: Duration = Duration::from_millis(1_500);

/// Bounds of what a server may ask for as heartbeat.
const HEARTBEATS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(600));

/// Bounds of the silence after which it may have a link given up.
const IDLES: (Duration, Duration) = (Duration::from_secs(4), Duration::from_secs(3_600));

/// How long a link may be silent, by the server's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    heartbeat: Duration,
    idle: Duration,
}

impl Default for Pace {
    /// What holds until a server has said otherwise.
    fn default() -> Self {
        Self::new(HEARTBEAT_MS, IDLE_MS)
    }
}

impl Pace {
    /// The two times of a welcome, ms, held to sane bounds; two heartbeats fit into the silence, so
    /// that a lost one ends no link.
    pub fn new(heartbeat_ms: u32, idle_ms: u32) -> Self {
        let held = |ms: u32, (least, most)| Duration::from_millis(ms.into()).clamp(least, most);
        let idle = held(idle_ms, IDLES);
        Self {
            heartbeat: held(heartbeat_ms, HEARTBEATS).min(idle / 2),
            idle,
        }
    }

    /// Quiet time after which a background client probes, and the longest any client itself stays
    /// silent, so that the server keeps the link.
    pub fn heartbeat(&self) -> Duration {
        self.heartbeat
    }

    /// A link silent for so long is over.
    pub fn idle(&self) -> Duration {
        self.idle
    }

    /// How long a link may be quiet before it is asked for a sign of life.
    pub fn quiet(&self, attention: Attention) -> Duration {
        match attention {
            Attention::Foreground => FOREGROUND_QUIET,
            Attention::Background => self.heartbeat,
        }
    }

    /// How long a link may then take to answer. In the background quiet and answer together are the
    /// time after which the server, too, gives a peer up.
    pub fn answer(&self, attention: Attention) -> Duration {
        match attention {
            Attention::Foreground => PROMPT_ANSWER,
            Attention::Background => self.idle - self.heartbeat,
        }
    }
}

/// The wall clock ran ahead of the monotonic one, or a tick came late, by more
/// than this: the machine slept. Above scheduling delays and clock slewing.
pub const WAKE_JUMP: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug)]
enum State {
    /// Heard lately enough.
    Quiet,
    /// A probe is out.
    Asked {
        at: Instant,
        answer_within: Duration,
    },
    /// No answer: another link is being made.
    Beside { since: Instant },
    /// Given up; nothing more to do.
    Closed,
}

/// The rule for one link.
#[derive(Clone, Debug)]
pub struct Probe {
    attention: Attention,
    pace: Pace,
    heard_at: Instant,
    /// The pause between sounds, of late, averaged.
    usual: Duration,
    sent_at: Instant,
    ticked: (Instant, Duration),
    state: State,
    urgent: bool,
}

impl Probe {
    /// A link that has just come up. `wall` is the wall clock since its epoch:
    /// only that one goes on while a machine sleeps.
    pub fn new(attention: Attention, pace: Pace, now: Instant, wall: Duration) -> Self {
        Self {
            attention,
            pace,
            heard_at: now,
            usual: FOREGROUND_QUIET,
            sent_at: now,
            ticked: (now, wall),
            state: State::Quiet,
            urgent: false,
        }
    }

    /// Anything at all arrived on the link.
    pub fn heard(&mut self, now: Instant) -> Option<Action> {
        if matches!(self.state, State::Closed) {
            return None;
        }
        let pause = now.saturating_duration_since(self.heard_at);
        if pause >= ONE_SOUND {
            self.usual = (self.usual * 7 + pause.min(FOREGROUND_QUIET)) / 8;
        }
        self.heard_at = now;
        let dialling = matches!(self.state, State::Beside { .. });
        self.state = State::Quiet;
        dialling.then_some(Action::StopDial)
    }

    /// Anything at all was sent on the link.
    pub fn sent(&mut self, now: Instant) {
        self.sent_at = now;
    }

    /// A face appeared or went away. The next tick judges by the new rule.
    pub fn set_attention(&mut self, attention: Attention, now: Instant) {
        let appeared = attention == Attention::Foreground && self.attention != attention;
        self.attention = attention;
        // Silence from before anybody looked says little: ask, rather than dial.
        if appeared && now.saturating_duration_since(self.heard_at) >= FOREGROUND_QUIET {
            self.urgent = true;
        }
    }

    /// The machine's addresses or routes changed: ask at once.
    pub fn route_changed(&mut self) {
        self.urgent = true;
    }

    /// Judges the link as of `now`; call at [`Self::next_deadline`] and after
    /// each input. One action at a time: call again until it is `None`.
    pub fn tick(&mut self, now: Instant, wall: Duration) -> Option<Action> {
        if self.woke(now, wall) {
            self.urgent = true;
        }
        self.ticked = (now, wall);
        match self.state {
            State::Closed => None,
            _ if std::mem::take(&mut self.urgent) => Some(self.ask(now, PROMPT_ANSWER)),
            State::Quiet if now >= self.probe_due() => Some(self.ask(now, self.answer_within())),
            State::Asked { at, answer_within } if now >= at + answer_within => {
                self.state = State::Beside { since: now };
                Some(Action::DialBeside)
            }
            State::Beside { since } if now >= self.close_due(since) => {
                self.state = State::Closed;
                Some(Action::Close)
            }
            _ => None,
        }
    }

    /// When to tick next; `None` after [`Action::Close`].
    pub fn next_deadline(&self) -> Option<Instant> {
        match self.state {
            State::Closed => None,
            // Never later than the tick before it: due at once.
            _ if self.urgent => Some(self.ticked.0),
            State::Quiet => Some(self.probe_due()),
            State::Asked { at, answer_within } => Some(at + answer_within),
            State::Beside { since } => Some(self.close_due(since)),
        }
    }

    fn ask(&mut self, now: Instant, answer_within: Duration) -> Action {
        self.sent_at = now;
        // A link beside which another is being dialled stays suspect: only an
        // answer clears it.
        if !matches!(self.state, State::Beside { .. }) {
            self.state = State::Asked {
                at: now,
                answer_within,
            };
        }
        Action::Probe
    }

    fn woke(&self, now: Instant, wall: Duration) -> bool {
        let (then, wall_then) = self.ticked;
        let passed = now.saturating_duration_since(then);
        let asleep = wall.saturating_sub(wall_then).saturating_sub(passed);
        let late = self
            .next_deadline()
            .map_or(Duration::ZERO, |due| now.saturating_duration_since(due));
        asleep > WAKE_JUMP || late > WAKE_JUMP
    }

    /// How long this link may be quiet.
    fn quiet(&self) -> Duration {
        let most = self.pace.quiet(self.attention);
        match self.attention {
            Attention::Foreground => (self.usual * USUAL_PAUSES).max(QUIET_LEAST).min(most),
            Attention::Background => most,
        }
    }

    /// Whether the probe that is out came before the transport asks by itself.
    pub fn asked_early(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.heard_at) < self.pace.quiet(self.attention)
    }

    fn probe_due(&self) -> Instant {
        let quiet = self.quiet();
        (self.heard_at + quiet).min(self.sent_at + self.pace.heartbeat)
    }

    fn answer_within(&self) -> Duration {
        self.pace.answer(self.attention)
    }

    /// Silence is counted from the last sound, but a link that was never asked
    /// in time (the machine slept) has as long as any other to answer.
    fn close_due(&self, since: Instant) -> Instant {
        (self.heard_at + self.pace.idle).max(since + PROMPT_ANSWER)
    }
}

#[cfg(test)]
mod tests;
