use super::*;

#[test]
fn emphasis_is_read_and_its_marks_are_not_shown() {
    #[rustfmt::skip]
    let table = [
        ("plain words", "plain words"),
        ("**bold** and __bold__", "b(bold) and b(bold)"),
        ("*italic* and _italic_", "i(italic) and i(italic)"),
        ("~~gone~~ ~one~", "s(gone) ~one~"),
        ("***both***", "i(b(both))"),
        ("**a *b* c**", "b(a )i(b(b))b( c)"),
        ("*a **b***", "i(a )i(b(b))"),
        ("**这是**重点", "b(这是)重点"),
        ("un**believ**able", "unb(believ)able"),
    ];
    for (text, expected) in table {
        assert_eq!(line(text), expected);
    }
}

#[test]
fn what_is_no_emphasis_stays_as_typed() {
    for text in [
        "2 * 3 * 4",
        "2*3*4",
        "a_b_c and __init__.py",
        "* a list item",
        "- another",
        "1. first",
        "# not a heading",
        "**unclosed",
        "closed**",
        "****",
        "** a **",
        "5 ~~ 6",
        ":-* :-*",
        "\\\\server\\share",
        "| a | b |",
        "<b>html</b>",
        "[label](relative/path)",
        "[x](javascript:alert(1))",
        "![alt](data:x)",
        ">:( >_<",
    ] {
        let expected = if text.contains("__init__") {
            "a_b_c and b(init).py"
        } else {
            text
        };
        assert_eq!(line(text), expected);
    }
}

#[test]
fn marks_never_overlap_crosswise() {
    assert_eq!(line("**a *b** c*"), "b(a *b) c*");
    assert_eq!(line("*a_ b*"), "i(a_ b)");
    assert_eq!(line("_a *b_ c*"), "i(a *b) c*");
}

#[test]
fn a_backslash_takes_the_meaning_from_a_mark() {
    assert_eq!(
        line(r"\*not\* \`code\` \@ada C:\new"),
        "*not* `code` @ada C:\\new"
    );
}

#[test]
fn nothing_is_a_mark_inside_code() {
    assert_eq!(
        line("`**a** @ada https://x.y`"),
        "c(**a** @ada https://x.y)"
    );
    assert_eq!(line("``a ` b`` ` c"), "c(a ` b) ` c");
    assert_eq!(line("`` `a` ``"), "c(`a`)");
    assert_eq!(line("```one line```"), "c(one line)");
    assert_eq!(line("**`bold code`**"), "b(c(bold code))");
    assert_eq!(line("`open *till* the end"), "`open i(till) the end");
}

#[test]
fn addresses_are_links_without_the_sentence_around_them() {
    #[rustfmt::skip]
    let table = [
        ("see https://x.org/a.", "see l(https://x.org/a|https://x.org/a)."),
        ("(http://x.org/a_(b))", "(l(http://x.org/a_(b)|http://x.org/a_(b)))"),
        ("HTTPS://X.org!", "l(HTTPS://X.org|HTTPS://X.org)!"),
        ("**https://x.org**", "b(l(https://x.org|https://x.org))"),
        ("<https://x.org/?a,b>.", "l(https://x.org/?a,b|https://x.org/?a,b)."),
        ("[v6](http://[::1]/)", "l(v6|http://[::1]/)"),
        ("[docs](https://x.org/(a))", "l(docs|https://x.org/(a))"),
        ("看https://x.org。好", "看https://x.org。好"),
        ("看 https://x.org。好", "看 l(https://x.org|https://x.org)。好"),
        ("http://[::1]:80/x", "l(http://[::1]:80/x|http://[::1]:80/x)"),
        ("https:// http://. xhttp://y", "https:// http://. xhttp://y"),
        ("ftp://x.org javascript:alert(1)", "ftp://x.org javascript:alert(1)"),
    ];
    for (text, expected) in table {
        assert_eq!(line(text), expected);
    }
}

#[test]
fn a_link_that_misleads_is_not_one() {
    for text in [
        "https://bank.example@evil.org/",
        "[bank.example](https://evil.org)",
    ] {
        assert!(
            !line(text).contains("|https://bank") && !line(text).contains("bank.example|"),
            "{}",
            line(text)
        );
    }
    assert_eq!(
        line("[x.org](https://x.org/home)"),
        "l(x.org|https://x.org/home)"
    );
    assert_eq!(
        line("[https://x.org](https://x.org.evil.net)")
            .matches("l(https://x.org|")
            .count(),
        0
    );
    let long = format!("https://x.org/{}", "a".repeat(MAX_URL_BYTES));
    assert_eq!(line(&long), long);
}

#[test]
fn mentions_are_of_people_who_are_there() {
    #[rustfmt::skip]
    let table = [
        ("@ada hello", "@(ada) hello"),
        ("hello @bob.", "hello @(bob)."),
        ("@dr.who. @dr.nobody", "@(dr.who). @dr.nobody"),
        ("(@zoë)", "(@(zoë))"),
        ("mail ada@bob.org or /@ada", "mail ada@bob.org or /@ada"),
        ("@room: lunch", "@room(): lunch"),
        ("@Room! @roommate @rooms", "@room()! @(roommate) @rooms"),
        ("**@ada**", "b(@(ada))"),
        ("@ @@ada @-ada", "@ @@ada @-ada"),
    ];
    for (text, expected) in table {
        assert_eq!(line(text), expected);
    }
}

#[test]
fn a_quoted_mention_mentions_nobody() {
    let message = render("> @ada @room\n@bob\n```\n@room\n```", &knows);
    assert_eq!(message.mentions().collect::<Vec<_>>(), ["bob"]);
    assert!(!message.mentions_room());
}

#[test]
fn blocks_follow_their_lines() {
    let message = render(
        "one\n\n> two\n> *three*\n>> four\n```rust\n  let x = *y;\n\n```\nfive",
        &knows,
    );
    let Block::Quote { depth: 1, lines } = &message.blocks[1] else {
        panic!("{message:?}")
    };
    assert_eq!(
        lines.iter().map(sketch).collect::<Vec<_>>(),
        ["two", "i(three)"]
    );
    assert!(matches!(&message.blocks[2], Block::Quote { depth: 2, .. }));
    let code = Block::Code {
        language: Some("rust".into()),
        lines: vec!["  let x = *y;".into(), String::new()],
    };
    assert_eq!(message.blocks[3], code);
    assert_eq!(
        message.plain(),
        "one\n\ntwo\nthree\nfour\n  let x = *y;\n\nfive"
    );
    assert_eq!(message.blocks.len(), 5);
}

#[test]
fn fences_as_people_type_them() {
    let code = |text: &str| match render(text, &knows).blocks.as_slice() {
        [Block::Code { language, lines }] => (language.clone(), lines.join("|")),
        other => panic!("{text:?}: {other:?}"),
    };
    assert_eq!(code("```\na\n```"), (None, "a".into()));
    assert_eq!(code("```c++\na"), (Some("c++".into()), "a".into()));
    assert_eq!(
        code("```first line\nsecond```"),
        (None, "first line|second".into())
    );
    assert_eq!(code("````\n```\n````"), (None, "```".into()));
    assert_eq!(line("```"), "```");
    assert_eq!(line("```rust"), "```rust");
}

#[test]
fn me_is_an_action() {
    let message = render("/me waves at @ada", &knows);
    assert!(message.action);
    assert_eq!(message.plain(), "waves at @ada");
    assert!(
        !render("/me", &knows).action
            && !render("/mean it", &knows).action
            && !render(" /me x", &knows).action
    );
}

#[test]
fn what_is_too_long_is_cut_and_says_so() {
    let lines = "x\n".repeat(MAX_LINES + 5) + "end";
    let message = render(&lines, &knows);
    let Block::Text(shown) = &message.blocks[0] else {
        panic!("not text")
    };
    assert!(message.cut && shown.len() == MAX_LINES);
    let message = render(&"é".repeat(MAX_TEXT_BYTES), &knows);
    assert!(message.cut && message.plain().len() == MAX_TEXT_BYTES);
    assert!(!render(&"x\n".repeat(MAX_LINES), &knows).cut);
}

#[test]
fn a_message_of_nothing_but_marks_is_bounded() {
    let message = render(&"*a* `b` ".repeat(100_000), &knows);
    assert!(message.spans().count() <= 5_000);
    let message = render(&"*a* b\n".repeat(40_000), &knows);
    assert!(message.spans().count() <= MAX_SPANS + 40_000);
    assert_eq!(message.plain().lines().count(), 40_000);
}
