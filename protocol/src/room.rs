//! Rooms and their members.

use crate::account::Person;
use crate::codec::{Decode, Encode, rows};
use crate::extension::Extensions;
use crate::id::{RoomId, SendKey, UserId};
use crate::kind::{at_most, bodies};
use crate::limit::PAGE_ROWS;

/// What sort of room. An open set: unknown numbers are shown as a room one can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
pub struct RoomKind(pub u8);

impl RoomKind {
    /// Anyone of the installation may find, read and join it.
    pub const PUBLIC: Self = Self(0);
    /// Members only; by invitation.
    pub const PRIVATE: Self = Self(1);
    /// Two people; its id is derived from theirs.
    pub const DIRECT: Self = Self(2);
}

/// What a member may do. Higher numbers may do more; 0 is nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct Role(pub u8);

impl Role {
    /// Not a member.
    pub const NONE: Self = Self(0);
    pub const MEMBER: Self = Self(10);
    pub const MODERATOR: Self = Self(20);
    pub const OWNER: Self = Self(30);
}

/// A room as one of its members sees it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RoomSummary {
    pub room: RoomId,
    pub kind: RoomKind,
    /// Empty for a direct room.
    pub name: String,
    pub topic: String,
    /// The other person of a direct room.
    pub direct_with: Option<UserId>,
    /// The reader's role.
    pub role: Role,
    pub members: u32,
    /// Head and floor of the room's own timeline; `head` 0 is an empty room.
    pub head: u64,
    pub floor: u64,
    pub rev: u64,
    /// First seq that the reader may see.
    pub visible_from: u64,
    /// The reader's read marker.
    pub read: u64,
    /// Tombstones between the reader's marker and the head.
    pub unread_gone: u64,
    pub ext: Extensions,
}

/// Where a room stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode)]
pub struct Head {
    pub room: RoomId,
    pub head: u64,
    pub rev: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CreateRoom {
    pub send_key: SendKey,
    pub kind: RoomKind,
    pub name: String,
    pub topic: String,
    pub ext: Extensions,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct OpenDirect {
    pub send_key: SendKey,
    pub with: UserId,
    pub ext: Extensions,
}

/// By id, or by exact name when the id is `None`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct JoinRoom {
    pub send_key: SendKey,
    pub room: Option<RoomId>,
    pub name: String,
    pub ext: Extensions,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct LeaveRoom {
    pub send_key: SendKey,
    pub room: RoomId,
    pub ext: Extensions,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct AddMember {
    pub send_key: SendKey,
    pub room: RoomId,
    pub user: UserId,
    pub ext: Extensions,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RemoveMember {
    pub send_key: SendKey,
    pub room: RoomId,
    pub user: UserId,
    pub ext: Extensions,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SetRole {
    pub send_key: SendKey,
    pub room: RoomId,
    pub user: UserId,
    pub role: Role,
    pub ext: Extensions,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SetTopic {
    pub send_key: SendKey,
    pub room: RoomId,
    pub topic: String,
    pub ext: Extensions,
}

/// A change of a room was committed. `rev` is the change's, or the room's where nothing changed.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RoomDone {
    pub room: RoomId,
    pub rev: u64,
    pub ext: Extensions,
}

/// Public rooms in name order.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ListRooms {
    /// Names after this one; empty for the first page.
    pub after: String,
    /// Rows; at most `PAGE_ROWS`.
    pub limit: u16,
    pub ext: Extensions,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Rooms {
    pub rooms: Vec<RoomListing>,
    /// Whether another page follows.
    pub more: bool,
    pub ext: Extensions,
}

/// A public room in the directory.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub struct RoomListing {
    pub room: RoomId,
    pub name: String,
    pub topic: String,
    pub members: u32,
    /// Whether the reader is a member.
    pub joined: bool,
}

/// Members in id order.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ListMembers {
    pub room: RoomId,
    pub after: Option<UserId>,
    /// Rows; at most `PAGE_ROWS`.
    pub limit: u16,
    pub ext: Extensions,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Members {
    pub room: RoomId,
    pub members: Vec<Member>,
    pub more: bool,
    pub ext: Extensions,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub struct Member {
    pub person: Person,
    pub role: Role,
    /// Online now, on any link.
    pub online: bool,
}

rows! {
    Head { room, head, rev }
    RoomListing { room, name, topic, members, joined }
    Member { person, role, online }
}

bodies! {
    CreateRoom = CREATE_ROOM;
    OpenDirect = OPEN_DIRECT;
    JoinRoom = JOIN_ROOM;
    LeaveRoom = LEAVE_ROOM;
    AddMember = ADD_MEMBER;
    RemoveMember = REMOVE_MEMBER;
    SetRole = SET_ROLE;
    SetTopic = SET_TOPIC;
    RoomDone = ROOM_DONE;
    ListRooms = LIST_ROOMS;
    Rooms = ROOMS, |it| at_most("the number of rooms", it.rooms.len(), PAGE_ROWS.into());
    ListMembers = LIST_MEMBERS;
    Members = MEMBERS, |it| at_most("the number of members", it.members.len(), PAGE_ROWS.into());
}
