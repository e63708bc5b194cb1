use proptest::prelude::*;

use super::*;

const A: Channel = Channel::Rooms(1);
const B: Channel = Channel::Rooms(2);

/// A connection with both channels confirmed.
fn connected() -> Canaries {
    let mut canaries = Canaries::new(0);
    connect(&mut canaries, 0);
    canaries
}

fn connect(canaries: &mut Canaries, now_ms: u64) {
    canaries.connected(now_ms);
    for channel in [A, B] {
        canaries.asked(channel);
        canaries.confirmed(channel);
    }
}

/// A round in which these channels are heard, with the connection alive.
fn round(canaries: &mut Canaries, heard: &[Channel]) -> Verdict {
    canaries.heard_any();
    heard.iter().for_each(|channel| canaries.heard(*channel));
    let now = canaries.next_ms();
    canaries.round(now, true)
}

fn is_fine(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Fine { .. })
}

#[test]
fn each_round_sends_a_canary_through_each_channel() {
    let mut canaries = connected();
    let expected = |round| Verdict::Fine {
        round,
        channels: vec![A, B],
    };
    assert_eq!(round(&mut canaries, &[]), expected(1));
    assert_eq!(round(&mut canaries, &[A, B]), expected(2));
    assert_eq!(canaries.next_ms(), 2 * ROUND_MS);
}

#[test]
fn two_misses_of_a_channel_rebuild_the_connection_and_one_does_not() {
    let mut canaries = connected();
    assert!(is_fine(&round(&mut canaries, &[])));
    assert!(is_fine(&round(&mut canaries, &[A])), "first miss of B");
    assert!(is_fine(&round(&mut canaries, &[A, B])), "it came late");
    assert!(is_fine(&round(&mut canaries, &[A])));
    let verdict = round(&mut canaries, &[A]);
    assert_eq!(verdict, Verdict::Rebuild { deaf: vec![B] });
}

#[test]
fn a_rebuild_that_does_not_help_is_an_end() {
    let mut canaries = connected();
    for _ in 0..2 {
        round(&mut canaries, &[A]);
    }
    let verdict = round(&mut canaries, &[A]);
    assert!(matches!(verdict, Verdict::Rebuild { .. }));
    connect(&mut canaries, 10_000);
    assert!(canaries.on_trial());
    let verdicts: Vec<Verdict> = (0..3).map(|_| round(&mut canaries, &[])).collect();
    assert_eq!(verdicts[2], Verdict::Dead);
    connect(&mut canaries, 20_000);
    assert!(canaries.on_trial(), "until its canary comes");
    round(&mut canaries, &[]);
    canaries.heard(A);
    assert!(canaries.on_trial(), "another channel's says nothing");
    canaries.heard(B);
    assert!(!canaries.on_trial());
}

#[test]
fn nothing_at_all_for_two_rounds_is_a_dead_connection() {
    let mut canaries = connected();
    let verdicts: Vec<Verdict> = (1..=3)
        .map(|number| canaries.round(number * ROUND_MS, false))
        .collect();
    assert!(is_fine(&verdicts[0]) && is_fine(&verdicts[1]));
    assert_eq!(verdicts[2], Verdict::Dead);
}

#[test]
fn no_channel_is_blamed_while_nothing_can_be_sent() {
    let mut canaries = connected();
    for number in 1..10 {
        canaries.heard_any();
        let verdict = canaries.round(number * ROUND_MS, false);
        assert!(matches!(verdict, Verdict::Fine { channels, .. } if channels.is_empty()));
    }
}

#[test]
fn a_channel_that_is_never_confirmed_is_deaf() {
    let mut canaries = connected();
    let late = Channel::People(0);
    canaries.asked(late);
    assert!(!canaries.all_confirmed());
    for _ in 0..2 {
        assert!(is_fine(&round(&mut canaries, &[A, B])));
    }
    let verdict = round(&mut canaries, &[A, B]);
    assert_eq!(verdict, Verdict::Rebuild { deaf: vec![late] });
    canaries.left(late);
    assert!(canaries.all_confirmed());
}

#[test]
fn a_confirmation_counts_once() {
    let mut canaries = connected();
    canaries.asked(Channel::Cluster);
    assert!(canaries.confirmed(Channel::Cluster));
    assert!(!canaries.confirmed(Channel::Cluster));
    assert!(!canaries.confirmed(Channel::Rooms(9)), "not asked for");
    canaries.unconfirmed(Channel::Cluster);
    assert!(
        canaries.confirmed(Channel::Cluster),
        "given up and asked for again"
    );
}

proptest! {
    /// A rebuild follows exactly on two misses in a row of a channel, whatever others do.
    #[test]
    fn deaf_is_who_misses_twice_in_a_row(
        plan in proptest::collection::vec((any::<bool>(), any::<bool>()), 1..60),
    ) {
        let mut canaries = connected();
        let mut misses = [0; 2];
        round(&mut canaries, &[]);
        for heard in plan {
            let heard = [(A, heard.0), (B, heard.1)];
            let mut expected = Vec::new();
            for (place, (channel, was_heard)) in heard.into_iter().enumerate() {
                misses[place] = if was_heard { 0 } else { misses[place] + 1 };
                if misses[place] >= MISSES {
                    expected.push(channel);
                }
            }
            let came: Vec<Channel> = heard.into_iter().filter(|it| it.1).map(|it| it.0).collect();
            let verdict = round(&mut canaries, &came);
            match verdict {
                Verdict::Fine { .. } => prop_assert!(expected.is_empty()),
                Verdict::Rebuild { deaf } => {
                    prop_assert_eq!(deaf, expected);
                    return Ok(());
                }
                Verdict::Dead => prop_assert!(false, "the connection was alive"),
            }
        }
    }
}
