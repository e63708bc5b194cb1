#![allow(clippy::unwrap_used)]

mod content;
mod files;
mod outbox;

use parlor_protocol::{RoomId, SendKey, UserId};

use super::*;

const ROOM: RoomId = RoomId([1; 16]);
const ME: UserId = UserId([2; 16]);

fn room(id: RoomId, head: u64) -> RoomRow {
    RoomRow {
        room: id,
        kind: 0,
        name: "tea".to_owned(),
        topic: String::new(),
        direct_with: None,
        role: 10,
        members: 2,
        head,
        floor: 1,
        visible_from: 1,
        rev: head,
        held: None,
        read: 0,
        unread_gone: 0,
        mention: 0,
        active_at_ms: 0,
        opened_at_ms: 0,
    }
}

fn message(seq: u64, rev: u64, text: &str) -> MessageRow {
    MessageRow {
        seq,
        rev,
        author: ME,
        at_ms: seq * 1_000,
        send_key: SendKey::new(),
        state: 0,
        text: text.to_owned(),
        long: None,
    }
}
