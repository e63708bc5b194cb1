//! What a frame of a timeline costs, by the length of the timeline: it must not
//! matter.

use divan::{Bencher, black_box};
use parlor_client_core::log::SeqRanges;
use parlor_client_core::timeline::{Align, MAX_HELD_ROWS, Viewport};

const LENGTHS: [u64; 3] = [10_000, 1_000_000, 10_000_000];
const SCREEN_PIXELS: u32 = 1_200;

fn main() {
    divan::main();
}

fn height_of(seq: u64) -> u32 {
    22 + (seq * 7 % 11) as u32 * 6
}

/// Read in the middle, the window around it full.
fn opened(length: u64) -> Viewport {
    let mut viewport = Viewport::new(SCREEN_PIXELS, 40);
    viewport.reset(1, length);
    viewport.jump_to(length / 2, Align::Top);
    let from = length / 2 - MAX_HELD_ROWS / 2;
    let rows = (from..from + MAX_HELD_ROWS - 64).map(|seq| (seq, Some(height_of(seq))));
    assert!(viewport.rows_arrived(rows).is_empty());
    viewport
}

#[divan::bench(args = LENGTHS)]
fn frame_of_a_scroll(bencher: Bencher, length: u64) {
    let mut viewport = opened(length);
    let none = SeqRanges::new();
    let mut step = 53;
    bencher.bench_local(|| {
        step = -step;
        viewport.scroll(step);
        black_box(viewport.fetches(&none));
        black_box(viewport.scrollbar());
        black_box(viewport.screen())
    });
}

#[divan::bench(args = LENGTHS)]
fn flick_across_the_window_and_back(bencher: Bencher, length: u64) {
    let mut viewport = opened(length);
    let mut step = 120_000;
    bencher.bench_local(|| {
        step = -step;
        viewport.scroll(black_box(step));
    });
}

#[divan::bench(args = LENGTHS)]
fn drag_to_a_far_place(bencher: Bencher, length: u64) {
    let mut viewport = opened(length);
    let mut part = 0.1;
    bencher.bench_local(|| {
        part = 1.0 - part;
        viewport.drag_to(black_box(part * length as f64));
    });
}

#[divan::bench(args = LENGTHS)]
fn page_of_history_arrives(bencher: Bencher, length: u64) {
    let mut viewport = opened(length);
    let from = length / 2 - 100;
    bencher.bench_local(|| {
        let page = (from..from + 50).map(|seq| (seq, Some(height_of(seq))));
        black_box(viewport.rows_arrived(black_box(page)))
    });
}

#[divan::bench(args = LENGTHS)]
fn message_at_the_end(bencher: Bencher, length: u64) {
    let mut viewport = opened(length);
    viewport.jump_to_end();
    let mut head = length;
    bencher.bench_local(|| {
        head += 1;
        viewport.set_head(head);
        let gone = viewport.rows_arrived([(head, Some(height_of(head)))]);
        black_box(viewport.screen());
        black_box(gone)
    });
}
