//! Whether and when to dial. A rule without I/O: what happened, the clock and randomness go in.

use std::time::{Duration, Instant};

use rand::Rng;

use crate::net::backoff::{Backoff, LONGEST_WINDOW};

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
    }

    /// `retry_after`: what the server asked for, zero for nothing.
    pub(super) fn dial_failed<R: Rng + ?Sized>(
        &mut self,
        now: Instant,
        transient: bool,
        retry_after: Duration,
        rng: &mut R,
    ) {
        self.dialling = false;
        if !transient {
            self.offline = !self.linked;
            return;
        }
        let pause = self
            .backoff
            .lost(now, rng)
            .max(retry_after.min(LONGEST_WINDOW));
        self.next_dial = Some(now + pause);
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

    /// The server will end the link: dial within its window, and keep the link until then.
    pub(super) fn go_away<R: Rng + ?Sized>(
        &mut self,
        now: Instant,
        min_ms: u32,
        max_ms: u32,
        rng: &mut R,
    ) {
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
    pub(super) fn heard_again(&mut self) -> bool {
        self.unsure = false;
        if self.leaving {
            return false;
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
mod tests {
    #![allow(clippy::unwrap_used)]

    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    struct Desk {
        course: Course,
        now: Instant,
        rng: ChaCha8Rng,
    }

    impl Desk {
        fn new() -> Self {
            let now = Instant::now();
            Self {
                course: Course::new(now),
                now,
                rng: ChaCha8Rng::seed_from_u64(3),
            }
        }

        fn linked() -> Self {
            let mut desk = Self::new();
            desk.course.dial_started();
            desk.course.dialled(desk.now);
            desk.now += Duration::from_secs(60);
            desk
        }

        fn fail(&mut self, transient: bool, retry_after: Duration) {
            self.course.dial_started();
            self.course
                .dial_failed(self.now, transient, retry_after, &mut self.rng);
        }

        fn lose(&mut self, transient: bool) {
            self.course.link_lost(self.now, transient, &mut self.rng);
        }

        /// Time until the next dial.
        fn pause(&self) -> Option<Duration> {
            self.course
                .dial_at()
                .map(|at| at.saturating_duration_since(self.now))
        }
    }

    #[test]
    fn the_first_dial_comes_at_once_and_a_link_needs_none() {
        let mut desk = Desk::new();
        assert!(desk.course.dial_is_due(desk.now));
        desk.course.dial_started();
        assert_eq!(
            (desk.course.state(), desk.pause()),
            (LinkState::Connecting, None)
        );
        desk.course.dialled(desk.now);
        assert_eq!(
            (desk.course.state(), desk.pause()),
            (LinkState::Connected, None)
        );
    }

    #[test]
    fn a_lost_link_is_dialled_soon() {
        let mut desk = Desk::linked();
        desk.lose(true);
        assert!(desk.pause().unwrap() <= Duration::from_millis(250));
        assert!(matches!(
            desk.course.state(),
            LinkState::Reconnecting { .. }
        ));
    }

    #[test]
    fn what_only_a_person_can_mend_ends_the_dialling() {
        let mut desk = Desk::new();
        desk.fail(false, Duration::ZERO);
        assert_eq!(
            (desk.course.state(), desk.pause()),
            (LinkState::Offline, None)
        );
        desk.course.retry_now(desk.now);
        assert!(desk.course.dial_is_due(desk.now));

        let mut desk = Desk::linked();
        desk.lose(false);
        assert_eq!(
            (desk.course.state(), desk.pause()),
            (LinkState::Offline, None)
        );
    }

    #[test]
    fn a_server_that_names_a_pause_gets_it_within_reason() {
        let mut desk = Desk::new();
        desk.fail(true, Duration::from_secs(20));
        assert_eq!(desk.pause(), Some(Duration::from_secs(20)));
        desk.fail(true, Duration::from_secs(1 << 30));
        assert_eq!(desk.pause(), Some(LONGEST_WINDOW));
    }

    #[test]
    fn a_silent_link_is_kept_beside_the_dial() {
        let mut desk = Desk::linked();
        desk.course.silent(desk.now);
        assert_eq!(
            (desk.course.state(), desk.pause()),
            (LinkState::Unsure, Some(Duration::ZERO))
        );
        desk.course.dial_started();
        assert!(desk.course.heard_again(), "the dial is dropped");
        assert_eq!(
            (desk.course.state(), desk.pause()),
            (LinkState::Connected, None)
        );
    }

    #[test]
    fn the_dial_beside_goes_on_when_the_link_is_lost() {
        let mut desk = Desk::linked();
        desk.course.silent(desk.now);
        desk.course.dial_started();
        desk.lose(true);
        assert_eq!(
            (desk.course.state(), desk.pause()),
            (LinkState::Connecting, None)
        );
    }

    #[test]
    fn a_window_is_kept_with_the_link_up_and_after_its_end() {
        let mut desk = Desk::linked();
        desk.course.go_away(desk.now, 2_000, 4_000, &mut desk.rng);
        let window = Duration::from_secs(2)..=Duration::from_secs(4);
        assert!(window.contains(&desk.pause().unwrap()));
        assert_eq!(desk.course.state(), LinkState::Connected);
        // A wake-up is no reason to come before.
        desk.course.start_anew(desk.now);
        desk.lose(true);
        assert!(window.contains(&desk.pause().unwrap()));
    }

    #[test]
    fn an_answer_does_not_stop_a_move_that_the_server_asked_for() {
        let mut desk = Desk::linked();
        desk.course.go_away(desk.now, 0, 0, &mut desk.rng);
        desk.course.dial_started();
        desk.course.silent(desk.now);
        assert!(!desk.course.heard_again());
        desk.course.dialled(desk.now);
        assert_eq!(
            (desk.course.state(), desk.pause()),
            (LinkState::Connected, None)
        );
    }

    #[test]
    fn a_new_route_ends_the_pause() {
        let mut desk = Desk::linked();
        desk.lose(true);
        desk.fail(true, Duration::from_secs(30));
        desk.course.start_anew(desk.now);
        assert!(desk.course.dial_is_due(desk.now));
    }
}
