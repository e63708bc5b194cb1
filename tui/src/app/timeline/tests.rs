use parlor_client_core::api::{Delivery, MessageView, Surroundings};
use ratatui::layout::Rect;

use super::{Shape, draw, height};
use crate::app::testing::{drawn, lines, message, placed, views};

const CONTINUES: Surroundings = Surroundings {
    day: None,
    first_unread: false,
    continues: true,
};

fn said(shape: Shape, width: u16, messages: Vec<(MessageView, Surroundings)>) -> Vec<String> {
    let views = views();
    let screen = placed(messages, shape);
    lines(width, 8, &views, |area, canvas| {
        draw(area, &screen, shape, canvas)
    })
}

#[test]
fn names_stand_in_a_column_when_there_is_room() {
    let shape = Shape::new(75, 100);
    let shown = said(
        shape,
        75,
        vec![
            (message(1, 2, "Bruno", "one"), Surroundings::default()),
            (message(2, 2, "Bruno", "two"), CONTINUES),
            (
                message(3, 3, "A name longer than its column", "three"),
                Surroundings::default(),
            ),
        ],
    );
    assert_eq!(shown[0], format!("  Bruno           one{:>53}", "10:42"));
    assert_eq!(shown[1], "                  two");
    assert_eq!(shown[2], format!("  A name longer…  three{:>51}", "10:42"));
}

#[test]
fn narrow_panes_drop_the_time_first() {
    let shape = Shape::new(40, 60);
    let shown = said(
        shape,
        40,
        vec![(message(1, 2, "Bruno", "one"), Surroundings::default())],
    );
    assert_eq!(shown[..3], ["", "  Bruno", "  one"]);
}

#[test]
fn quotes_code_and_actions() {
    let shape = Shape::new(40, 60);
    let text = "> so it was\n\nyes\n```\nlet x = 1;\n```";
    let shown = said(shape, 40, vec![(message(1, 2, "Bruno", text), CONTINUES)]);
    assert!(shown.contains(&"  ▏ so it was".to_owned()), "{shown:#?}");
    assert!(shown.contains(&"  ▏ let x = 1;".to_owned()), "{shown:#?}");
    let action = message(1, 2, "Bruno", "/me waves");
    assert_eq!(
        said(shape, 40, vec![(action, Surroundings::default())])[1],
        "  Bruno waves"
    );
}

#[test]
fn what_is_not_sent_says_why_and_what_to_do() {
    let shape = Shape::new(60, 80);
    let mut failed = message(1, 1, "Ada", "hello");
    failed.delivery = Delivery::Failed {
        why: "Your role does not allow that.".into(),
        help: String::new(),
    };
    let mut deleted = message(2, 2, "Bruno", "");
    deleted.deleted = true;
    let shown = said(shape, 60, vec![(failed, CONTINUES), (deleted, CONTINUES)]);
    assert_eq!(shown[0], "! hello");
    assert!(
        shown[1].starts_with("  not sent: Your role does not allow that."),
        "{shown:#?}"
    );
    assert!(
        shown.iter().any(|line| line == "  message deleted"),
        "{shown:#?}"
    );
}

/// Texts that have broken terminals: escapes, marks without end, wide and joined characters.
fn naughty() -> Vec<String> {
    let mut all: Vec<String> = [
        "\u{1b}[2J\u{1b}]0;title\u{7}\u{1b}[31mred",
        "\u{9b}31m",
        "a\u{8}\u{8}\u{8}b\rc\u{0}",
        "\u{202e}evil\u{202d}\u{2066}x",
        "Z\u{335}\u{33f}\u{33f}\u{33f}\u{33f}\u{33f}\u{33f}\u{33f}a",
        "👩‍👩‍👧‍👦👩🏽‍🚀🇫🇷🇩",
        "ｗｉｄｅ 界界界界界",
        "\u{feff}\u{200b}\u{200d}",
        "﷽﷽﷽",
        "ก็็็็็็็็",
        "\t\t\ttabs",
        "مرحبا بالعالم",
        "\u{fff9}\u{e0001}",
        "…\u{2028}\u{2029}x",
    ]
    .map(str::to_owned)
    .into();
    all.push("word".repeat(400));
    all.push("> ".repeat(300) + "deep");
    if let Ok(folder) = std::env::var("PARLOR_CORPUS") {
        let path = std::path::Path::new(&folder).join("naughty-strings.json");
        let text = std::fs::read_to_string(&path).unwrap();
        all.extend(serde_json::from_str::<Vec<String>>(&text).unwrap());
    }
    all
}

#[test]
fn hostile_text_and_names_stay_inside_their_box() {
    let views = views();
    for text in naughty() {
        for (pane, terminal) in [(59, 80), (90, 120), (20, 40), (5, 8)] {
            let shape = Shape::new(pane, terminal);
            let screen = placed(
                vec![(message(1, 2, &text, &text), Surroundings::default())],
                shape,
            );
            assert_eq!(
                screen.rows[0].height,
                height(&message(1, 2, &text, &text), Surroundings::default(), shape)
            );
            let (width, high) = (pane + 6, 12);
            let inside = Rect::new(3, 2, pane, 8);
            let buffer = drawn(width, high, &views, |_, canvas| {
                draw(inside, &screen, shape, canvas)
            });
            for y in 0..high {
                for x in 0..width {
                    let symbol = buffer[(x, y)].symbol();
                    assert!(
                        !symbol.chars().any(char::is_control),
                        "{text:?}: {symbol:?}"
                    );
                    let outside = !inside.contains((x, y).into());
                    assert!(
                        !outside || symbol == " ",
                        "{text:?} wrote {symbol:?} at {x},{y}"
                    );
                }
            }
        }
    }
}
