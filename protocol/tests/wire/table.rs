//! The tables of types and codes, and what wire structs may hold.

use parlor_protocol::kind::Way;
use parlor_protocol::{
    Body, Code, Kind, Refusal, account, bus, hello, message, room, signal, sync,
};

use crate::common::files::folder;

#[test]
fn types_are_sorted_and_told_apart() {
    assert!(Kind::TABLE.is_sorted_by(|one, next| one.0 < next.0));
    let mut names: Vec<&str> = Kind::TABLE.iter().map(|row| row.1).collect();
    names.sort_unstable();
    assert!(names.is_sorted_by(|one, next| one < next), "a name twice");
    for (kind, name, way, doc) in Kind::TABLE {
        assert!(doc.ends_with(['.', '?']), "{name}: {doc}");
        assert_eq!(kind.name(), Some(*name));
        assert_eq!(kind.way(), Some(*way));
    }
    assert_eq!(Kind(0xffff).name(), None);
    assert_eq!(format!("{:?}", Kind(0xffff)), "UNKNOWN_FFFF");
}

#[test]
fn every_type_has_one_body() {
    macro_rules! kinds {
        ($($body:ty,)*) => { vec![$((<$body>::KIND, <$body>::REVISION)),*] };
    }
    let mut bodies = every_body!(kinds);
    bodies.sort_unstable();
    let table: Vec<(Kind, u8)> = Kind::TABLE.iter().map(|row| (row.0, 1)).collect();
    assert_eq!(bodies, table);
}

#[test]
fn requests_are_critical_and_nothing_else_is() {
    for told in crate::common::story::every_frame() {
        let critical = told.golden()[7] & 1 == 1;
        assert_eq!(
            critical,
            told.kind.way() == Some(Way::Request),
            "{:?}",
            told.kind
        );
    }
}

#[test]
fn codes_are_sorted_named_and_explained() {
    assert!(Code::TABLE.is_sorted_by(|one, next| one.0.0 < next.0.0));
    for (code, name, text) in Code::TABLE {
        assert!(
            text.ends_with('.') && !text.ends_with(".."),
            "{name}: {text}"
        );
        assert!(text.starts_with(char::is_uppercase), "{name}: {text}");
        assert_eq!((code.name(), code.text()), (Some(*name), *text));
        assert_eq!(Refusal::new(*code).to_string(), *text);
    }
    let unknown = Code(65_000);
    assert_eq!(unknown.name(), None);
    assert!(unknown.text().ends_with('.'));
    assert!(!unknown.is_transient());
}

/// The sources of this crate, by name.
fn sources() -> Vec<(String, String)> {
    let files = std::fs::read_dir(folder("src")).unwrap();
    files
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "rs"))
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(&path).unwrap())
        })
        .collect()
}

/// The fields of all structs that are written to the wire: (file, struct, type).
fn wire_fields() -> Vec<(String, String, String)> {
    let mut fields = Vec::new();
    for (file, source) in sources() {
        for part in source.split("#[derive(").skip(1) {
            let Some((derived, rest)) = part.split_once(")]") else {
                continue;
            };
            let body = rest.trim_start().strip_prefix("pub struct ");
            let (true, Some(body)) = (derived.contains("Encode"), body) else {
                continue;
            };
            let name: String = body.chars().take_while(|c| c.is_alphanumeric()).collect();
            if name.is_empty() {
                // Ids come from a macro; they are 16 bytes each.
                continue;
            }
            let end = if body[name.len()..].starts_with('(') {
                ");"
            } else {
                "\n}"
            };
            let inside = &body[name.len()..body.find(end).unwrap()];
            for line in inside.lines().map(str::trim) {
                let field = line
                    .trim_start_matches(['(', '{'])
                    .trim_start_matches("pub ");
                let kind = field.split_once(": ").map_or(field, |(_, kind)| kind);
                if !line.starts_with("//") && !line.starts_with('#') && !kind.is_empty() {
                    let kind = kind.trim_end_matches(',');
                    fields.push((file.clone(), name.clone(), kind.to_owned()));
                }
            }
        }
    }
    fields
}

#[test]
fn wire_structs_hold_only_what_every_language_has() {
    let fields = wire_fields();
    assert!(fields.len() > 200, "the scan found {} fields", fields.len());
    const BANNED: [&str; 9] = [
        "usize", "isize", "HashMap", "HashSet", "Box<", "Rc<", "f32", "f64", "()",
    ];
    for (file, name, kind) in &fields {
        let banned = BANNED.iter().find(|word| kind.contains(**word));
        assert_eq!(banned, None, "{file}: {name} holds {kind}");
        assert!(
            !kind.contains(&format!("<{name}>")),
            "{file}: {name} holds itself"
        );
    }
}

/// See `rows!` in codec.rs: what stands in lists claims its own memory while it is decoded.
#[test]
fn what_stands_in_lists_claims_its_memory() {
    let all: String = sources().into_iter().map(|(_, source)| source).collect();
    // Fixed in size and wholly claimed by bincode, or claimed by hand (`String` in `FindPeople`).
    const CLAIMED: [&str; 6] = ["u8", "UserId", "RoomId", "SessionId", "[u8; 32]", "String"];
    for (file, name, kind) in wire_fields() {
        let Some(element) = kind
            .strip_prefix("Vec<")
            .and_then(|it| it.strip_suffix('>'))
        else {
            assert!(
                !kind.contains("Vec<"),
                "{file}: {name} hides a list in {kind}"
            );
            continue;
        };
        let row = all.split("\nrows! {").skip(1).any(|rows| {
            let rows = &rows[..rows.find("\n}").unwrap()];
            rows.contains(&format!("\n    {element} {{"))
        });
        assert!(
            row || CLAIMED.contains(&element),
            "{file}: {name} lists {element}, which is neither in `rows!` nor claimed otherwise"
        );
        assert!(
            element != "String" || name == "FindPeople",
            "{file}: {name} lists texts"
        );
    }
}
