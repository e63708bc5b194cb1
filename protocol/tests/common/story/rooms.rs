use parlor_protocol::Extensions;
use parlor_protocol::room::*;

use super::{Told, ada, bo, key, kitchen, person_ada, person_bo};

const NONE: Extensions = Extensions::NONE;

/// The kitchen as Ada sees it: 300 messages, of which two below 4 are gone by retention.
pub fn summary() -> RoomSummary {
    RoomSummary {
        room: kitchen(),
        kind: RoomKind::PRIVATE,
        name: "Kitchen".into(),
        topic: "What's for dinner?".into(),
        direct_with: None,
        role: Role::MEMBER,
        members: 2,
        head: 300,
        floor: 4,
        rev: 412,
        visible_from: 4,
        read: 290,
        unread_gone: 1,
        ext: NONE,
    }
}

/// Where it stands.
pub fn head() -> Head {
    Head {
        room: kitchen(),
        head: 300,
        rev: 412,
    }
}

pub(super) fn frames() -> Vec<Told> {
    let mut all = changes_asked();
    all.extend(lists());
    all
}

fn changes_asked() -> Vec<Told> {
    let room = kitchen();
    vec![
        Told::new(CreateRoom {
            send_key: key(1),
            kind: RoomKind::PRIVATE,
            name: "Kitchen".into(),
            topic: String::new(),
            ext: NONE,
        }),
        Told::new(OpenDirect {
            send_key: key(2),
            with: bo(),
            ext: NONE,
        }),
        Told::new(JoinRoom {
            send_key: key(3),
            room: None,
            name: "Garden".into(),
            ext: NONE,
        }),
        Told::new(LeaveRoom {
            send_key: key(4),
            room,
            ext: NONE,
        }),
        Told::new(AddMember {
            send_key: key(5),
            room,
            user: bo(),
            ext: NONE,
        }),
        Told::new(RemoveMember {
            send_key: key(6),
            room,
            user: bo(),
            ext: NONE,
        }),
        Told::new(SetRole {
            send_key: key(7),
            room,
            user: bo(),
            role: Role::MODERATOR,
            ext: NONE,
        }),
        Told::new(SetTopic {
            send_key: key(8),
            room,
            topic: "What's for dinner?".into(),
            ext: NONE,
        }),
        Told::new(RoomDone {
            room,
            rev: 413,
            ext: NONE,
        }),
    ]
}

fn lists() -> Vec<Told> {
    let listing = RoomListing {
        room: kitchen(),
        name: "Kitchen".into(),
        topic: "What's for dinner?".into(),
        members: 2,
        joined: true,
    };
    let member = |person, role, online| Member {
        person,
        role,
        online,
    };
    vec![
        Told::new(ListRooms {
            after: "Garden".into(),
            limit: 50,
            ext: NONE,
        }),
        Told::new(Rooms {
            rooms: vec![listing],
            more: false,
            ext: NONE,
        }),
        Told::new(ListMembers {
            room: kitchen(),
            after: Some(ada()),
            limit: 200,
            ext: NONE,
        }),
        Told::new(Members {
            room: kitchen(),
            members: vec![
                member(person_ada(), Role::MEMBER, true),
                member(person_bo(), Role::OWNER, false),
            ],
            more: true,
            ext: NONE,
        }),
    ]
}
