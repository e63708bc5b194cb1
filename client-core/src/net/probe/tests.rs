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
        [(250, Action::Probe), (1_750, Action::DialBeside)]
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
