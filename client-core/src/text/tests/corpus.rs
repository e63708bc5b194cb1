use std::path::PathBuf;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::text::work;

/// The strings that break programs, from the folder of real input where there is
/// one, else made here.
fn naughty_strings() -> Vec<String> {
    match std::env::var_os("PARLOR_CORPUS") {
        Some(folder) => {
            let file = PathBuf::from(folder).join("naughty-strings.json");
            let json =
                std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            serde_json::from_slice(&json).unwrap()
        }
        None => made_strings(500),
    }
}

/// Pieces that went wrong somewhere, thrown together.
fn made_strings(count: usize) -> Vec<String> {
    const PIECES: &[&str] = &[
        "*",
        "**",
        "***",
        "_",
        "__",
        "~~",
        "`",
        "``",
        "```",
        "```rust\n",
        "[",
        "](",
        "](http://",
        ")",
        "<",
        "<http://",
        ">",
        "> ",
        "@",
        "@ada",
        "@room",
        "http://",
        "https://x.org/(",
        "\\",
        "\n",
        "\r",
        "\t",
        "\0",
        "\u{1b}[2J",
        "\u{9b}",
        "\u{202e}",
        "\u{2066}",
        "\u{2069}",
        "\u{200f}",
        "\u{200b}",
        "\u{200d}",
        "\u{feff}",
        "\u{301}\u{301}\u{301}\u{301}",
        "\u{fe0f}",
        "👩",
        "👍🏽",
        "🇩",
        "日本",
        "שלום",
        "ﷺ",
        "𒐫",
        "\u{1100}\u{1100}",
        "\u{0600}",
        "\u{e0041}",
        "\u{ffff}",
        "/me ",
        " ",
        "a",
        "1*2",
    ];
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut string = || {
        let pieces = rng.random_range(1..40);
        (0..pieces)
            .map(|_| PIECES[rng.random_range(0..PIECES.len())])
            .collect()
    };
    (0..count).map(|_| string()).collect()
}

fn check(text: &str) {
    let message = render(text, &knows);
    for shown in texts(&message) {
        assert!(shown.chars().all(is_harmless), "{text:?} shows {shown:?}");
    }
    for span in message.spans() {
        assert!(!span.text.is_empty());
        if let Kind::Link(url) = &span.kind {
            assert!(url.to_lowercase().starts_with("http"), "{url}");
        }
    }
    for width in [4, 7, 20, 80] {
        check_wrapping(&message, width);
        assert!(display_width(&sanitize_line(text, width)) <= width);
    }
}

fn check_wrapping(message: &Message, width: usize) {
    for block in &message.blocks {
        let lines = match block {
            Block::Text(lines) | Block::Quote { lines, .. } => lines.clone(),
            Block::Code { lines, .. } => lines
                .iter()
                .map(|line| Line {
                    spans: vec![Span::plain(line)],
                })
                .collect(),
        };
        for line in lines.iter().flat_map(|line| wrap(&line.spans, width)) {
            assert!(display_width(&line.plain()) <= width, "{line:?} in {width}");
        }
    }
}

#[test]
fn strings_that_break_programs_do_not_break_this_one() {
    let strings = naughty_strings();
    assert!(strings.len() >= 400);
    strings.iter().for_each(|text| check(text));
    // All at once, and each where marks are open around it.
    check(&strings.join("\n"));
    strings
        .iter()
        .for_each(|text| check(&format!("**_`{text}`_** [{text}](http://{text}) > {text}")));
}

#[test]
fn made_strings_do_not_break_it_either() {
    made_strings(2_000).iter().for_each(|text| check(text));
}

/// Steps for `count` times the piece, rendered and wrapped.
fn steps(piece: &str, count: usize) -> u64 {
    work::take();
    let message = render(&piece.repeat(count), &knows);
    for line in message.blocks.iter().flat_map(|block| match block {
        Block::Text(lines) | Block::Quote { lines, .. } => lines.as_slice(),
        Block::Code { .. } => &[],
    }) {
        wrap(&line.spans, 20);
    }
    work::take()
}

#[test]
fn ten_times_the_text_is_ten_times_the_work() {
    for piece in [
        "a",
        "*",
        "*a ",
        "a*",
        "**a* ",
        "_a ",
        "~~a ",
        "`",
        "`` ` ",
        "```a",
        "[",
        "[a",
        "[a](",
        "[a](http://",
        "[](http://x",
        "](",
        "<http://a",
        "<",
        "http://x",
        "http://x ",
        "http://x)",
        "https://x.org/((",
        "@",
        "@ada",
        "@a.",
        "@......... ",
        "\\*",
        "\\`` ",
        "[a](http://b[",
        "> ",
        ">",
        "a\n",
        "```\n",
        "\u{301}",
        "👩\u{200d}",
        "\u{1100}",
        "\u{0600}",
        "日",
        " ",
        "\t",
        "\u{202e}",
        "(http://(",
        "***a** ",
        "*a_b",
        "h",
        "HTTP://a*_~",
    ] {
        let (small, large) = (steps(piece, 1_000).max(1), steps(piece, 10_000));
        assert!(
            large <= 11 * small + 20_000,
            "{piece:?}: {small} steps became {large}"
        );
        assert!(
            large / 10_000 <= 40 * piece.len() as u64,
            "{piece:?}: {large} steps for {} bytes",
            10_000 * piece.len()
        );
    }
}

#[test]
fn a_megabyte_of_anything_is_done_in_bounded_work() {
    for piece in ["a ", "*a* ", "[a](http://b) ", "@ada ", "`a` ", "> **a**\n"] {
        let count = MAX_TEXT_BYTES / piece.len();
        assert!(
            steps(piece, count) <= 8 * MAX_TEXT_BYTES as u64,
            "{piece:?}"
        );
    }
}
