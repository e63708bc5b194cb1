use proptest::prelude::*;
use unicode_normalization::char::is_combining_mark;

use super::*;

#[test]
fn controls_are_shown_and_not_obeyed() {
    assert_eq!(safe("\u{1b}[31mred\u{7}\0\u{7f}\u{9b}2J"), "␛[31mred␇␀␡␛2J");
    assert_eq!(
        safe("\u{90}\u{85}\u{FFFF}\u{FDD0}"),
        "\u{FFFD}\u{2424}\u{FFFD}\u{FFFD}"
    );
}

#[test]
fn every_kind_of_line_break_is_one() {
    assert_eq!(safe("a\r\nb\rc\nd\u{2028}e\u{2029}f"), "a\nb\nc\nd\ne\nf");
}

#[test]
fn tabs_lead_to_the_next_stop() {
    assert_eq!(safe("a\tb\n\tc\n世\td"), "a   b\n    c\n世  d");
}

#[test]
fn nothing_reorders_what_stands_around_the_message() {
    assert_eq!(
        safe("a\u{202e}b\u{202c}c\u{2066}d\u{2069}e\u{200f}f\u{61c}g"),
        "a\u{FFFD}bcdefg"
    );
    assert_eq!(safe("שלום \u{200f}עולם"), "שלום עולם");
}

#[test]
fn invisible_characters_are_gone() {
    assert_eq!(
        safe("pay\u{200b}pal\u{feff}\u{ad}\u{2060}\u{e0041}\u{3164}"),
        "paypal"
    );
    assert_eq!(sanitize_line("\u{200b}\u{3164}\u{2060}", 10), "");
}

#[test]
fn stacks_of_accents_are_cut_and_real_scripts_are_not() {
    let zalgo: String = std::iter::once('e')
        .chain(std::iter::repeat_n('\u{301}', 100))
        .collect();
    assert_eq!(safe(&zalgo).chars().count(), 1 + MAX_ACCENTS);
    for word in [
        "Việt Nam ộ",
        "e\u{323}\u{302}",
        "שָׁלוֹם",
        "བསྒྲུབས",
        "नमस्ते",
        "ภาษาไทย",
        "العَرَبِيَّة",
    ] {
        assert_eq!(safe(word), word);
    }
}

#[test]
fn a_mark_without_a_letter_gets_a_circle_to_stand_on() {
    assert_eq!(safe("\u{301}a \u{301}"), "\u{25cc}\u{301}a \u{25cc}\u{301}");
    assert_eq!(safe("\u{fe0f}a"), "a");
}

#[test]
fn emoji_stay_whole_and_endless_chains_do_not() {
    for emoji in [
        "👨\u{200d}👩\u{200d}👧\u{200d}👦",
        "🏳\u{fe0f}\u{200d}🌈",
        "👍🏽",
        "🇩🇪",
        "❤\u{fe0f}",
    ] {
        assert_eq!(safe(emoji), emoji);
        assert_eq!(display_width(emoji), 2);
    }
    let chain = "👩\u{200d}".repeat(1_000);
    let joiners = safe(&chain).matches('\u{200d}').count();
    assert!(joiners <= 1_000 * MAX_JOINS / (MAX_JOINS + 1));
    assert_eq!(safe("a\u{200d}\u{200d}\u{200d} \u{200d}b\u{200c}"), "a b");
}

#[test]
fn plain_text_is_not_copied() {
    assert!(matches!(
        safe("just words,\nover two lines"),
        std::borrow::Cow::Borrowed(_)
    ));
}

#[test]
fn names_and_topics_are_one_line_that_fits() {
    assert_eq!(
        sanitize_line("  Ada\n\tLovelace\u{a0} ", 20),
        "Ada Lovelace"
    );
    assert_eq!(sanitize_line("Ada Lovelace", 12), "Ada Lovelace");
    assert_eq!(sanitize_line("Ada Lovelace", 11), "Ada Lovela…");
    assert_eq!(sanitize_line("日本語の部屋", 7), "日本語…");
    assert_eq!(sanitize_line("日本語の部屋", 6), "日本…");
    assert_eq!(sanitize_line("x", 0), "");
    assert_eq!(sanitize_line(&"x".repeat(1 << 20), 5), "xxxx…");
}

fn hostile_text() -> impl Strategy<Value = String> {
    let char = prop_oneof![
        3 => any::<char>(),
        3 => prop::char::range('\u{0}', '\u{A0}'),
        2 => prop::char::range('\u{300}', '\u{36F}'),
        2 => prop::char::range('\u{2000}', '\u{206F}'),
        1 => prop::char::range('\u{E0000}', '\u{E01FF}'),
        1 => prop::char::range('\u{1F1E6}', '\u{1F6FF}'),
        1 => prop::char::range('\u{900}', '\u{DFF}'),
        1 => prop::char::range('\u{1100}', '\u{11FF}'),
    ];
    prop::collection::vec(char, 0..80).prop_map(String::from_iter)
}

proptest! {
    #[test]
    fn whatever_comes_is_printable(text in hostile_text()) {
        let printed = safe(&text);
        prop_assert!(printed.chars().all(|char| char == '\n' || is_harmless(char)), "{printed:?}");
        prop_assert!(printed.len() <= 4 * text.len());
        let longest = printed.split(|char| !is_combining_mark(char)).map(|marks| marks.chars().count()).max();
        prop_assert!(longest.unwrap_or(0) <= MAX_MARKS);
        let again = safe(&printed);
        prop_assert_eq!(&again, &printed);
    }

    #[test]
    fn one_line_always_fits(text in hostile_text(), width in 0usize..30) {
        let line = sanitize_line(&text, width);
        prop_assert!(display_width(&line) <= width);
        prop_assert!(line.chars().all(is_harmless));
    }
}
