use parlor_protocol::Extensions;
use parlor_protocol::message::*;
use parlor_protocol::signal::*;

use super::{EVENING_MS, Told, ada, bo, key, kitchen};

const NONE: Extensions = Extensions::NONE;

/// Ada's message, the 301st of the kitchen.
pub fn message() -> Message {
    Message {
        timeline: Timeline::ROOM,
        seq: 301,
        author: ada(),
        at_ms: EVENING_MS + 61_000,
        send_key: key(10),
        state: MessageState::PLAIN,
        text: "Soup's on 🍲".into(),
        long: None,
        ext: NONE,
    }
}

/// What is left of one that Bo deleted.
pub fn tombstone() -> Message {
    Message {
        seq: 299,
        author: bo(),
        at_ms: EVENING_MS + 30_000,
        send_key: key(9),
        state: MessageState::DELETED,
        text: String::new(),
        ..message()
    }
}

pub fn long_text() -> LongText {
    LongText {
        bytes: 70_000,
        hash: [0xc3; 32],
    }
}

pub fn post() -> Post {
    Post {
        room: kitchen(),
        timeline: Timeline::ROOM,
        send_key: key(10),
        after: Some(key(9)),
        text: "Soup's on 🍲".into(),
        long: None,
        ext: NONE,
    }
}

pub fn posted() -> Posted {
    Posted {
        seq: 301,
        rev: 413,
        at_ms: EVENING_MS + 61_000,
        ext: NONE,
    }
}

pub fn page() -> Page {
    let long = Message {
        seq: 300,
        author: bo(),
        state: MessageState::EDITED,
        text: "The recipe, in full:".into(),
        long: Some(long_text()),
        ..message()
    };
    Page {
        room: kitchen(),
        timeline: Timeline::ROOM,
        floor: 4,
        head: 300,
        as_of: 412,
        messages: vec![tombstone(), long],
        ext: NONE,
    }
}

pub(super) fn frames() -> Vec<Told> {
    let (room, timeline, long) = (kitchen(), Timeline::ROOM, long_text());
    let mut all = vec![
        Told::new(post()),
        Told::new(posted()),
        Told::new(GetPage {
            room,
            timeline: Timeline(17),
            place: Place::BEFORE,
            seq: 250,
            limit: 50,
            ext: NONE,
        }),
        Told::new(page()),
        Told::new(Mark {
            room,
            timeline,
            seq: 301,
            ext: NONE,
        }),
        Told::new(PutText {
            room,
            long,
            ext: NONE,
        }),
        Told::new(GetText {
            room,
            timeline,
            seq: 300,
            ext: NONE,
        }),
        Told::new(Text { long, ext: NONE }),
    ];
    all.extend(signals());
    all
}

fn signals() -> Vec<Told> {
    let room = kitchen();
    let state = PresenceState::AWAY;
    vec![
        Told::new(Typing {
            room,
            on: true,
            ext: NONE,
        }),
        Told::new(TypingDigest {
            room,
            people: vec![bo()],
            ext: NONE,
        }),
        Told::new(Presence { state, ext: NONE }),
        Told::new(PresenceDigest {
            room,
            online: 2,
            complete: false,
            people: vec![PersonPresence { user: bo(), state }],
            ext: NONE,
        }),
    ]
}
