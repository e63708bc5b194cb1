//! Rows, days, the unread line, loads that fail.

#![allow(clippy::unwrap_used)]

use parlor_protocol::{SendKey, UserId};

use super::*;

const ROOM: RoomId = RoomId([1; 16]);
const MINUTE_MS: u64 = 60_000;

fn row(seq: u64, rev: u64, author: u8, at_ms: u64) -> (MessageRow, MessageView) {
    let text = format!("{seq} at rev {rev}");
    let row = MessageRow {
        seq,
        rev,
        author: UserId([author; 16]),
        at_ms,
        send_key: SendKey([0; 16]),
        state: 0,
        text: text.clone(),
        long: None,
    };
    let view = MessageView {
        id: MessageId::Seq(seq),
        room: ROOM,
        author: row.author,
        author_name: "somebody".into(),
        own: false,
        at_ms,
        text: text.into(),
        body: Arc::default(),
        edited: false,
        deleted: false,
        mentions_me: false,
        more_bytes: None,
        delivery: Delivery::Sent,
    };
    (row, view)
}

fn screen(head: u64) -> OnScreen {
    let layout = Layout {
        height: 10,
        estimate: 1,
    };
    OnScreen::new(ROOM, layout, 1, head, TimeZone::fixed(jiff::tz::offset(14)))
}

fn measure(screen: &mut OnScreen, height: u32) -> usize {
    let wanted = screen.unmeasured();
    screen.measured(wanted.iter().map(|(seq, ..)| (*seq, height)).collect());
    wanted.len()
}

#[test]
fn messages_of_one_person_within_five_minutes_stand_together() {
    let mut screen = screen(4);
    // 23:58, 23:59 and 00:01 in a zone 14 hours ahead.
    let late = 10 * 3_600_000 - 2 * MINUTE_MS;
    screen.rows_arrived(vec![
        row(1, 1, 7, late),
        row(2, 2, 7, late + MINUTE_MS),
        row(3, 3, 8, late + MINUTE_MS),
        row(4, 4, 8, late + 3 * MINUTE_MS),
    ]);
    let around: Vec<Surroundings> = (1..=4)
        .map(|seq| screen.surroundings(seq).unwrap())
        .collect();
    assert_eq!(
        around.iter().map(|it| it.continues).collect::<Vec<_>>(),
        [false, true, false, false]
    );
    let days: Vec<bool> = around.iter().map(|it| it.day.is_some()).collect();
    assert_eq!(
        days,
        [true, false, false, true],
        "a day begins at midnight of the reader's zone"
    );
}

#[test]
fn a_row_is_measured_once_and_again_when_what_stands_above_it_comes() {
    let mut screen = screen(3);
    screen.rows_arrived(vec![row(3, 3, 7, 1_000)]);
    assert_eq!(measure(&mut screen, 1), 1);
    assert_eq!(measure(&mut screen, 1), 0);
    screen.rows_arrived(vec![row(2, 2, 7, 1_000)]);
    assert_eq!(
        measure(&mut screen, 1),
        2,
        "the new one, and the one below it that now goes on"
    );
}

#[test]
fn an_older_state_that_comes_late_is_not_shown() {
    let mut screen = screen(1);
    screen.rows_arrived(vec![row(1, 5, 7, 0)]);
    screen.rows_arrived(vec![row(1, 4, 7, 0)]);
    assert_eq!(&*screen.message(1).unwrap().text, "1 at rev 5");
}

#[test]
fn the_unread_line_stands_above_the_first_unread_message() {
    let mut screen = screen(3);
    screen.rows_arrived((1..=3).map(|seq| row(seq, seq, 7, 0)).collect());
    screen.set_unread_line(1);
    assert!(screen.surroundings(2).unwrap().first_unread);
    assert!(!screen.surroundings(2).unwrap().continues);
    assert!(screen.jump_to_unread());
    screen.set_unread_line(3);
    assert!(!screen.jump_to_unread());
}

#[test]
fn what_could_not_be_loaded_is_asked_for_on_the_next_link() {
    let mut screen = screen(100);
    let wanted = screen.take_fetches();
    assert!(!wanted.is_empty());
    assert!(screen.take_fetches().is_empty(), "it is being loaded");
    for range in &wanted {
        screen.loaded(*range, &[*range], 0);
    }
    assert!(
        screen.take_fetches().is_empty(),
        "the link that would bring it is not there"
    );
    screen.try_again();
    assert_eq!(screen.take_fetches(), wanted);
}

#[test]
fn what_failed_on_the_link_before_is_asked_for_on_this_one() {
    let mut screen = screen(100);
    let wanted = screen.take_fetches();
    // The new link is up before the loads of the old one have failed.
    screen.try_again();
    for range in &wanted {
        screen.loaded(*range, &[*range], 0);
    }
    assert_eq!(screen.take_fetches(), wanted);
}

#[test]
fn a_room_that_is_begun_anew_keeps_the_readers_place() {
    let mut screen = screen(400);
    screen.viewport().jump_to_start();
    screen.rows_arrived((1..=10).map(|seq| row(seq, seq, 7, 0)).collect());
    measure(&mut screen, 1);
    screen.renew(1, 402);
    assert!(!screen.is_at_end() && screen.message(1).is_none());
    let wanted = screen.take_fetches();
    assert!(wanted.iter().any(|range| range.contains(1)), "{wanted:?}");
    // At the end it stays there.
    screen.viewport().jump_to_end();
    screen.renew(1, 403);
    assert!(screen.is_at_end());
}
