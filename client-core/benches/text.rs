//! What it costs to make a message's text ready to be shown.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use parlor_client_core::text::{Block, MAX_TEXT_BYTES, render, safe, sanitize_line, wrap};

const ORDINARY: &str = "so I tried **that** again and it said `permission denied`, see \
    https://help.example.org/community/sudo — thanks @bob";

fn main() {
    divan::main();
}

fn knows(name: &str) -> bool {
    name == "bob"
}

#[divan::bench]
fn ordinary_message(bencher: Bencher) {
    bencher.bench_local(|| render(black_box(ORDINARY), &knows));
}

#[divan::bench]
fn ordinary_message_wrapped(bencher: Bencher) {
    let message = render(ORDINARY, &knows);
    let Some(Block::Text(lines)) = message.blocks.first() else {
        return;
    };
    bencher.bench_local(|| wrap(black_box(&lines[0].spans), 60));
}

#[divan::bench]
fn name_of_a_person(bencher: Bencher) {
    bencher.bench_local(|| sanitize_line(black_box("Zoë ten Bœuf 🐂"), 20));
}

/// Shown escaped, for some would reach the terminal.
#[derive(Debug)]
struct Piece(&'static str);

const PIECES: [Piece; 6] = [
    Piece("words and words "),
    Piece("*a* "),
    Piece("[a](http://b) "),
    Piece("\u{1b}[0m"),
    Piece("e\u{301}\u{302}"),
    Piece("👩\u{200d}"),
];

#[divan::bench(args = PIECES)]
fn longest_text(bencher: Bencher, piece: &Piece) {
    let text = piece.0.repeat(MAX_TEXT_BYTES / piece.0.len());
    bencher
        .counter(BytesCount::new(text.len()))
        .bench_local(|| render(black_box(&text), &knows));
}

#[divan::bench]
fn longest_plain_text_made_safe(bencher: Bencher) {
    let text = "words and words ".repeat(MAX_TEXT_BYTES / 16);
    bencher
        .counter(BytesCount::new(text.len()))
        .bench_local(|| safe(black_box(&text)).len());
}
