//! Ada's client looks again at what it holds.

use bytes::Bytes;
use parlor_protocol::account::{FindPeople, People};
use parlor_protocol::conditional::{Asked, Told, VERSION_BYTES, Version};
use parlor_protocol::message::{GetPage, Page, Place, Timeline};
use parlor_protocol::room::{ListMembers, ListRooms, Members, Rooms};
use parlor_protocol::{Body, frame};

use super::{REQUEST, ada, bo, kitchen, page, person_bo};

fn told<T: Body>(name: &'static str, body: &T) -> (String, Bytes) {
    let name = format!("{}.{}.{name}", T::KIND.name().unwrap(), T::REVISION);
    (name, frame::encode(REQUEST, body))
}

/// Conditional requests and their answers, with the names they are frozen under.
pub fn conditional() -> Vec<(String, Bytes)> {
    let version = Version([0x5e; VERSION_BYTES]);
    let held = || Asked::Holding(Some(version)).extension();
    let nothing_held = || Asked::Holding(None).extension();
    let answer = |unchanged| Told { version, unchanged }.extension();
    let asked = |ext| GetPage {
        room: kitchen(),
        timeline: Timeline::ROOM,
        place: Place::NEWEST,
        seq: 0,
        limit: 50,
        ext,
    };
    let spared = Page {
        messages: Vec::new(),
        ext: answer(true),
        ..page()
    };
    let changed = People {
        people: vec![person_bo()],
        ext: answer(false),
    };
    vec![
        told("none_held", &asked(nothing_held())),
        told("held", &asked(held())),
        told("unchanged", &spared),
        told(
            "held",
            &ListRooms {
                after: String::new(),
                limit: 50,
                ext: held(),
            },
        ),
        told(
            "unchanged",
            &Rooms {
                rooms: Vec::new(),
                more: true,
                ext: answer(true),
            },
        ),
        told(
            "held",
            &ListMembers {
                room: kitchen(),
                after: Some(ada()),
                limit: 50,
                ext: held(),
            },
        ),
        told(
            "unchanged",
            &Members {
                room: kitchen(),
                members: Vec::new(),
                more: false,
                ext: answer(true),
            },
        ),
        told(
            "held",
            &FindPeople {
                ids: vec![bo()],
                names: Vec::new(),
                ext: held(),
            },
        ),
        told("changed", &changed),
    ]
}
