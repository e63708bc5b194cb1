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
const USUAL_PAUSES: u32 = 8;

/// See [`USUAL_PAUSES`]; above what a busy server or a lost packet costs.
const QUIET_LEAST: Duration = Duration::from_millis(400);

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
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// A link and the clocks beside it.
    struct Desk {
        probe: Probe,
        now: Instant,
        wall: Duration,
    }

    impl Desk {
        fn new(attention: Attention) -> Self {
            Self::at_pace(attention, Pace::default())
        }

        fn at_pace(attention: Attention, pace: Pace) -> Self {
            let (now, wall) = (Instant::now(), Duration::from_secs(1_000_000));
            Self {
                probe: Probe::new(attention, pace, now, wall),
                now,
                wall,
            }
        }

        fn pass(&mut self, millis: u64) {
            self.now += Duration::from_millis(millis);
            self.wall += Duration::from_millis(millis);
        }

        fn tick(&mut self) -> Option<Action> {
            self.probe.tick(self.now, self.wall)
        }

        /// Lets time pass from deadline to deadline; each action with its
        /// milliseconds since now.
        fn run(&mut self, millis: u64) -> Vec<(u64, Action)> {
            let (start, end) = (self.now, self.now + Duration::from_millis(millis));
            let mut seen = Vec::new();
            while let Some(due) = self.probe.next_deadline().filter(|due| *due <= end) {
                self.wall += due.saturating_duration_since(self.now);
                self.now = due.max(self.now);
                if let Some(action) = self.tick() {
                    seen.push((self.now.duration_since(start).as_millis() as u64, action));
                }
            }
            self.wall += end - self.now;
            self.now = end;
            seen
        }

        fn heard(&mut self) -> Option<Action> {
            self.probe.heard(self.now)
        }
    }

    #[test]
    fn a_dead_server_is_noticed_within_three_and_a_half_seconds() {
        let mut desk = Desk::new(Attention::Foreground);
        let seen = desk.run(90_000);
        assert_eq!(
            seen,
            [
                (2_000, Action::Probe),
                (3_500, Action::DialBeside),
                (60_000, Action::Close)
            ]
        );
        assert_eq!(desk.probe.next_deadline(), None);
        assert_eq!(desk.heard(), None);
    }

    #[test]
    fn a_link_that_is_heard_often_is_missed_soon() {
        let mut desk = Desk::new(Attention::Foreground);
        // Frames of one flush, and flushes twenty a second.
        for _ in 0..100 {
            desk.pass(50);
            for _ in 0..3 {
                assert_eq!(desk.heard(), None);
            }
        }
        assert_eq!(
            desk.run(2_100),
            [(400, Action::Probe), (1_900, Action::DialBeside)]
        );
        // It was only a pause in the talk: each that is answered makes the next one longer.
        let mut pauses = Vec::new();
        assert_eq!(desk.heard(), Some(Action::StopDial));
        for _ in 0..12 {
            let asked = desk.run(3_000).first().copied().unwrap();
            assert_eq!(asked.1, Action::Probe);
            pauses.push(asked.0);
            desk.heard();
        }
        assert!(pauses.is_sorted(), "{pauses:?}");
        assert_eq!(pauses.last(), Some(&2_000));
        // Nobody looks on: the server's own times hold.
        let mut desk = Desk::new(Attention::Background);
        for _ in 0..100 {
            desk.pass(50);
            desk.heard();
        }
        assert_eq!(desk.run(19_000), []);
    }

    #[test]
    fn the_servers_times_hold_in_the_background() {
        let mut desk = Desk::at_pace(Attention::Background, Pace::new(3_000, 10_000));
        let seen = desk.run(90_000);
        assert_eq!(
            seen,
            [
                (3_000, Action::Probe),
                (10_000, Action::DialBeside),
                (11_500, Action::Close)
            ]
        );
    }

    #[test]
    fn whoever_looks_on_is_as_quick_at_any_pace() {
        let mut desk = Desk::at_pace(Attention::Foreground, Pace::new(300_000, 900_000));
        let seen = desk.run(1_000_000);
        assert_eq!(
            seen,
            [
                (2_000, Action::Probe),
                (3_500, Action::DialBeside),
                (900_000, Action::Close)
            ]
        );
    }

    #[test]
    fn times_that_no_client_could_keep_are_held_to_bounds() {
        let check = |said: (u32, u32), seconds: (u64, u64)| {
            let pace = Pace::new(said.0, said.1);
            let (heartbeat, idle) = (pace.heartbeat().as_secs(), pace.idle().as_secs());
            assert_eq!((heartbeat, idle), seconds, "{said:?}");
        };
        check((25_000, 60_000), (25, 60));
        check((0, 0), (1, 4));
        check((60_000, 60_000), (30, 60));
        check((u32::MAX, u32::MAX), (600, 3_600));
    }

    #[test]
    fn in_the_background_it_takes_a_minute() {
        let mut desk = Desk::new(Attention::Background);
        let seen = desk.run(90_000);
        assert_eq!(
            seen,
            [
                (25_000, Action::Probe),
                (60_000, Action::DialBeside),
                (61_500, Action::Close)
            ]
        );
    }

    #[test]
    fn an_answered_probe_goes_unnoticed() {
        let mut desk = Desk::new(Attention::Foreground);
        for _ in 0..10 {
            assert_eq!(desk.run(2_300), [(2_000, Action::Probe)]);
            assert_eq!(desk.heard(), None);
        }
    }

    #[test]
    fn a_late_answer_keeps_the_old_link() {
        let mut desk = Desk::new(Attention::Foreground);
        assert_eq!(desk.run(4_000).last(), Some(&(3_500, Action::DialBeside)));
        assert_eq!(desk.heard(), Some(Action::StopDial));
        assert_eq!(desk.run(2_000), [(2_000, Action::Probe)]);
    }

    #[test]
    fn a_client_that_hears_much_but_says_nothing_still_shows_it_is_there() {
        let mut desk = Desk::new(Attention::Foreground);
        let mut probes = 0;
        for _ in 0..51 {
            probes += desk.run(1_000).len();
            desk.heard();
        }
        assert_eq!(probes, 2);
    }

    #[test]
    fn after_sleep_it_asks_at_once_even_in_the_background() {
        let mut desk = Desk::new(Attention::Background);
        desk.pass(1_000);
        assert_eq!(desk.tick(), None);
        // Asleep: the wall clock goes on, the monotonic one does not.
        desk.wall += Duration::from_secs(3_600);
        assert_eq!(desk.tick(), Some(Action::Probe));
        assert_eq!(desk.tick(), None);
        assert_eq!(desk.run(2_000), [(1_500, Action::DialBeside)]);
    }

    #[test]
    fn a_tick_that_comes_very_late_is_a_wake_up_too() {
        let mut desk = Desk::new(Attention::Foreground);
        desk.run(2_000);
        // Stopped for ten minutes with a probe out: ask anew, judge afterwards.
        desk.pass(600_000);
        assert_eq!(desk.tick(), Some(Action::Probe));
        assert_eq!(desk.run(1_500), [(1_500, Action::DialBeside)]);
    }

    #[test]
    fn a_new_route_is_asked_about_at_once() {
        let mut desk = Desk::new(Attention::Foreground);
        desk.pass(500);
        desk.probe.route_changed();
        assert!(desk.probe.next_deadline().unwrap() <= desk.now);
        assert_eq!(desk.tick(), Some(Action::Probe));
        assert_eq!(desk.run(1_500), [(1_500, Action::DialBeside)]);
    }

    #[test]
    fn coming_to_the_front_asks_about_a_quiet_link_and_not_about_a_lively_one() {
        let mut desk = Desk::new(Attention::Background);
        desk.pass(10_000);
        desk.probe.set_attention(Attention::Foreground, desk.now);
        assert_eq!(desk.tick(), Some(Action::Probe));
        desk.heard();
        desk.probe.set_attention(Attention::Background, desk.now);
        desk.probe.set_attention(Attention::Foreground, desk.now);
        assert_eq!(desk.tick(), None);
    }

    #[test]
    fn a_clock_set_back_is_no_wake_up() {
        let mut desk = Desk::new(Attention::Foreground);
        desk.pass(1_000);
        desk.wall -= Duration::from_secs(7_200);
        assert_eq!(desk.tick(), None);
    }
}
