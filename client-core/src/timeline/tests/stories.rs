use super::super::*;
use super::{check_screen, row, settle, y_of};
use crate::log::{SeqRange, SeqRanges};

const SCREEN: u32 = 100;

/// Heights of 5 to 24 units, no two neighbours alike.
fn height_of(seq: u64) -> u32 {
    5 + (seq * 7 % 20) as u32
}

fn open(head: u64) -> Viewport {
    let mut viewport = Viewport::new(SCREEN, 10);
    viewport.reset(1, head);
    settle(&mut viewport, height_of);
    viewport
}

fn arrive(viewport: &mut Viewport, seqs: std::ops::RangeInclusive<u64>) {
    assert_eq!(
        viewport.rows_arrived(seqs.map(|seq| (seq, Some(height_of(seq))))),
        []
    );
}

#[test]
fn a_room_opens_at_its_end_and_follows_new_messages() {
    let mut viewport = open(1_000_000);
    assert!(viewport.at_end());
    for head in 1_000_001..1_000_020 {
        viewport.set_head(head);
        arrive(&mut viewport, head..=head);
        let last = *viewport.screen().rows.last().unwrap();
        assert_eq!(
            (last.seq, last.y + i64::from(last.height)),
            (head, i64::from(SCREEN))
        );
        assert_eq!(viewport.new_below(), 0);
    }
}

#[test]
fn scrolled_up_it_keeps_its_place_and_counts_what_is_new() {
    let mut viewport = open(1_000);
    viewport.scroll(-150);
    settle(&mut viewport, height_of);
    let before = viewport.screen();
    for head in 1_001..=1_005 {
        viewport.set_head(head);
        arrive(&mut viewport, head..=head);
    }
    assert_eq!(viewport.screen(), before);
    assert_eq!(viewport.new_below(), 5);
    viewport.jump_to_end();
    assert_eq!(viewport.new_below(), 0);
    viewport.scroll(-1);
    assert!(!viewport.at_end());
    viewport.set_head(1_006);
    assert_eq!(viewport.new_below(), 1);
}

#[test]
fn what_is_new_below_is_counted_down_by_scrolling_to_it() {
    let mut viewport = open(1_000);
    viewport.scroll(-150);
    viewport.set_head(1_100);
    arrive(&mut viewport, 1_001..=1_100);
    viewport.scroll(400);
    let lowest = viewport.screen().rows.last().unwrap().seq;
    assert!(lowest > 1_000);
    assert_eq!(viewport.new_below(), 1_100 - lowest);
    viewport.scroll(-400);
    assert_eq!(viewport.new_below(), 1_100 - lowest);
    viewport.scroll(i64::MAX);
    assert!(viewport.at_end());
}

#[test]
fn history_that_arrives_above_does_not_move_what_is_read() {
    let mut viewport = open(500);
    viewport.scroll(-60);
    let (anchor, y) = viewport.anchor().unwrap();
    let top = viewport.screen().rows[0].seq;
    arrive(&mut viewport, top - 200..=top - 1);
    assert_eq!(y_of(&viewport, anchor), Some(y));
    viewport.height_changed(top - 3, 90);
    viewport.removed(top - 1);
    assert_eq!(y_of(&viewport, anchor), Some(y));
}

#[test]
fn placeholders_at_the_top_grow_upwards_when_they_turn_into_messages() {
    let mut viewport = open(500);
    viewport.scroll(-70);
    let screen = viewport.screen();
    assert_eq!(screen.rows[0].state, RowState::Missing);
    let read = screen
        .rows
        .iter()
        .find(|row| row.state == RowState::Measured)
        .copied()
        .unwrap();
    settle(&mut viewport, |seq| {
        if seq < read.seq { 80 } else { height_of(seq) }
    });
    assert_eq!(row(&viewport.screen(), read.seq), Some(read));
}

#[test]
fn a_jump_keeps_its_target_in_the_middle_while_the_surroundings_arrive() {
    let mut viewport = open(1_000_000);
    for target in [999_998u64, 1, 400_000, 3, 1_000_000] {
        viewport.jump_to(target, Align::Centre);
        settle(&mut viewport, |seq| 20 + (seq % 3) as u32);
        let target = row(&viewport.screen(), target).unwrap();
        let wanted = i64::from(SCREEN - target.height) / 2;
        let at_an_end = viewport.at_end()
            || viewport.screen().rows[0]
                == VisibleRow {
                    y: 0,
                    ..row(&viewport.screen(), 1).unwrap_or(target)
                };
        assert!(target.y == wanted || at_an_end, "{target:?}");
        check_screen(&viewport, SCREEN, 0);
    }
}

#[test]
fn a_jump_near_the_end_shows_its_target_though_rows_are_taller_than_guessed() {
    let mut viewport = Viewport::new(SCREEN, 10);
    viewport.reset(1, 1_000);
    viewport.jump_to(996, Align::Top);
    settle(&mut viewport, |_| 70);
    assert_eq!(y_of(&viewport, 996), Some(0));
    assert!(!viewport.at_end());
}

#[test]
fn a_resize_keeps_the_row_that_was_read() {
    let mut viewport = open(1_000);
    viewport.scroll(-500);
    settle(&mut viewport, height_of);
    let (anchor, y) = viewport.anchor().unwrap();
    viewport.heights_unknown();
    assert_eq!(
        row(&viewport.screen(), anchor).unwrap().state,
        RowState::Unmeasured
    );
    viewport.heights_changed((400..=1_000).map(|seq| (seq, height_of(seq) * 2)));
    settle(&mut viewport, |seq| height_of(seq) * 2);
    assert_eq!(y_of(&viewport, anchor), Some(y));
}

#[test]
fn a_resize_in_the_middle_of_a_long_message_stays_at_the_same_part_of_it() {
    let mut viewport = Viewport::new(SCREEN, 10);
    viewport.reset(1, 100);
    let _ =
        viewport.rows_arrived((1..=100).map(|seq| (seq, Some(if seq == 50 { 1_000 } else { 10 }))));
    viewport.jump_to(50, Align::Top);
    viewport.scroll(600);
    assert_eq!(viewport.anchor(), Some((50, -600)));
    viewport.heights_unknown();
    viewport.height_changed(50, 500);
    assert_eq!(viewport.anchor(), Some((50, -300)));
}

#[test]
fn a_short_timeline_stands_at_the_bottom() {
    let viewport = open(3);
    let screen = viewport.screen();
    let total: u32 = (1..=3).map(height_of).sum();
    assert_eq!(screen.rows[0].y, i64::from(SCREEN - total));
    assert!(viewport.at_end());
    let mut scrolled = viewport.clone();
    scrolled.scroll(-1_000);
    assert_eq!(scrolled.screen(), screen);
    assert_eq!(viewport.scrollbar().thumb(50, 2), (0, 50));
}

#[test]
fn an_empty_timeline_shows_nothing_and_takes_every_input() {
    let mut viewport = Viewport::new(SCREEN, 10);
    viewport.reset(1, 0);
    viewport.scroll(-5);
    viewport.page_down();
    viewport.jump_to(9, Align::Centre);
    viewport.jump_to_start();
    viewport.jump_to_end();
    viewport.drag_to(3.0);
    viewport.height_changed(4, 4);
    assert_eq!(viewport.rows_arrived([(4, Some(4))]), []);
    assert_eq!(viewport.screen(), Screen::default());
    assert_eq!(viewport.fetches(&SeqRanges::new()), []);
    viewport.set_head(1);
    assert_eq!(viewport.screen().rows.len(), 1);
}

#[test]
fn unsent_messages_stand_below_the_newest_and_push_it_up() {
    let mut viewport = open(100);
    viewport.set_tail(30);
    let screen = viewport.screen();
    assert_eq!(screen.tail_y, Some(70));
    let last = screen.rows.last().unwrap();
    assert_eq!((last.seq, last.y + i64::from(last.height)), (100, 70));
    viewport.scroll(-30);
    assert_eq!(viewport.screen().tail_y, None);
    assert!(!viewport.at_end());
    viewport.scroll(30);
    assert!(viewport.at_end());
    viewport.set_tail(500);
    assert_eq!(viewport.screen().tail_y, Some(-400));
    check_screen(&viewport, SCREEN, 500);
}

#[test]
fn retention_moves_the_reader_only_when_it_takes_what_they_read() {
    let mut viewport = open(1_000);
    viewport.jump_to(500, Align::Top);
    settle(&mut viewport, height_of);
    let before = viewport.screen();
    viewport.set_floor(300);
    assert_eq!(viewport.screen(), before);
    viewport.set_floor(600);
    assert_eq!(viewport.screen().rows[0].seq, 600);
    assert_eq!(viewport.screen().rows[0].y, 0);
    assert_eq!(viewport.scrollbar().first, 0.0);
    assert_eq!(viewport.scrollbar().total, 401);
}

#[test]
fn pages_overlap_and_lead_there_and_back() {
    let mut viewport = open(1_000);
    let _ = viewport.rows_arrived((1..=1_000).map(|seq| (seq, Some(height_of(seq)))));
    viewport.jump_to(500, Align::Top);
    let before = viewport.screen();
    let last_whole = before
        .rows
        .iter()
        .rfind(|row| row.y + i64::from(row.height) <= i64::from(SCREEN))
        .unwrap();
    viewport.page_down();
    assert!(viewport.screen().rows[0].seq <= last_whole.seq + 1);
    viewport.page_up();
    assert_eq!(viewport.screen(), before);
}

#[test]
fn the_scrollbar_is_exact_and_leads_to_the_place_it_shows() {
    let mut viewport = open(10_000_000);
    for seq in [1, 2_500_000, 9_999_000] {
        viewport.jump_to(seq, Align::Top);
        settle(&mut viewport, height_of);
        assert_eq!(viewport.scrollbar().first, (seq - 1) as f64);
        let before = viewport.screen();
        viewport.drag_to(viewport.scrollbar().first);
        assert_eq!(viewport.screen(), before);
    }
    viewport.jump_to_end();
    let bar = viewport.scrollbar();
    assert!((bar.first + bar.visible - 10_000_000.0).abs() < 1e-6);
    assert_eq!(bar.thumb(40, 2), (38, 2));
}

#[test]
fn rows_far_from_the_reader_are_let_go_at_either_end() {
    let mut viewport = open(1_000_000);
    viewport.jump_to(500_000, Align::Top);
    let page = |from: u64| (from..from + 64).map(|seq| (seq, Some(height_of(seq))));
    let mut gone = SeqRanges::new();
    for n in 0..200u64 {
        let above = viewport.rows_arrived(page(500_000 - 64 * n));
        let below = viewport.rows_arrived(page(500_000 + 64 * n));
        for range in above.into_iter().chain(below) {
            let _ = gone.insert(range);
        }
    }
    let held = (1..=1_000_000)
        .filter(|&seq| viewport.row_state(seq) != RowState::Missing)
        .count() as u64;
    assert!(
        (MAX_HELD_ROWS - 200..=MAX_HELD_ROWS).contains(&held),
        "{held}"
    );
    assert!(
        (1..=1_000_000)
            .filter(|&seq| viewport.row_state(seq) != RowState::Missing)
            .all(|seq| !gone.contains(seq) || seq.abs_diff(500_000) > 1_900)
    );
    assert!(
        viewport
            .screen()
            .rows
            .iter()
            .all(|row| row.state == RowState::Measured)
    );
}

#[test]
fn what_is_on_screen_is_fetched_first_and_then_what_lies_ahead() {
    let mut viewport = Viewport::new(SCREEN, 10);
    viewport.reset(1, 1_000);
    let range = |first, last| SeqRange::new(first, last).unwrap();
    let none = SeqRanges::new();
    let plan = viewport.fetches(&none);
    assert_eq!(
        plan[0],
        Fetch {
            range: range(991, 1_000),
            need: Need::Visible
        }
    );
    assert_eq!(
        plan[1],
        Fetch {
            range: range(941, 990),
            need: Need::Ahead
        }
    );
    assert_eq!(plan.len(), 2);

    let in_flight: SeqRanges = plan.iter().map(|fetch| fetch.range).collect();
    assert_eq!(viewport.fetches(&in_flight), []);
    let _ = viewport.rows_arrived((941..=1_000).map(|seq| (seq, Some(10))));
    assert_eq!(viewport.fetches(&none), []);

    viewport.scroll(-200);
    assert_eq!(viewport.fetches(&none), []);
    viewport.scroll(-100);
    assert_eq!(
        viewport.fetches(&none),
        [Fetch {
            range: range(911, 940),
            need: Need::Ahead
        }]
    );

    viewport.jump_to(500, Align::Top);
    viewport.scroll(1);
    let needs: Vec<Need> = viewport
        .fetches(&none)
        .iter()
        .map(|fetch| fetch.need)
        .collect();
    assert_eq!(needs, [Need::Visible, Need::Ahead, Need::Behind]);
    assert_eq!(viewport.fetches(&none)[1].range.first(), 511);
}

#[test]
fn one_plan_is_bounded_however_ragged_the_window() {
    let mut viewport = Viewport::new(2_000, 1);
    viewport.reset(1, 100_000);
    let every_other = (90_000..=100_000).step_by(2).map(|seq| (seq, Some(1)));
    let _ = viewport.rows_arrived(every_other);
    let plan = viewport.fetches(&SeqRanges::new());
    assert_eq!(plan.len(), MAX_FETCHES);
    let fresh = {
        viewport.jump_to(1_000, Align::Top);
        viewport.fetches(&SeqRanges::new())
    };
    assert!(
        fresh
            .iter()
            .all(|fetch| fetch.range.count() <= MAX_FETCH_ROWS)
    );
}

#[test]
fn absurd_numbers_from_outside_are_held_within_bounds() {
    let mut viewport = Viewport::new(u32::MAX, 0);
    viewport.reset(u64::MAX, u64::MAX);
    viewport.reset(0, u64::MAX);
    assert_eq!(viewport.bounds(), (1, MAX_SEQ));
    viewport.set_height(50);
    let _ = viewport.rows_arrived([
        (1, Some(u32::MAX)),
        (u64::MAX, Some(1)),
        (MAX_SEQ, Some(u32::MAX)),
    ]);
    viewport.scroll(i64::MIN);
    viewport.scroll(i64::MAX);
    viewport.scroll(i64::MIN + 1);
    check_screen(&viewport, 50, 0);
    viewport.set_tail(u32::MAX);
    viewport.jump_to_end();
    viewport.drag_to(f64::NAN);
    viewport.drag_to(f64::INFINITY);
    viewport.set_height(0);
    viewport.scroll(-3);
    viewport.set_height(50);
    check_screen(&viewport, 50, u32::MAX);
}

#[test]
fn a_smaller_screen_holds_on_to_a_row_that_is_still_on_it() {
    let mut viewport = Viewport::new(SCREEN, 10);
    viewport.reset(1, 1_000);
    let _ = viewport.rows_arrived((1..=1_000).map(|seq| (seq, Some(10))));
    viewport.scroll(-500);
    viewport.heights_unknown();
    let lowest = viewport.screen().rows.last().unwrap().seq;
    viewport.height_changed(lowest, 10);
    // The only measured row, and so the anchor, is the lowest on screen.
    viewport.scroll(-1);
    assert_eq!(viewport.anchor().unwrap().0, lowest);
    viewport.set_height(SCREEN / 2);
    let before = viewport.screen();
    viewport.height_changed(lowest - 1, 77);
    assert_eq!(viewport.screen(), before);
}

#[test]
fn a_row_measured_again_and_again_counts_once_in_the_mean() {
    let mut viewport = Viewport::new(SCREEN, 10);
    viewport.reset(1, 10_000);
    let _ = viewport.rows_arrived((9_001..=9_100).map(|seq| (seq, Some(10))));
    for _ in 0..1_000 {
        viewport.height_changed(9_100, 60);
    }
    assert_eq!(viewport.screen().rows[0].height, 10);
}
