//! The course on a clock that the test turns.

#![allow(clippy::unwrap_used)]

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::net::backoff::PUT_OFF_CEILING;

/// Nothing listens.
const NO_ANSWER: Failure = Failure {
    transient: true,
    put_off: false,
    stalled: false,
    retry_after: Duration::ZERO,
};

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
        self.fail_as(Failure {
            transient,
            retry_after,
            ..NO_ANSWER
        });
    }

    fn fail_as(&mut self, failure: Failure) {
        self.course.dial_started();
        self.course.dial_failed(self.now, failure, &mut self.rng);
    }

    /// Dials a server that listens from `back_at` on, as the supervisor does; when it is found.
    /// `stalls`: the first dial had an answer before the server was killed.
    fn dial_until_back(&mut self, back_at: Instant, mut stalls: bool) -> Instant {
        loop {
            if !stalls {
                self.now += self.pause().unwrap();
            }
            let deadlines = self.course.deadlines(Deadlines::default());
            // First packets, as QUIC repeats them.
            let packets = [0, 600, 1_800, 4_200].map(Duration::from_millis);
            let mut heard = packets
                .into_iter()
                .filter(|after| *after < deadlines.answer);
            let heard = heard.find(|after| self.now + *after >= back_at);
            if let Some(after) = heard.filter(|_| !stalls) {
                self.course.dial_started();
                self.now += after;
                self.course.dialled(self.now);
                return self.now;
            }
            let stalled = std::mem::take(&mut stalls);
            self.now += match stalled {
                true => deadlines.handshake,
                false => deadlines.answer,
            };
            self.fail_as(Failure {
                stalled,
                ..NO_ANSWER
            });
        }
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
    assert!(desk.course.heard_again(desk.now), "the dial is dropped");
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
    desk.course
        .go_away(desk.now, 2_000, 4_000, true, &mut desk.rng);
    let window = Duration::from_secs(2)..=Duration::from_secs(4);
    assert!(window.contains(&desk.pause().unwrap()));
    assert_eq!(desk.course.state(), LinkState::Connected);
    // A wake-up is no reason to come before.
    desk.course.start_anew(desk.now);
    desk.lose(true);
    assert!(window.contains(&desk.pause().unwrap()));
}

#[test]
fn a_lone_node_is_not_dialled_before_the_link_has_ended() {
    let mut desk = Desk::linked();
    desk.course
        .go_away(desk.now, 600, 1_600, false, &mut desk.rng);
    assert_eq!(
        (desk.course.state(), desk.pause()),
        (LinkState::Connected, None)
    );
    desk.now += Duration::from_secs(1);
    desk.lose(true);
    let window = Duration::from_millis(600)..=Duration::from_millis(1_600);
    assert!(window.contains(&desk.pause().unwrap()));
    // A wake-up is no reason to come before.
    desk.course.start_anew(desk.now);
    assert!(window.contains(&desk.pause().unwrap()));
}

#[test]
fn refusals_while_a_node_drains_are_no_failures() {
    let mut desk = Desk::linked();
    desk.course
        .go_away(desk.now, 200, 1_000, false, &mut desk.rng);
    desk.lose(true);
    let failures = desk.course.failures();
    let refused = Failure {
        put_off: true,
        ..NO_ANSWER
    };
    for _ in 0..8 {
        desk.now += desk.pause().unwrap();
        desk.fail_as(refused);
        assert!(desk.pause().unwrap() <= PUT_OFF_CEILING);
    }
    assert_eq!(desk.course.failures(), failures);
    // Whoever still refuses long after is merely busy.
    desk.now += DRAINS_FOR * 2;
    desk.fail_as(refused);
    assert_eq!(desk.course.failures(), failures + 1);
    // And who has let somebody in drains no more.
    desk.course.dial_started();
    desk.course.dialled(desk.now);
    desk.now += Duration::from_secs(60);
    desk.lose(true);
    desk.fail_as(refused);
    assert_eq!(desk.course.failures(), 2);
}

#[test]
fn after_every_kill_the_link_is_back_within_four_seconds_of_the_restart() {
    let mut worst = Duration::ZERO;
    for seed in 0..200 {
        let mut desk = Desk::linked();
        desk.rng = ChaCha8Rng::seed_from_u64(seed);
        // A server that is killed again and again, and never away for long.
        for _ in 0..20 {
            let away = Duration::from_millis(desk.rng.random_range(200..20_000));
            let back_at = desk.now + away;
            // The kill may come in the middle of a handshake.
            let stalls = desk.rng.random_bool(0.5);
            desk.lose(true);
            let linked_at = desk.dial_until_back(back_at, stalls);
            worst = worst.max(linked_at - back_at);
            desk.now = linked_at + Duration::from_millis(desk.rng.random_range(0..8_000));
        }
    }
    assert!(worst <= Duration::from_secs(4), "{worst:?}");
}

#[test]
fn a_doubt_that_passed_leaves_no_old_outage_behind() {
    let mut desk = Desk::linked();
    desk.course.silent(desk.now);
    desk.fail(true, Duration::ZERO);
    desk.course.heard_again(desk.now);
    // Days later the server restarts.
    desk.now += Duration::from_secs(200_000);
    desk.lose(true);
    assert!(desk.pause().unwrap() <= Duration::from_millis(250));
    desk.fail(true, Duration::ZERO);
    assert!(desk.pause().unwrap() <= Duration::from_millis(500));
}

#[test]
fn an_answer_does_not_stop_a_move_that_the_server_asked_for() {
    let mut desk = Desk::linked();
    desk.course.go_away(desk.now, 0, 0, true, &mut desk.rng);
    desk.course.dial_started();
    desk.course.silent(desk.now);
    assert!(!desk.course.heard_again(desk.now));
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
