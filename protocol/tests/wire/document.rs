//! `docs/wire.md` says what the code does: its tables, fields and examples are compared.

use std::collections::BTreeMap;

use parlor_protocol::hello::feature;
use parlor_protocol::link::MAX_HOSTS;
use parlor_protocol::message::{MessageState, Place};
use parlor_protocol::room::{Role, RoomKind};
use parlor_protocol::signal::PresenceState;
use parlor_protocol::sync::{entry, user_entry};
use parlor_protocol::{ALPN, Code, DEFAULT_PORT, Kind, MINOR_NEWEST, limit};

use crate::common::files::{folder, from_hex};

fn document() -> String {
    std::fs::read_to_string(folder("../docs/wire.md")).unwrap()
}

/// The cells of the table rows below a heading, up to the next one; without head and rule.
fn rows_below(heading: &str) -> Vec<Vec<String>> {
    let document = document();
    let start = format!("\n{heading}\n");
    let at = document
        .find(&start)
        .unwrap_or_else(|| panic!("docs/wire.md has no {heading:?}"));
    let rest = &document[at + start.len()..];
    rows(&rest[..rest.find("\n#").unwrap_or(rest.len())])
}

/// The cells of the tables in some text, without heads and rules.
fn rows(text: &str) -> Vec<Vec<String>> {
    let lines: Vec<&str> = text.lines().collect();
    let is_rule = |at: usize| lines.get(at).is_some_and(|line| line.starts_with("| ---"));
    let table = (0..lines.len())
        .filter(|at| lines[*at].starts_with('|') && !is_rule(*at) && !is_rule(*at + 1));
    table
        .map(|at| {
            let cells = lines[at].trim_matches('|').split('|');
            cells.map(|cell| cell.trim().to_owned()).collect()
        })
        .collect()
}

#[test]
fn the_table_of_types_is_the_codes() {
    let expected: Vec<Vec<String>> = Kind::TABLE
        .iter()
        .map(|(kind, name, way, text)| {
            let way = format!("{way:?}").to_lowercase();
            vec![
                format!("0x{:04X}", kind.0),
                (*name).into(),
                way,
                (*text).into(),
            ]
        })
        .collect();
    assert_eq!(rows_below("## 15. Types"), expected);
}

#[test]
fn the_table_of_refusals_is_the_codes() {
    let expected: Vec<Vec<String>> = Code::TABLE
        .iter()
        .map(|(code, name, text)| vec![code.0.to_string(), (*name).into(), (*text).into()])
        .collect();
    assert_eq!(rows_below("## 12. Errors"), expected);
    let document = document();
    let retried = document
        .split("A client may send the same request again")
        .nth(1);
    let retried = retried
        .unwrap()
        .split("After any other code")
        .next()
        .unwrap();
    for (code, name, _) in Code::TABLE {
        let told = retried.contains(&format!("`{name}`"));
        assert_eq!(told, code.is_transient(), "{name}");
    }
}

/// Limits as the table writes them.
trait Shown {
    fn shown(&self) -> String;
}

macro_rules! shown {
    ($($int:ty),*) => {$(
        impl Shown for $int {
            fn shown(&self) -> String {
                self.to_string()
            }
        }
    )*};
}
shown!(usize, u64, u32, u16, u8);

impl Shown for std::ops::RangeInclusive<usize> {
    fn shown(&self) -> String {
        format!("{} to {}", self.start(), self.end())
    }
}

macro_rules! limits {
    ($($name:ident),* $(,)?) => { vec![$((stringify!($name), limit::$name.shown())),*] };
}

#[test]
fn the_table_of_limits_is_the_codes() {
    let expected = limits![
        HEADER_BYTES,
        HEADER_COUNTED_BYTES,
        BODY_UNENTERED_BYTES,
        BODY_WELCOME_BYTES,
        BODY_BYTES,
        BODY_PLAIN_BYTES,
        DECODE_BYTES,
        COMPRESS_ABOVE_BYTES,
        TEXT_INLINE_BYTES,
        TEXT_BYTES,
        TEXT_PREVIEW_BYTES,
        USER_NAME_CHARS,
        ROOM_NAME_CHARS,
        DISPLAY_NAME_CHARS,
        TOPIC_CHARS,
        PASSWORD_BYTES,
        DEVICE_BYTES,
        CHANGES_ENTRIES,
        RESET_ABOVE_CHANGES,
        PAGE_MESSAGES,
        PAGE_ROWS,
        PAGE_TEXT_BYTES,
        OPEN_ROOMS,
        ROOMS_PER_USER,
        REQUESTS_IN_FLIGHT,
        EXTENSIONS,
        EXTENSION_BYTES,
        REFUSAL_TEXT_BYTES,
        SESSIONS,
        INVITE_CODE_BYTES,
        INVITE_ROOMS,
        NODES,
        NODE_ADDRESS_BYTES,
        PINS,
        HEADS,
        PRESENCE_PEOPLE,
        TYPING_PEOPLE,
        SIGNAL_BYTES,
        LINK_TOKEN_BYTES,
        BULK_AT_ONCE,
        SEND_KEY_LIFE_MS,
        CLOCK_AHEAD_MS,
        HELLO_WITHIN_MS,
        ENTER_WITHIN_MS,
        ENTER_TRIES,
        HEARTBEAT_MS,
        IDLE_MS,
        BUS_PEOPLE,
        BUS_SESSIONS,
    ];
    let source = std::fs::read_to_string(folder("src/limit.rs")).unwrap();
    let declared = source
        .lines()
        .filter_map(|line| line.strip_prefix("pub const "));
    let declared: Vec<&str> = declared
        .map(|rest| rest.split(':').next().unwrap())
        .collect();
    let names: Vec<&str> = expected.iter().map(|limit| limit.0).collect();
    assert_eq!(names, declared, "this test misses a limit");
    let told: Vec<(String, String)> = rows_below("## 14. Limits")
        .into_iter()
        .map(|row| (row[0].clone(), row[1].clone()))
        .collect();
    let expected: Vec<(String, String)> = expected
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    assert_eq!(told, expected);
}

/// Fields of the wire structs as the sources declare them, by struct.
fn declared() -> BTreeMap<String, Vec<(String, String)>> {
    let mut structs = BTreeMap::new();
    for file in std::fs::read_dir(folder("src")).unwrap() {
        let path = file.unwrap().path();
        let Ok(source) = std::fs::read_to_string(&path) else {
            continue;
        };
        for part in source.split("\npub struct ").skip(1) {
            let Some((name, rest)) = part.split_once(" {\n") else {
                continue;
            };
            let Some((body, _)) = rest.split_once("\n}") else {
                continue;
            };
            let fields = body.lines().filter_map(|line| {
                let (name, kind) = line.trim().strip_prefix("pub ")?.split_once(": ")?;
                Some((name.to_owned(), told_as(kind.trim_end_matches(','))))
            });
            structs.insert(name.to_owned(), fields.collect());
        }
    }
    structs
}

/// How the document writes a type.
fn told_as(kind: &str) -> String {
    let inner = |prefix: &str| kind.strip_prefix(prefix)?.strip_suffix('>');
    let name = match kind {
        "String" | "Password" => "text",
        "Vec<u8>" => "bytes",
        "[u8; 32]" | "Token" => "32 bytes",
        "UserId" => "user id",
        "RoomId" => "room id",
        "SessionId" => "session id",
        "SendKey" => "send key",
        "Epoch" => "u64",
        "Code" => "u16",
        "Extensions" => "extensions",
        "Timeline" => "timeline",
        "MessageState" => "message state",
        "Place" => "place",
        "Role" => "role",
        "RoomKind" => "room kind",
        "PresenceState" => "presence state",
        other => other,
    };
    match (inner("Vec<"), inner("Option<")) {
        _ if name != kind => name.to_owned(),
        (Some(element), _) => format!("list of {}", told_as(element)),
        (_, Some(value)) => format!("optional {}", told_as(value)),
        _ => name.to_owned(),
    }
}

/// Fields and their types as a table tells them.
fn told(table: Vec<Vec<String>>) -> Vec<(String, String)> {
    let cells = table.into_iter().map(|row| {
        assert!(row.len() == 3 && !row[2].is_empty(), "{row:?} says nothing");
        (row[0].trim_matches('`').to_owned(), row[1].clone())
    });
    cells.collect()
}

#[test]
fn every_body_is_told_field_by_field() {
    let declared = declared();
    macro_rules! bodies {
        ($($body:ty,)*) => {
            vec![$((<$body as parlor_protocol::Body>::KIND, stringify!($body))),*]
        };
    }
    use parlor_protocol::{Refusal, account, bus, hello, message, room, signal, sync};
    for (kind, body) in every_body!(bodies) {
        let name = kind.name().unwrap();
        let body = body.rsplit("::").next().unwrap().trim();
        let heading = format!("#### 0x{:04X} {name}", kind.0);
        assert_eq!(told(rows_below(&heading)), declared[body], "{heading}");
    }
}

#[test]
fn every_struct_inside_a_body_is_told_field_by_field() {
    let declared = declared();
    for name in [
        "Node",
        "Session",
        "Person",
        "RoomListing",
        "Member",
        "RoomSummary",
        "Head",
        "Message",
        "LongText",
        "MemberEntry",
        "DetailsEntry",
        "RoomGone",
        "Marker",
        "PersonPresence",
    ] {
        assert_eq!(
            told(rows_below(&format!("#### {name}"))),
            declared[name],
            "{name}"
        );
    }
    let document = document();
    for (name, before) in [("Extension", "**Extensions.**"), ("Entry", "**Entry.**")] {
        let rest = document.split(before).nth(1).unwrap();
        let table = rest.split("\n\n").nth(1).unwrap();
        assert_eq!(told(rows(table)), declared[name], "{name}");
    }
}

#[test]
fn small_numbers_are_the_codes() {
    let document = document();
    let says = |text: &str| assert!(document.contains(text), "docs/wire.md lacks {text:?}");
    for (number, name) in [
        (entry::MESSAGE, "MESSAGE"),
        (entry::MEMBER, "MEMBER"),
        (entry::DETAILS, "DETAILS"),
        (user_entry::ROOM, "ROOM"),
        (user_entry::ROOM_GONE, "ROOM_GONE"),
        (user_entry::MARKER, "MARKER"),
        (user_entry::SESSIONS, "SESSIONS"),
        (Place::NEWEST.0, "NEWEST"),
        (Place::BEFORE.0, "BEFORE"),
        (Place::AFTER.0, "AFTER"),
        (Place::AROUND.0, "AROUND"),
        (Place::FROM.0, "FROM"),
    ] {
        says(&format!("\n| {number} | {name} | "));
    }
    for (bit, value, name) in [
        (0, feature::ZSTD, "ZSTD"),
        (1, feature::SIGNALS, "SIGNALS"),
        (2, feature::LONG_TEXT, "LONG_TEXT"),
    ] {
        assert_eq!(value, 1 << bit);
        says(&format!("\n| {bit} | {value} | {name} | "));
    }
    let [public, private, direct] = [RoomKind::PUBLIC, RoomKind::PRIVATE, RoomKind::DIRECT];
    says(&format!(
        "{} public, {} private, {} direct",
        public.0, private.0, direct.0
    ));
    let [none, member] = [Role::NONE, Role::MEMBER];
    let [moderator, owner] = [Role::MODERATOR, Role::OWNER];
    says(&format!(
        "{} no member, {} member, {} moderator, {} owner",
        none.0, member.0, moderator.0, owner.0
    ));
    let [plain, edited] = [MessageState::PLAIN, MessageState::EDITED];
    let deleted = MessageState::DELETED;
    says(&format!(
        "{} as posted, {} edited, {} deleted",
        plain.0, edited.0, deleted.0
    ));
    let [offline, online] = [PresenceState::OFFLINE, PresenceState::ONLINE];
    let away = PresenceState::AWAY;
    says(&format!(
        "{} offline, {} online, {} away",
        offline.0, online.0, away.0
    ));
    says(&format!("`{}`", std::str::from_utf8(ALPN).unwrap()));
    says(&format!("The default port is {DEFAULT_PORT}"));
    says(&format!("minor version {MINOR_NEWEST}."));
    says(&format!("**HOST**: up to {MAX_HOSTS} of them"));
}

/// Annotated bytes stand in blocks marked `golden NAME`: hexadecimal, two spaces, a note.
#[test]
fn examples_are_the_frozen_bytes() {
    let document = document();
    let mut examples = 0;
    for block in document.split("\n```golden ").skip(1) {
        let (name, rest) = block.split_once('\n').unwrap();
        let lines = rest.split("\n```").next().unwrap().lines();
        let hex: String = lines
            .map(|line| line.split("  ").next().unwrap())
            .collect::<Vec<_>>()
            .join(" ");
        let golden = folder("golden").join(format!("{name}.hex"));
        let golden = from_hex(&std::fs::read_to_string(golden).unwrap());
        assert_eq!(from_hex(&hex), golden, "the example {name}");
        examples += 1;
    }
    assert_eq!(examples, 4);
}

/// The numbers that the text about the codec gives as examples.
#[test]
fn examples_of_the_codec_are_its_bytes() {
    use parlor_protocol::codec::encode;
    let document = document();
    let says = |text: &str, bytes: Vec<u8>| {
        let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
        let text = format!("{text} `{}`", bytes.join(" "));
        assert!(document.contains(&text), "docs/wire.md lacks {text:?}");
    };
    says("So 7 is", encode(&7u64));
    says("250 is", encode(&250u64));
    says("251 is", encode(&251u64));
    says("300 is", encode(&300u16));
    says("70,000 is", encode(&70_000u32));
    says("the text \"né\" is", encode(&"né".to_owned()));
    says(
        "the list of the `u16` 1 and 300 is",
        encode(&vec![1u16, 300]),
    );
    says("nothing as an optional is", encode(&None::<u64>));
    says("the optional 5 is", encode(&Some(5u64)));
    assert_eq!(encode(&251u8), [251], "a u8 is always one byte");
    assert!(parlor_protocol::codec::decode::<u16>(&[0xfc, 1, 0, 0, 0]).is_err());
    assert_eq!(parlor_protocol::codec::decode::<u64>(&[0xfb, 5, 0]), Ok(5));
}
