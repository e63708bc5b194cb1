//! Rows: the second shape of a thing, between the wire and the view.

use parlor_protocol::message::{LongText, Message};
use parlor_protocol::room::RoomSummary;
use parlor_protocol::{Epoch, RoomId, SendKey, UserId};

/// Whose content is held, and of which life of the installation's data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    pub user: Option<UserId>,
    pub epoch: Option<Epoch>,
    /// The rev of the person's own; `None`: nothing is held.
    pub user_rev: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomRow {
    pub room: RoomId,
    pub kind: u8,
    pub name: String,
    pub topic: String,
    pub direct_with: Option<UserId>,
    pub role: u8,
    pub members: u32,
    pub head: u64,
    pub floor: u64,
    pub visible_from: u64,
    /// The rev that name, topic and the rest were written at.
    pub rev: u64,
    /// The rev up to which held messages are current; `None`: nothing is held.
    pub held: Option<u64>,
    pub read: u64,
    pub unread_gone: u64,
    /// Newest seq held that names the person; 0: none.
    pub mention: u64,
    pub active_at_ms: u64,
    pub opened_at_ms: u64,
}

impl RoomRow {
    /// The first seq that the person can see.
    pub fn first_seq(&self) -> u64 {
        self.floor.max(self.visible_from).max(1)
    }

    /// Messages above the read marker.
    pub fn unread(&self) -> u64 {
        let read = self.read.max(self.first_seq() - 1);
        self.head
            .saturating_sub(read)
            .saturating_sub(self.unread_gone)
    }
}

impl From<RoomSummary> for RoomRow {
    fn from(summary: RoomSummary) -> Self {
        let RoomSummary {
            room,
            kind,
            name,
            topic,
            direct_with,
            role,
            members,
            head,
            floor,
            rev,
            visible_from,
            read,
            unread_gone,
            ext: _,
        } = summary;
        Self {
            room,
            kind: kind.0,
            name,
            topic,
            direct_with,
            role: role.0,
            members,
            head,
            floor,
            visible_from,
            rev,
            held: None,
            read,
            unread_gone,
            mention: 0,
            active_at_ms: 0,
            opened_at_ms: 0,
        }
    }
}

/// A message of a room's own timeline, with the rev it was written at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageRow {
    pub seq: u64,
    pub rev: u64,
    pub author: UserId,
    pub at_ms: u64,
    pub send_key: SendKey,
    pub state: u8,
    pub text: String,
    pub long: Option<LongText>,
}

impl MessageRow {
    /// A message as the server holds it at `rev`. The timeline is known from where it stands.
    pub fn new(message: Message, rev: u64) -> Self {
        let Message {
            timeline: _,
            seq,
            author,
            at_ms,
            send_key,
            state,
            text,
            long,
            ext: _,
        } = message;
        Self {
            seq,
            rev,
            author,
            at_ms,
            send_key,
            state: state.0,
            text,
            long,
        }
    }
}

/// Name and topic of a room as they are at a rev.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomDetails {
    pub rev: u64,
    pub name: String,
    pub topic: String,
    pub floor: u64,
    pub members: u32,
}

/// What one batch or catch-up writes of a room, at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoomWrite {
    /// Held afterwards.
    pub through: u64,
    pub messages: Vec<MessageRow>,
    pub details: Option<RoomDetails>,
    /// The person's own role, when it changed.
    pub role: Option<u8>,
    /// Newest seq of these that names the person.
    pub mention: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonRow {
    pub user: UserId,
    pub name: String,
    pub display_name: String,
}

/// An unsent message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    /// Rises in the order written.
    pub place: i64,
    pub key: SendKey,
    pub author: UserId,
    pub room: RoomId,
    pub text: String,
    pub written_at_ms: u64,
    /// When it was first handed to a link; from then on it may have arrived.
    pub sent_at_ms: Option<u64>,
    pub failed: Option<Failure>,
}

/// Why a message was refused for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// A code of the protocol's table.
    pub code: u16,
    pub text: String,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    pub key: SendKey,
    pub room: RoomId,
    pub seq: u64,
    pub at_ms: u64,
}
