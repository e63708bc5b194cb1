//! The person's own rev.

use std::time::Instant;

use parlor_protocol::sync::{Entry, UserBatch, UserChanges};
use parlor_protocol::{Extensions, RoomId};

use super::super::*;
use super::model::Server;

fn room_entry(rev: u64, id: u8) -> Entry {
    let mut summary = Server::default().open(None).summary;
    summary.room = RoomId([id; 16]);
    Entry::user_room(rev, &summary)
}

fn changes(since: u64, through: u64, rev: u64, reset: bool, entries: Vec<Entry>) -> UserChanges {
    UserChanges {
        since,
        through,
        rev,
        reset,
        entries,
        heads: Vec::new(),
        ext: Extensions::NONE,
    }
}

fn steps(sync: &mut UserSync) -> Vec<UserStep> {
    std::iter::from_fn(|| sync.poll()).collect()
}

#[test]
fn the_whole_list_in_several_answers_says_who_is_gone_at_its_end() {
    let now = Instant::now();
    let mut sync = UserSync::new(None);
    sync.link_up(true);
    sync.changes(
        changes(0, 2, 3, true, vec![room_entry(1, 1), room_entry(2, 2)]),
        now,
    );
    let first = steps(&mut sync);
    assert!(
        matches!(first.last(), Some(UserStep::Ask { since: Some(2) })),
        "{first:?}"
    );
    assert_eq!(sync.held(), None, "half a list is not held");
    sync.changes(changes(2, 3, 3, false, vec![room_entry(3, 3)]), now);
    let kept = [1, 2, 3].map(|id| RoomId([id; 16])).into_iter().collect();
    assert_eq!(steps(&mut sync).last(), Some(&UserStep::KeepOnly(kept)));
    assert_eq!(sync.held(), Some(3));
    assert!(sync.is_current());
}

#[test]
fn a_link_that_breaks_in_the_middle_of_the_list_starts_it_anew() {
    let now = Instant::now();
    let mut sync = UserSync::new(None);
    sync.link_up(false);
    assert_eq!(steps(&mut sync), [UserStep::Ask { since: None }]);
    sync.changes(changes(0, 1, 2, true, vec![room_entry(1, 1)]), now);
    steps(&mut sync);
    sync.link_lost();
    sync.link_up(false);
    assert_eq!(steps(&mut sync), [UserStep::Ask { since: None }]);
}

#[test]
fn live_entries_follow_and_a_gap_is_asked_for() {
    let now = Instant::now();
    let mut sync = UserSync::new(Some(4));
    sync.link_up(true);
    sync.changes(changes(4, 4, 4, false, vec![]), now);
    steps(&mut sync);
    let batch = |before, rev| UserBatch {
        before,
        rev,
        entries: vec![],
        ext: Extensions::NONE,
    };
    sync.batch(batch(4, 5), now);
    assert_eq!(
        steps(&mut sync),
        [UserStep::Apply {
            through: 5,
            entries: vec![]
        }]
    );
    sync.batch(batch(6, 7), now);
    sync.tick(now + PATIENCE);
    assert_eq!(steps(&mut sync), [UserStep::Ask { since: Some(5) }]);
}

#[test]
fn a_marker_of_dropped_entries_is_asked_about_once() {
    let now = Instant::now();
    let mut sync = UserSync::new(Some(4));
    sync.link_up(true);
    sync.changes(changes(4, 4, 4, false, vec![]), now);
    steps(&mut sync);
    // What is held already is no reason to ask.
    sync.raise(4, now);
    assert_eq!((sync.is_current(), sync.deadline()), (true, None));
    sync.raise(6, now);
    sync.raise(6, now);
    assert!(!sync.is_current());
    sync.tick(now + PATIENCE);
    assert_eq!(steps(&mut sync), [UserStep::Ask { since: Some(4) }]);
    sync.changes(changes(4, 6, 6, false, vec![]), now);
    steps(&mut sync);
    assert_eq!((sync.is_current(), sync.held()), (true, Some(6)));
}

#[test]
fn a_marker_that_comes_before_the_list_is_remembered() {
    let now = Instant::now();
    let mut sync = UserSync::new(None);
    sync.link_up(true);
    sync.raise(3, now);
    assert!(steps(&mut sync).is_empty(), "the list is being asked for");
    sync.changes(changes(0, 2, 2, true, vec![room_entry(1, 1)]), now);
    let told = steps(&mut sync);
    assert!(told.contains(&UserStep::KeepOnly([RoomId([1; 16])].into())));
    assert_eq!(told.last(), Some(&UserStep::Ask { since: Some(2) }));
}

#[test]
fn a_server_below_what_is_held_is_another_life_of_its_data() {
    let now = Instant::now();
    let mut sync = UserSync::new(Some(9));
    sync.link_up(true);
    sync.changes(changes(9, 3, 3, true, vec![]), now);
    assert_eq!(steps(&mut sync), [UserStep::Impossible]);
}
