use super::super::*;
use super::settle;
use crate::log::SeqRanges;

const SCREEN: u32 = 800;

fn height_of(seq: u64) -> u32 {
    20 + (seq % 5) as u32 * 10
}

/// A timeline of `head` messages, read at `place` with its whole window held.
fn read_at(head: u64, place: u64) -> Viewport {
    let mut viewport = Viewport::new(SCREEN, 40);
    viewport.reset(1, head);
    viewport.jump_to(place, Align::Top);
    settle(&mut viewport, height_of);
    let from = place.saturating_sub(MAX_HELD_ROWS / 2).max(1);
    let _ = viewport
        .rows_arrived((from..from + MAX_HELD_ROWS - 64).map(|seq| (seq, Some(height_of(seq)))));
    viewport.take_steps();
    viewport
}

/// Rows and blocks looked at by everything a frame may bring.
fn steps_of_a_frame(viewport: &mut Viewport) -> Vec<(&'static str, u64)> {
    let mut steps = Vec::new();
    let mut count = |viewport: &mut Viewport, name, call: &mut dyn FnMut(&mut Viewport)| {
        call(viewport);
        steps.push((name, viewport.take_steps()));
    };
    let (_, head) = viewport.bounds();
    count(viewport, "screen", &mut |view| drop(view.screen()));
    count(viewport, "scroll by a line", &mut |view| view.scroll(-20));
    count(viewport, "page", &mut |view| view.page_down());
    count(viewport, "post", &mut |view| view.set_head(head + 1));
    count(viewport, "height", &mut |view| {
        view.height_changed(view.screen().rows[3].seq, 33)
    });
    count(viewport, "scrollbar", &mut |view| {
        assert!(view.scrollbar().first > 0.0)
    });
    count(viewport, "fetches", &mut |view| {
        drop(view.fetches(&SeqRanges::new()))
    });
    count(viewport, "flick far", &mut |view| view.scroll(-3_000_000));
    count(viewport, "and back", &mut |view| view.scroll(3_000_000));
    count(viewport, "drag", &mut |view| {
        view.drag_to(head as f64 / 3.0)
    });
    count(viewport, "jump", &mut |view| {
        view.jump_to(head / 2, Align::Centre)
    });
    count(viewport, "end", &mut |view| view.jump_to_end());
    steps
}

#[test]
fn a_call_costs_a_few_screens_whatever_the_timeline_holds() {
    let mut small = read_at(100_000, 50_000);
    let mut huge = read_at(10_000_000, 5_000_000);
    let rows_on_screen = small.screen().rows.len() as u64;
    let block_walk = 2 * 64 + MAX_HELD_ROWS / 64;
    for ((name, small), (_, huge)) in steps_of_a_frame(&mut small)
        .into_iter()
        .zip(steps_of_a_frame(&mut huge))
    {
        let bound = 16 * rows_on_screen + 4 * block_walk;
        assert!(
            small <= bound && huge <= bound,
            "{name}: {small} and {huge} steps, bound {bound}"
        );
    }
}

#[test]
fn thousands_of_hidden_rows_in_a_row_cost_their_blocks() {
    let mut viewport = Viewport::new(SCREEN, 40);
    viewport.reset(1, 10_000_000);
    viewport.jump_to(5_000_000, Align::Top);
    let _ = viewport.rows_arrived((4_998_500..5_001_500).map(|seq| (seq, Some(0))));
    viewport.take_steps();
    assert!(viewport.screen().rows.len() >= 20);
    assert!(viewport.take_steps() <= 2 * MAX_HELD_ROWS);
}
