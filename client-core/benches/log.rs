//! What keeping track of held ranges costs, near and at the bound.

use divan::{Bencher, black_box};
use parlor_client_core::log::{MAX_RANGES, SeqRange, SeqRanges};

fn main() {
    divan::main();
}

fn run(first: u64, last: u64) -> SeqRange {
    SeqRange::new(first, last).unwrap_or(SeqRange::one(first))
}

/// `runs` pages of 50 with as many seqs between them.
fn scattered(runs: usize) -> SeqRanges {
    (0..runs as u64)
        .map(|n| run(n * 100 + 1, n * 100 + 50))
        .collect()
}

#[divan::bench]
fn next_message_at_the_head(bencher: Bencher) {
    let mut held = scattered(8);
    let mut head = 10_000;
    bencher.bench_local(|| {
        head += 1;
        black_box(held.insert(SeqRange::one(head)))
    });
}

#[divan::bench(args = [8, MAX_RANGES])]
fn missing_of_a_screen(bencher: Bencher, runs: usize) {
    let held = scattered(runs);
    let middle = runs as u64 * 50;
    bencher.bench_local(|| held.missing(black_box(run(middle, middle + 200))).count());
}

#[divan::bench(args = [8, MAX_RANGES])]
fn page_that_merges_and_page_that_is_cut_out(bencher: Bencher, runs: usize) {
    let mut held = scattered(runs);
    let gap = run(runs as u64 / 2 * 100 + 51, runs as u64 / 2 * 100 + 100);
    bencher.bench_local(|| {
        black_box(held.insert(black_box(gap)));
        black_box(held.remove(black_box(gap)))
    });
}

#[divan::bench]
fn jump_into_a_full_list(bencher: Bencher) {
    let mut held = scattered(MAX_RANGES);
    let mut place = 10_000_000;
    bencher.bench_local(|| {
        place += 1_000;
        black_box(held.insert(run(place, place + 49)))
    });
}
