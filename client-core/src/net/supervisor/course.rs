//! Whether and when to dial. A rule without I/O: what happened, the clock and randomness go in.

use std::time::{Duration, Instant};

use rand::Rng;

use crate::net::backoff::{Backoff, FIRST_CEILING, LONGEST_WINDOW};
use crate::net::dial::Deadlines;

/// How long a node that says goodbye may go on refusing new links, after the end of its window: its
/// drain, the last commits, the new process's start.
const DRAINS_FOR: Duration = Duration::from_secs(10);

/// How long a redial waits for a first sound while the outage is young: just behind the third first
/// packet (0, 0.6 and 1.8 s), so that a server which is back is found within the longest pause.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// How long the rest of a handshake may take then: the server's flight leaves in one go, so what is
/// missing after its first sound was lost, or whoever sent it was killed.
const HANDSHAKE_WITHIN: Duration = Duration::from_millis(3_500);
/// How long a redial waits to be welcomed, and then to be entered: both cost the server a look at its
/// database, and no password is hashed for a token. One that is silent meanwhile is given up sooner.
const ENTER_WITHIN: Duration = Duration::from_secs(5);
/// Failures in one outage from which a dial waits as long as anybody's: a slow network, not a restart.
const PATIENT_AFTER: u32 = 8;

/// How a dial failed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failure {
    /// Another may succeed without anyone changing anything.
    pub(super) transient: bool,
    /// The server was there and took nobody.
    pub(super) put_off: bool,
    /// It began to answer and did not go on.
    pub(super) stalled: bool,
    /// What the server asked for, zero for nothing.
    pub(super) retry_after: Duration,
}

/// How the link is, for the state line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// No link; one is being made.
    Connecting,
    /// All is well.
    Connected,
    /// The link is silent and being asked; another is being made beside it.
    Unsure,
    /// No link; the next try comes by itself.
    Reconnecting { next_try: Instant },
    /// No link, and dialling again would not help: somebody must act.
    Offline,
}

/// When to dial the one installation.
#[derive(Debug)]
pub(super) struct Course {
    backoff: Backoff,
    linked: bool,
    /// The link was silent for too long.
    unsure: bool,
    /// The server asked us to leave: the next dial replaces a link that still works.
    leaving: bool,
    dialling: bool,
    next_dial: Option<Instant>,
    /// The server chose the time of the next dial.
    by_window: bool,
    /// A server that is being shut down refuses new links until then.
    drains_until: Option<Instant>,
    offline: bool,
}

impl Course {
    /// Dials at once.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            backoff: Backoff::new(),
            linked: false,
            unsure: false,
            leaving: false,
            dialling: false,
            next_dial: Some(now),
            by_window: false,
            drains_until: None,
            offline: false,
        }
    }

    pub(super) fn state(&self) -> LinkState {
        match (self.linked, self.unsure, self.next_dial) {
            (true, false, _) => LinkState::Connected,
            (true, true, _) => LinkState::Unsure,
            _ if self.offline => LinkState::Offline,
            (false, _, Some(next_try)) if !self.dialling => LinkState::Reconnecting { next_try },
            (false, _, _) => LinkState::Connecting,
        }
    }

    pub(super) fn is_unsure(&self) -> bool {
        self.unsure
    }

    /// When to dial next, `None` while a dial is under way or none is wanted.
    pub(super) fn dial_at(&self) -> Option<Instant> {
        self.next_dial
    }

    pub(super) fn dial_is_due(&self, now: Instant) -> bool {
        self.next_dial.is_some_and(|at| at <= now)
    }

    /// Failures in a row.
    pub(super) fn failures(&self) -> u32 {
        self.backoff.failures()
    }

    /// How long the steps of the next dial may take.
    pub(super) fn deadlines(&self, usual: Deadlines) -> Deadlines {
        if self.backoff.tries() >= PATIENT_AFTER {
            return usual;
        }
        Deadlines {
            resolve: usual.resolve,
            answer: usual.answer.min(ANSWER_WITHIN),
            handshake: usual.handshake.min(HANDSHAKE_WITHIN),
            welcome: usual.welcome.min(ENTER_WITHIN),
            enter: usual.enter.min(ENTER_WITHIN),
        }
    }

    pub(super) fn dial_started(&mut self) {
        self.dialling = true;
        self.next_dial = None;
        self.by_window = false;
    }

    /// A new link is up; if there was one before, it is left.
    pub(super) fn dialled(&mut self, now: Instant) {
        self.backoff.connected(now);
        self.linked = true;
        self.unsure = false;
        self.leaving = false;
        self.offline = false;
        self.dialling = false;
        self.next_dial = None;
        self.by_window = false;
        self.drains_until = None;
    }

    pub(super) fn dial_failed<R: Rng + ?Sized>(
        &mut self,
        now: Instant,
        failure: Failure,
        rng: &mut R,
    ) {
        let Failure {
            transient,
            put_off,
            stalled,
            retry_after,
        } = failure;
        self.dialling = false;
        if !transient {
            self.offline = !self.linked;
            return;
        }
        let drains = self.drains_until.is_some_and(|until| now < until);
        let pause = match () {
            // From a node that drains it was to be expected.
            () if put_off && drains => self.backoff.put_off(rng),
            // The dial has been the pause: whoever answered was killed meanwhile, or is slow.
            () if stalled => self.backoff.lost(now, rng).min(FIRST_CEILING),
            () => self.backoff.lost(now, rng),
        };
        self.next_dial = Some(now + pause.max(retry_after.min(LONGEST_WINDOW)));
    }

    pub(super) fn link_lost<R: Rng + ?Sized>(
        &mut self,
        now: Instant,
        transient: bool,
        rng: &mut R,
    ) {
        self.linked = false;
        self.unsure = false;
        self.leaving = false;
        match (transient, self.dialling || self.next_dial.is_some()) {
            (false, _) => {
                self.offline = true;
                self.next_dial = None;
            }
            // The dial beside it, or the one in the server's window, goes on.
            (true, true) => {}
            (true, false) => self.next_dial = Some(now + self.backoff.lost(now, rng)),
        }
    }

    /// The server will end the link. `elsewhere`: another node may take us, so dial within the
    /// window and keep the link until then. A lone node takes nobody until it is back: the window
    /// counts from the link's end.
    pub(super) fn go_away<R: Rng + ?Sized>(
        &mut self,
        now: Instant,
        min_ms: u32,
        max_ms: u32,
        elsewhere: bool,
        rng: &mut R,
    ) {
        let window = Duration::from_millis(max_ms.max(min_ms).into()).min(LONGEST_WINDOW);
        self.drains_until = Some(now + window + DRAINS_FOR);
        if !elsewhere {
            self.backoff.retry_window(min_ms, max_ms);
            self.by_window = true;
            return;
        }
        self.leaving = true;
        if self.dialling {
            return;
        }
        self.backoff.retry_window(min_ms, max_ms);
        self.next_dial = Some(now + self.backoff.lost(now, rng));
        self.by_window = true;
    }

    /// The link is silent: dial beside it.
    pub(super) fn silent(&mut self, now: Instant) {
        self.unsure = true;
        if !self.dialling {
            self.next_dial = Some(now);
        }
    }

    /// The link answered after all; whether a dial under way is to be dropped.
    pub(super) fn heard_again(&mut self, now: Instant) -> bool {
        self.unsure = false;
        if self.leaving {
            return false;
        }
        if !self.by_window {
            // Dials beside it that failed counted as an outage: there was none.
            self.backoff.connected(now);
        }
        self.next_dial = None;
        std::mem::take(&mut self.dialling)
    }

    /// The machine woke or its route changed: pauses that stem from before say nothing.
    pub(super) fn start_anew(&mut self, now: Instant) {
        self.backoff.start_anew();
        if !self.by_window {
            self.next_dial = self.next_dial.map(|at| at.min(now));
        }
    }

    /// Dial at once, offline or not; nothing where a link is up or being made.
    pub(super) fn retry_now(&mut self, now: Instant) {
        self.offline = false;
        self.backoff.start_anew();
        if !self.dialling && (!self.linked || self.next_dial.is_some()) {
            self.next_dial = Some(now);
        }
    }
}

#[cfg(test)]
mod tests;
