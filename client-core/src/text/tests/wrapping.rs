use proptest::prelude::*;

use super::*;

fn wrapped(text: &str, width: usize) -> Vec<String> {
    wrap(&[Span::plain(text)], width)
        .iter()
        .map(Line::plain)
        .collect()
}

#[test]
fn lines_break_at_spaces_and_drop_them() {
    assert_eq!(
        wrapped("the quick brown fox", 10),
        ["the quick", "brown fox"]
    );
    assert_eq!(wrapped("a     b", 4), ["a", "b"]);
    assert_eq!(wrapped("  indented words", 12), ["  indented", "words"]);
    assert_eq!(wrapped("exactly ten", 11), ["exactly ten"]);
    assert_eq!(wrapped("", 10), [""]);
    assert_eq!(wrapped("      ", 4), [""]);
}

#[test]
fn long_words_are_broken_where_they_must() {
    assert_eq!(wrapped("a abcdefghij", 4), ["a", "abcd", "efgh", "ij"]);
    assert_eq!(wrapped("well-known fact", 11), ["well-known", "fact"]);
}

#[test]
fn wide_characters_take_two_columns_and_break_between() {
    assert_eq!(wrapped("日本語の部屋", 5), ["日本", "語の", "部屋"]);
    assert_eq!(wrapped("日本語。", 6), ["日本", "語。"]);
}

#[test]
fn clusters_stay_whole() {
    let family = "👨\u{200d}👩\u{200d}👧\u{200d}👦";
    assert_eq!(
        wrapped(&format!("abc{family}{family}x"), 4),
        ["abc", &format!("{family}{family}"), "x"]
    );
    assert_eq!(
        wrapped("e\u{301}e\u{301}e\u{301}e\u{301}e\u{301}", 4),
        ["e\u{301}e\u{301}e\u{301}e\u{301}", "e\u{301}"]
    );
}

#[test]
fn styles_survive_the_break() {
    let message = render("some **bold words here** and `code`", &knows);
    let Block::Text(lines) = &message.blocks[0] else {
        panic!("not text")
    };
    let sketches: Vec<_> = wrap(&lines[0].spans, 12).iter().map(sketch).collect();
    assert_eq!(sketches, ["some b(bold)", "b(words here)", "and c(code)"]);
}

#[test]
fn a_link_keeps_its_address_over_several_lines() {
    let message = render("https://example.org/a/long/way", &knows);
    let Block::Text(lines) = &message.blocks[0] else {
        panic!("not text")
    };
    let wrapped = wrap(&lines[0].spans, 10);
    assert!(wrapped.len() > 2);
    let url = lines[0].spans[0].kind.clone();
    assert!(
        wrapped
            .iter()
            .all(|line| line.spans.iter().all(|span| span.kind == url))
    );
}

#[test]
fn a_cluster_wider_than_the_line_is_broken_after_all() {
    let endless = "\u{1100}".repeat(20);
    assert!(
        wrapped(&endless, 5)
            .iter()
            .all(|line| display_width(line) <= 5)
    );
}

proptest! {
    #[test]
    fn lines_fit_and_lose_nothing_but_spaces(text in "[a-z ,.\\-日本🙂é\u{301}א\u{200d}]{0,60}", width in 0usize..20) {
        let safe_text = safe(&text);
        let lines = wrapped(&safe_text, width);
        for line in &lines {
            prop_assert!(display_width(line) <= width.max(MIN_WRAP_WIDTH), "{line:?} in {width}");
        }
        let squeezed = |text: &str| text.split_whitespace().collect::<String>();
        prop_assert_eq!(squeezed(&lines.concat()), squeezed(&safe_text));
    }
}
