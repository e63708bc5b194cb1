#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

fn room(number: u16) -> RoomId {
    let mut bytes = [0; 16];
    bytes[..2].copy_from_slice(&number.to_be_bytes());
    RoomId(bytes)
}

/// So many rooms, entered at 0, with the bus there.
fn sweep(rooms: u16, heads_per_second: u32) -> Sweep {
    let pace = Pace {
        heads_per_second,
        ..Pace::default()
    };
    let mut sweep = Sweep::new(pace, 0);
    sweep.back(0);
    (0..rooms).for_each(|number| sweep.enter(room(number), 0));
    sweep
}

/// When each head was asked for, from a time to another, by a driver that comes when told to.
fn looks(sweep: &mut Sweep, from_ms: u64, to_ms: u64) -> Vec<(u64, RoomId)> {
    let mut looks = Vec::new();
    let mut now = from_ms;
    while let Some(next) = sweep.next_at().filter(|next| (*next).max(now) < to_ms) {
        now = next.max(now);
        let rooms = sweep.next(now, usize::MAX);
        assert!(!rooms.is_empty(), "told to come at {now} for nothing");
        looks.extend(rooms.into_iter().map(|room| (now, room)));
    }
    looks
}

#[test]
fn an_active_room_is_looked_at_each_second_and_a_quiet_one_every_other() {
    let mut sweep = sweep(1, 5_000);
    let first = looks(&mut sweep, 0, 10_000);
    assert_eq!(first[0].0, Pace::default().first_ms, "at once");
    assert_eq!(first.len(), 10);
    looks(&mut sweep, 10_000, 61_001);
    assert_eq!(looks(&mut sweep, 61_001, 81_001).len(), 10, "quiet by now");
    sweep.touch(room(0), 81_001);
    assert_eq!(looks(&mut sweep, 81_001, 91_002).len(), 10);
}

#[test]
fn with_the_bus_away_an_active_room_waits_a_tenth_of_a_second() {
    let mut sweep = sweep(1, 5_000);
    looks(&mut sweep, 0, 4_500);
    sweep.away(4_500);
    let times: Vec<u64> = looks(&mut sweep, 4_500, 5_000)
        .iter()
        .map(|(at, _)| *at)
        .collect();
    assert_eq!(times, [4_600, 4_700, 4_800, 4_900]);
}

#[test]
fn all_are_due_at_once_when_the_bus_is_back_within_the_budget() {
    let mut sweep = sweep(1_000, 1_000);
    sweep.back(500);
    let burst = sweep.next(500, usize::MAX).len();
    assert_eq!(burst, 100, "a tenth of a second's budget");
    assert!(sweep.next(500, usize::MAX).is_empty());
    let mut seen: Vec<RoomId> = looks(&mut sweep, 500, 1_401)
        .iter()
        .map(|(_, room)| *room)
        .collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(
        seen.len(),
        900,
        "the rest, each once, in the rest of the second"
    );
}

#[test]
fn a_rebuilt_channel_concerns_its_rooms_only() {
    let mut sweep = sweep(10, 5_000);
    assert_eq!(looks(&mut sweep, 0, 100).len(), 10, "the first ones");
    sweep.rebuilt(|it| it == room(3) || it == room(4), 100);
    assert_eq!(sweep.next(100, usize::MAX), [room(3), room(4)]);
    assert_eq!(sweep.next_at(), Some(1_030));
}

#[test]
fn active_rooms_come_first_and_quiet_ones_do_not_starve() {
    let mut sweep = sweep(100, 100);
    // Rooms 0 to 49 fall quiet, 50 to 99 stay active; the budget is a third of what all need.
    for second in 1..200 {
        for number in 50..100 {
            sweep.touch(room(number), second * 1_000);
        }
        looks(&mut sweep, second * 1_000, (second + 1) * 1_000);
    }
    sweep.away(200_000);
    let seen = looks(&mut sweep, 200_000, 210_000);
    let quiet = seen.iter().filter(|(_, it)| it.0[1] < 50).count();
    let active = seen.len() - quiet;
    assert!(active > 4 * quiet, "{active} active, {quiet} quiet");
    assert!(quiet >= 50, "{quiet}");
}

#[test]
fn a_room_that_nobody_reads_is_not_looked_at() {
    let mut sweep = sweep(2, 5_000);
    sweep.leave(room(0));
    sweep.touch(room(0), 10);
    assert_eq!(sweep.next(5_000, usize::MAX), [room(1)]);
    sweep.leave(room(1));
    assert_eq!((sweep.next_at(), sweep.len()), (None, 0));
    assert!(sweep.active.is_empty() && sweep.quiet.is_empty());
}

#[derive(Clone, Debug)]
enum Step {
    Enter(u16),
    Leave(u16),
    Touch(u16),
    Away,
    Back,
    Missed,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_u16..60).prop_map(Step::Enter),
        2 => (0_u16..60).prop_map(Step::Leave),
        6 => (0_u16..60).prop_map(Step::Touch),
        1 => Just(Step::Away),
        1 => Just(Step::Back),
        1 => Just(Step::Missed),
    ]
}

proptest! {
    /// Whatever happens, no second costs more than its budget and a burst, each room stands in one
    /// queue, and none waits longer than its period where the budget is ample.
    #[test]
    fn the_budget_holds_and_no_room_is_forgotten(
        plan in proptest::collection::vec((step(), 0_u64..400), 1..150),
        heads in 20_u32..2_000,
    ) {
        let pace = Pace { heads_per_second: heads, ..Pace::default() };
        let mut sweep = Sweep::new(pace, 0);
        let mut now = 0;
        let mut seen = Vec::new();
        for (step, wait) in plan {
            match step {
                Step::Enter(number) => sweep.enter(room(number), now),
                Step::Leave(number) => sweep.leave(room(number)),
                Step::Touch(number) => sweep.touch(room(number), now),
                Step::Away => sweep.away(now),
                Step::Back => sweep.back(now),
                Step::Missed => sweep.missed(now),
            }
            seen.extend(looks(&mut sweep, now, now + wait));
            now += wait;
            prop_assert_eq!(sweep.active.len() + sweep.quiet.len(), sweep.len());
        }
        for (at, _) in &seen {
            let second = seen.iter().filter(|(it, _)| (*at..*at + 1_000).contains(it)).count();
            let bound = u64::from(heads) + u64::from(heads) / BURSTS_PER_SECOND + 1;
            prop_assert!(second as u64 <= bound, "{second} heads in a second from {at}");
        }
        if heads >= 1_000 {
            let rooms: Vec<RoomId> = sweep.rooms.keys().copied().collect();
            let later = looks(&mut sweep, now, now + pace.quiet_ms + 200);
            for room in rooms {
                prop_assert!(later.iter().any(|(_, it)| *it == room));
            }
        }
    }
}
