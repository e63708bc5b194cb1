//! The gap rule, step by step.

use std::time::{Duration, Instant};

use super::super::*;
use super::model::Server;

fn revs(sync: &mut RoomSync) -> Vec<RoomStep> {
    std::iter::from_fn(|| sync.poll()).collect()
}

/// A room that is open and holds rev 0 of a server at rev 0.
fn open(now: Instant) -> (Server, RoomSync) {
    let server = Server {
        reset_above: 1_000,
        ..Server::default()
    };
    let mut sync = RoomSync::new(None);
    sync.link_up();
    sync.want();
    assert_eq!(revs(&mut sync), [RoomStep::Open { since: None }]);
    sync.opened(server.open(None), now);
    revs(&mut sync);
    (server, sync)
}

fn applied(steps: &[RoomStep]) -> Vec<u64> {
    let through = |step: &RoomStep| match step {
        RoomStep::Apply { through, .. } => Some(*through),
        _ => None,
    };
    steps.iter().filter_map(through).collect()
}

#[test]
fn the_next_is_applied_and_the_old_is_dropped() {
    let now = Instant::now();
    let (mut server, mut sync) = open(now);
    let first = server.change(None);
    sync.batch(first.clone(), now);
    assert_eq!(applied(&revs(&mut sync)), [1]);
    sync.batch(first, now);
    assert_eq!(revs(&mut sync), []);
    assert!(sync.is_current());
}

#[test]
fn a_swap_within_ten_milliseconds_asks_nobody() {
    let now = Instant::now();
    let (mut server, mut sync) = open(now);
    let (first, second) = (server.change(None), server.change(None));
    sync.batch(second, now);
    assert_eq!(revs(&mut sync), []);
    assert_eq!(sync.deadline(), Some(now + PATIENCE));
    sync.batch(first, now + Duration::from_millis(5));
    assert_eq!(applied(&revs(&mut sync)), [1, 2]);
    assert_eq!(sync.deadline(), None);
}

#[test]
fn what_stays_away_is_asked_for_once() {
    let now = Instant::now();
    let (mut server, mut sync) = open(now);
    let _lost = server.change(None);
    sync.batch(server.change(None), now);
    sync.tick(now + PATIENCE);
    assert_eq!(revs(&mut sync), [RoomStep::AskChanges { since: 0 }]);
    // More arrives while the question is out: the target rises, nothing more is asked.
    sync.batch(server.change(None), now);
    sync.tick(now + PATIENCE * 5);
    assert_eq!(revs(&mut sync), []);
    sync.changes(server.changes(0), now);
    assert_eq!(applied(&revs(&mut sync)), [3]);
    assert!(sync.is_current());
}

#[test]
fn a_busy_room_is_caught_up_with_by_one_question() {
    let now = Instant::now();
    let (mut server, mut sync) = open(now);
    let _lost = server.change(None);
    sync.batch(server.change(None), now);
    sync.tick(now + PATIENCE);
    let answer = server.changes(0);
    // Read before these came, answered after them.
    for _ in 0..10 {
        sync.batch(server.change(None), now);
    }
    revs(&mut sync);
    sync.changes(answer, now);
    assert_eq!(applied(&revs(&mut sync)), (2..=12).collect::<Vec<_>>());
    assert!(sync.is_current());
}

#[test]
fn a_marker_that_batches_were_dropped_starts_a_question() {
    let now = Instant::now();
    let (mut server, mut sync) = open(now);
    server.change(None);
    sync.raise(server.rev, now);
    sync.tick(now + PATIENCE);
    assert_eq!(revs(&mut sync), [RoomStep::AskChanges { since: 0 }]);
}

#[test]
fn a_question_without_an_answer_is_repeated_later() {
    let now = Instant::now();
    let (mut server, mut sync) = open(now);
    server.change(None);
    sync.raise(server.rev, now);
    sync.tick(now + PATIENCE);
    revs(&mut sync);
    sync.changes_failed(Some(Duration::from_secs(2)), now);
    sync.tick(now + Duration::from_secs(1));
    assert_eq!(revs(&mut sync), []);
    sync.tick(now + Duration::from_secs(2));
    assert_eq!(revs(&mut sync), [RoomStep::AskChanges { since: 0 }]);
}

#[test]
fn batches_that_wait_are_bounded() {
    let now = Instant::now();
    let (mut server, mut sync) = open(now);
    let _lost = server.change(None);
    for _ in 0..MAX_WAITING * 3 {
        sync.batch(server.change(None), now);
    }
    sync.tick(now + PATIENCE);
    revs(&mut sync);
    let mut at = now + PATIENCE;
    let mut asked = 0;
    while !sync.is_current() {
        sync.changes(server.changes(sync.held().unwrap()), at);
        at += PATIENCE;
        sync.tick(at);
        revs(&mut sync);
        asked += 1;
        assert!(asked < 200, "it never catches up");
    }
    assert_eq!(sync.held(), Some(server.rev));
}

#[test]
fn a_server_below_what_is_held_is_another_life_of_its_data() {
    let now = Instant::now();
    let (mut server, mut sync) = open(now);
    for _ in 0..5 {
        sync.batch(server.change(None), now);
    }
    revs(&mut sync);
    sync.link_lost();
    sync.link_up();
    assert_eq!(revs(&mut sync), [RoomStep::Open { since: Some(5) }]);
    let restored = Server { rev: 2, ..server };
    sync.opened(restored.open(Some(5)), now);
    assert_eq!(revs(&mut sync).last(), Some(&RoomStep::Impossible));
}

#[test]
fn too_much_missed_takes_the_newest_page_first() {
    let now = Instant::now();
    let (mut server, mut sync) = open(now);
    sync.link_lost();
    server.reset_above = 3;
    for _ in 0..10 {
        server.change(None);
    }
    sync.link_up();
    revs(&mut sync);
    sync.opened(server.open(Some(0)), now);
    let steps = revs(&mut sync);
    assert!(
        matches!(
            steps[1],
            RoomStep::Reset {
                through: 10,
                page: Some(_)
            }
        ),
        "{steps:?}"
    );
    assert!(sync.is_current());
}

#[test]
fn a_direct_message_out_of_the_blue_opens_its_room() {
    let now = Instant::now();
    let mut server = Server {
        reset_above: 1_000,
        ..Server::default()
    };
    let mut sync = RoomSync::new(None);
    sync.link_up();
    sync.batch(server.change(None), now);
    assert_eq!(revs(&mut sync), [RoomStep::Open { since: None }]);
    sync.opened(server.open(None), now);
    assert!(sync.is_current());
}
