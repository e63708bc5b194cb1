use parlor_protocol::Extensions;
use parlor_protocol::message::Timeline;
use parlor_protocol::room::Role;
use parlor_protocol::sync::*;

use super::{Told, bo, head, kitchen, later, message, page, summary, tombstone};

const NONE: Extensions = Extensions::NONE;

pub fn member_entry() -> MemberEntry {
    MemberEntry {
        user: bo(),
        role: Role::OWNER,
        name: "bo".into(),
        display_name: "Bo".into(),
        ext: NONE,
    }
}

pub fn details_entry() -> DetailsEntry {
    DetailsEntry {
        name: "Kitchen".into(),
        topic: "What's for dinner?".into(),
        floor: 4,
        members: 2,
        ext: later(),
    }
}

pub fn marker() -> Marker {
    Marker {
        room: kitchen(),
        timeline: Timeline::ROOM,
        seq: 290,
        unread_gone: 1,
        ext: NONE,
    }
}

/// An entry of a kind that no version knows yet.
pub fn unknown_entry(rev: u64) -> Entry {
    Entry {
        rev,
        kind: 200,
        body: b"from later".to_vec(),
    }
}

/// Every kind of room entry and of user entry, by the name its body is frozen under.
pub fn every_entry() -> Vec<(&'static str, Entry)> {
    vec![
        ("ENTRY_MESSAGE", Entry::message(413, &message())),
        ("ENTRY_MEMBER", Entry::member(414, &member_entry())),
        ("ENTRY_DETAILS", Entry::details(415, &details_entry())),
        ("USER_ENTRY_ROOM", Entry::user_room(31, &summary())),
        ("USER_ENTRY_ROOM_GONE", Entry::user_room_gone(32, kitchen())),
        ("USER_ENTRY_MARKER", Entry::user_marker(33, &marker())),
        ("USER_ENTRY_SESSIONS", Entry::user_sessions(34)),
    ]
}

/// What the kitchen's readers receive when Ada posts: one message in one batch.
pub fn room_batch() -> RoomBatch {
    RoomBatch {
        room: kitchen(),
        before: 412,
        rev: 413,
        entries: vec![Entry::message(413, &message())],
        ext: NONE,
    }
}

pub fn room_changes() -> RoomChanges {
    RoomChanges {
        room: kitchen(),
        since: 400,
        through: 412,
        rev: 412,
        head: 300,
        floor: 4,
        reset: false,
        entries: vec![
            Entry::message(405, &tombstone()),
            Entry::details(409, &details_entry()),
            unknown_entry(410),
        ],
        ext: NONE,
    }
}

pub fn room_opened() -> RoomOpened {
    let changes = RoomChanges {
        since: 0,
        reset: true,
        entries: Vec::new(),
        ..room_changes()
    };
    RoomOpened {
        summary: summary(),
        changes,
        page: Some(page()),
        ext: NONE,
    }
}

pub fn user_changes() -> UserChanges {
    UserChanges {
        since: 0,
        through: 34,
        rev: 34,
        reset: true,
        entries: vec![
            Entry::user_room(31, &summary()),
            Entry::user_marker(33, &marker()),
            Entry::user_sessions(34),
        ],
        heads: vec![head()],
        ext: NONE,
    }
}

/// Forty messages of one room, enough to be compressed.
pub fn large_batch() -> RoomBatch {
    let entries = (0..40).map(|number| {
        let mut message = message();
        message.seq += number;
        message.text = format!("Soup's on, call number {number}: come before it is cold.");
        Entry::message(413 + number, &message)
    });
    RoomBatch {
        rev: 452,
        entries: entries.collect(),
        ..room_batch()
    }
}

pub(super) fn frames() -> Vec<Told> {
    let room = kitchen();
    vec![
        Told::new(OpenRoom {
            room,
            since: Some(400),
            page: 50,
            ext: NONE,
        }),
        Told::new(room_opened()),
        Told::new(CloseRoom { room, ext: NONE }),
        Told::new(GetChanges {
            room,
            since: 400,
            ext: NONE,
        }),
        Told::new(room_changes()),
        Told::new(SyncUser {
            since: None,
            ext: NONE,
        }),
        Told::new(user_changes()),
        Told::new(room_batch()),
        Told::new(Heads {
            heads: vec![head()],
            ext: NONE,
        }),
        Told::new(UserBatch {
            before: 34,
            rev: 35,
            entries: vec![Entry::user_marker(35, &marker())],
            ext: NONE,
        }),
        Told::new(Behind {
            head: head(),
            ext: NONE,
        }),
    ]
}
