use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{Composer, Outcome};

/// Plays keys written as `C-a`, `enter` or single characters, between spaces; `_` is a space.
fn play(composer: &mut Composer, keys: &str) -> Outcome {
    let mut last = Outcome::Moved;
    for name in keys.split_whitespace() {
        last = composer.key(&key(name), 20);
    }
    last
}

fn key(name: &str) -> KeyEvent {
    let (mut modifiers, mut rest) = (KeyModifiers::NONE, name);
    while let Some((mark, after)) = rest.split_once('-').filter(|(mark, _)| mark.len() == 1) {
        modifiers |= match mark {
            "C" => KeyModifiers::CONTROL,
            "A" => KeyModifiers::ALT,
            _ => KeyModifiers::SHIFT,
        };
        rest = after;
    }
    let code = match rest {
        "enter" => KeyCode::Enter,
        "backspace" => KeyCode::Backspace,
        "left" => KeyCode::Left,
        "up" => KeyCode::Up,
        "down" => KeyCode::Down,
        "home" => KeyCode::Home,
        "_" => KeyCode::Char(' '),
        char => KeyCode::Char(char.chars().next().unwrap()),
    };
    KeyEvent::new(code, modifiers)
}

/// The text with `|` at the cursor.
fn shown(composer: &Composer) -> String {
    let mut text = composer.text.as_str().to_owned();
    text.insert(composer.text.cursor(), '|');
    text
}

/// `before` (with `|` as cursor) and keys give `after`.
#[track_caller]
fn check(before: &str, keys: &str, after: &str) {
    let mut composer = Composer::default();
    composer.set(&before.replace('|', ""));
    composer.text.move_to(before.find('|').unwrap());
    play(&mut composer, keys);
    assert_eq!(shown(&composer), after, "{before:?} {keys}");
}

#[test]
fn keys_of_readline() {
    check("|", "h i _ y o u", "hi you|");
    check("one two| three", "C-a", "|one two three");
    check("one two| three", "C-e", "one two three|");
    check("one two| three", "A-b", "one |two three");
    check("one two| three", "A-f", "one two three|");
    check("one two| three", "C-w", "one | three");
    check("one two| three", "C-u", "| three");
    check("one two| three", "A-k", "one two|");
    check("one| two", "A-d", "one|");
    check("one two|", "C-w C-a C-y", "two|one ");
    check("ab|c", "C-t", "acb|");
    check("ab|", "C-b C-d", "a|");
    check("/usr/lib|", "A-backspace", "/usr/|");
}

#[test]
fn a_character_is_what_people_see() {
    check("a👩‍👩‍👧b|", "left left backspace", "|👩‍👩‍👧b");
    check("e\u{301}|", "backspace", "|");
    check("🇫🇷🇩🇪|", "backspace", "🇫🇷|");
}

#[test]
fn several_lines_and_rows() {
    check("one|", "A-enter t w o", "one\ntwo|");
    check("one\ntwo|", "up", "one|\ntwo");
    check("one\ntwo|", "home", "one\n|two");
    check("one\n|two", "backspace", "one|two");
    // Twenty columns: the second row of one line is above and below like a line.
    check(
        "0123456789012345678901234|",
        "up",
        "01234|56789012345678901234",
    );
}

#[test]
fn enter_sends_and_up_brings_it_back() {
    let mut composer = Composer::default();
    assert_eq!(
        play(&mut composer, "h i enter"),
        Outcome::Submitted("hi".into())
    );
    assert_eq!(shown(&composer), "|");
    assert_eq!(
        play(&mut composer, "_ enter"),
        Outcome::Moved,
        "blank is nothing"
    );
    composer.set("");
    play(&mut composer, "y o enter d r a f t up");
    assert_eq!(shown(&composer), "yo|");
    play(&mut composer, "up");
    assert_eq!(shown(&composer), "hi|");
    play(&mut composer, "up down down");
    assert_eq!(shown(&composer), "draft|");
}

#[test]
fn a_paste_is_text_and_nothing_else() {
    let mut composer = Composer::default();
    composer.paste("rm -rf /\r\nx\u{1b}[2Jy\u{0}\rz");
    assert_eq!(shown(&composer), "rm -rf /\nx[2Jy\nz|");
    assert_eq!(play(&mut composer, "C-x C-e"), Outcome::EditOutside);
}

#[test]
fn the_cursor_stays_on_a_character_whatever_is_typed() {
    let keys = [
        "C-a",
        "C-e",
        "C-t",
        "C-w",
        "A-d",
        "A-b",
        "A-f",
        "C-d",
        "backspace",
        "C-y",
        "up",
        "down",
    ];
    let clusters = [
        "a",
        " ",
        "\n",
        "é",
        "👩‍👩‍👧",
        "🇫🇷",
        "\u{301}",
        "界",
        "\u{200d}",
        "ก็",
    ];
    let mut composer = Composer::default();
    let mut seed = 1_u32;
    for _ in 0..4_000 {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let dice = (seed >> 16) as usize;
        match dice % 3 {
            0 => drop(play(&mut composer, keys[dice / 3 % keys.len()])),
            _ => composer.paste(clusters[dice / 3 % clusters.len()]),
        }
        assert!(
            composer
                .text
                .as_str()
                .is_char_boundary(composer.text.cursor())
        );
        let height = composer.height(7);
        assert!(composer.place(7).0 < height);
    }
}
