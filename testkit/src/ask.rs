//! Requests as tests write them: what matters is named, the rest is as usual.

use parlor_protocol::account::{ChangePassword, CreateInvite, FindPeople, RevokeSession};
use parlor_protocol::hello::Password;
use parlor_protocol::message::{GetPage, GetText, LongText, Mark, Place, Post, PutText, Timeline};
use parlor_protocol::room::{
    AddMember, CreateRoom, JoinRoom, LeaveRoom, ListMembers, ListRooms, OpenDirect, RemoveMember,
    Role, RoomKind, SetRole, SetTopic,
};
use parlor_protocol::signal::{Presence, PresenceState, Typing};
use parlor_protocol::sync::{CloseRoom, GetChanges, OpenRoom, SyncUser};
use parlor_protocol::{Extensions, RoomId, SendKey, SessionId, UserId};
use sha2::{Digest, Sha256};

const EXT: Extensions = Extensions::NONE;

pub fn post(room: RoomId, text: &str) -> Post {
    Post {
        room,
        timeline: Timeline::ROOM,
        send_key: SendKey::new(),
        after: None,
        text: text.to_owned(),
        long: None,
        ext: EXT,
    }
}

/// A message whose text was uploaded before: its preview and what it is held by.
pub fn post_long(room: RoomId, text: &str) -> Post {
    let preview = text.floor_char_boundary(parlor_protocol::limit::TEXT_PREVIEW_BYTES);
    Post {
        long: Some(long(text)),
        ..post(room, &text[..preview])
    }
}

pub fn long(text: &str) -> LongText {
    LongText {
        bytes: u32::try_from(text.len()).unwrap_or(u32::MAX),
        hash: Sha256::digest(text.as_bytes()).into(),
    }
}

pub fn put_text(room: RoomId, text: &str) -> PutText {
    PutText {
        room,
        long: long(text),
        ext: EXT,
    }
}

pub fn get_text(room: RoomId, seq: u64) -> GetText {
    GetText {
        room,
        timeline: Timeline::ROOM,
        seq,
        ext: EXT,
    }
}

pub fn page(room: RoomId, place: Place, seq: u64, limit: u16) -> GetPage {
    GetPage {
        room,
        timeline: Timeline::ROOM,
        place,
        seq,
        limit,
        ext: EXT,
    }
}

pub fn open(room: RoomId, since: Option<u64>, page: u16) -> OpenRoom {
    OpenRoom {
        room,
        since,
        page,
        ext: EXT,
    }
}

pub fn close(room: RoomId) -> CloseRoom {
    CloseRoom { room, ext: EXT }
}

pub fn changes(room: RoomId, since: u64) -> GetChanges {
    GetChanges {
        room,
        since,
        ext: EXT,
    }
}

pub fn sync_user(since: Option<u64>) -> SyncUser {
    SyncUser { since, ext: EXT }
}

pub fn mark(room: RoomId, seq: u64) -> Mark {
    Mark {
        room,
        timeline: Timeline::ROOM,
        seq,
        ext: EXT,
    }
}

pub fn create_room(kind: RoomKind, name: &str) -> CreateRoom {
    CreateRoom {
        send_key: SendKey::new(),
        kind,
        name: name.to_owned(),
        topic: String::new(),
        ext: EXT,
    }
}

pub fn open_direct(with: UserId) -> OpenDirect {
    OpenDirect {
        send_key: SendKey::new(),
        with,
        ext: EXT,
    }
}

pub fn join(room: RoomId) -> JoinRoom {
    JoinRoom {
        send_key: SendKey::new(),
        room: Some(room),
        name: String::new(),
        ext: EXT,
    }
}

pub fn join_by_name(name: &str) -> JoinRoom {
    JoinRoom {
        send_key: SendKey::new(),
        room: None,
        name: name.to_owned(),
        ext: EXT,
    }
}

pub fn leave(room: RoomId) -> LeaveRoom {
    LeaveRoom {
        send_key: SendKey::new(),
        room,
        ext: EXT,
    }
}

pub fn add(room: RoomId, user: UserId) -> AddMember {
    AddMember {
        send_key: SendKey::new(),
        room,
        user,
        ext: EXT,
    }
}

pub fn remove(room: RoomId, user: UserId) -> RemoveMember {
    RemoveMember {
        send_key: SendKey::new(),
        room,
        user,
        ext: EXT,
    }
}

pub fn set_role(room: RoomId, user: UserId, role: Role) -> SetRole {
    SetRole {
        send_key: SendKey::new(),
        room,
        user,
        role,
        ext: EXT,
    }
}

pub fn set_topic(room: RoomId, topic: &str) -> SetTopic {
    SetTopic {
        send_key: SendKey::new(),
        room,
        topic: topic.to_owned(),
        ext: EXT,
    }
}

pub fn rooms(after: &str, limit: u16) -> ListRooms {
    ListRooms {
        after: after.to_owned(),
        limit,
        ext: EXT,
    }
}

pub fn members(room: RoomId, after: Option<UserId>, limit: u16) -> ListMembers {
    ListMembers {
        room,
        after,
        limit,
        ext: EXT,
    }
}

pub fn people(names: &[&str]) -> FindPeople {
    FindPeople {
        ids: Vec::new(),
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        ext: EXT,
    }
}

/// `uses` 0: no bound. `life_ms` 0: the server's default.
pub fn invite(rooms: Vec<RoomId>, uses: u32, life_ms: u64) -> CreateInvite {
    CreateInvite {
        rooms,
        uses,
        life_ms,
        ext: EXT,
    }
}

pub fn revoke(session: SessionId) -> RevokeSession {
    RevokeSession { session, ext: EXT }
}

pub fn change_password(old: &str, new: &str) -> ChangePassword {
    ChangePassword {
        old: Password(old.to_owned()),
        new: Password(new.to_owned()),
        ext: EXT,
    }
}

pub fn typing(room: RoomId, on: bool) -> Typing {
    Typing { room, on, ext: EXT }
}

pub fn presence(state: PresenceState) -> Presence {
    Presence { state, ext: EXT }
}
