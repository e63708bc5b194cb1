#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

#[track_caller]
fn same(one: &str, other: &str) {
    assert_eq!(fold(one), fold(other), "{one:?} and {other:?}");
}

#[test]
fn user_names_that_are_allowed() {
    for name in [
        "ann",
        "Ann",
        "a1",
        "0x",
        "ann-marie",
        "j.doe",
        "snake_case",
        "Zoë",
        "Ђорђе",
        "李小龍",
        "さくら",
        "नमस्ते",
        "סבתא",
        "عمر",
        "이순신",
        "Nguyễn",
    ] {
        assert_eq!(
            user_name(name).unwrap().shown,
            name.nfkc().collect::<String>()
        );
    }
    assert_eq!(user_name(" Ａｎｎ ").unwrap().shown, "Ann");
    let longest = "a".repeat(32);
    assert!(user_name(&longest).is_ok());
}

#[test]
fn user_names_that_are_refused() {
    let long = "a".repeat(33);
    let huge = "a".repeat(100_000);
    for name in [
        "",
        "a",
        " ",
        "-ann",
        ".ann",
        "_ann",
        "ann marie",
        "ann@home",
        "ann/x",
        "ann'",
        "a\0b",
        "ann\n",
        "a\u{202e}b",
        "a\u{200b}b",
        "ann😀",
        "<b>",
        "\u{301}ann",
        &long,
        &huge,
    ] {
        // A line break at the end is trimmed away: pasted names have one.
        if name == "ann\n" {
            assert_eq!(user_name(name).unwrap().shown, "ann");
            continue;
        }
        let refusal = user_name(name).expect_err(name);
        assert_eq!(refusal.code, Code::NAME_INVALID, "{name:?}");
    }
}

#[test]
fn names_that_look_alike_are_the_same() {
    same("Ann", "aNN");
    same("paypal", "раураl");
    same("admin", "аdmin");
    same("alice", "al1ce");
    same("Alice", "AIice");
    same("bob0", "bobo");
    same("straße", "STRASSE");
    same("ΣΊΣΥΦΟΣ", "σίσυφος");
    same("ﬁona", "fiona");
    same("Zoë", "Zoe\u{308}");
    assert_ne!(fold("zoe"), fold("zoë"));
    assert_ne!(fold("ann"), fold("anna"));
    assert_ne!(fold("user1"), fold("user2"));
}

#[test]
fn no_character_of_unicode_needs_more_rounds() {
    // Beyond the third plane there are only tags and private characters.
    let assigned = (0..0x0004_0000).chain(0x000E_0000..0x000E_1000);
    for char in assigned.filter_map(char::from_u32) {
        let once = fold(char.encode_utf8(&mut [0; 4]));
        assert_eq!(fold(&once), once, "{char:?}");
    }
}

#[test]
fn numbered_names_stay_apart() {
    let folded = (0..2000).map(|number| fold(&format!("load-{number:05}")));
    let distinct: std::collections::BTreeSet<String> = folded.collect();
    assert_eq!(distinct.len(), 2000);
}

#[test]
fn room_names_are_one_line_of_anything() {
    assert_eq!(
        room_name("  Café   au lait ☕ ").unwrap().shown,
        "Café au lait ☕"
    );
    assert_eq!(room_name("दो 👩‍👩‍👧").unwrap().shown, "दो 👩‍👩‍👧");
    assert!(room_name(&"é".repeat(64)).is_ok());
    let long = "é".repeat(65);
    for name in [
        "",
        "a",
        "a\nb",
        "a\u{2028}b",
        "a\u{202e}b",
        "\u{200d}\u{200d}",
        "a\0b",
        "\u{1b}[2J",
        &long,
    ] {
        let refusal = room_name(name).expect_err(name);
        assert_eq!(refusal.code, Code::ROOM_NAME_INVALID, "{name:?}");
    }
    same("General", "ＧＥＮＥＲＡＬ");
}

#[test]
fn a_room_name_is_never_mistaken_for_a_person_or_an_id() {
    assert!(room_name("@ann").is_err());
    assert!(room_name(&RoomId::new().to_string()).is_err());
    assert!(room_name("mail@home").is_ok());
}

#[test]
fn display_names_and_topics() {
    assert_eq!(display_name("", "ann").unwrap(), "ann");
    assert_eq!(display_name("\u{200d}", "ann").unwrap(), "ann");
    assert_eq!(display_name(" Ann  Marie ", "ann").unwrap(), "Ann Marie");
    assert_eq!(
        display_name("a\u{202e}b", "x").unwrap_err().code,
        Code::NAME_INVALID
    );
    assert_eq!(topic("").unwrap(), "");
    assert_eq!(
        topic(&"x".repeat(513)).unwrap_err().code,
        Code::TOPIC_INVALID
    );
}

proptest! {
    #[test]
    fn folding_twice_changes_nothing(name in "\\PC{0,20}") {
        let once = fold(&name);
        prop_assert_eq!(fold(&once), once);
    }

    #[test]
    fn whatever_is_written_gives_a_name_or_a_refusal(name in ".{0,80}") {
        if let Ok(name) = user_name(&name) {
            prop_assert_eq!(user_name(&name.shown).unwrap(), name);
        }
        if let Ok(name) = room_name(&name) {
            prop_assert_eq!(room_name(&name.shown).unwrap(), name);
        }
    }
}
