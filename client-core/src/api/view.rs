//! Views: what a face shows, as plain data.

use std::sync::Arc;
use std::time::Duration;

use parlor_protocol::link::ServerAddress;
use parlor_protocol::room::{Role as WireRole, RoomKind as WireKind};
use parlor_protocol::signal::PresenceState;
use parlor_protocol::{RoomId, SendKey, SessionId, UserId};

use crate::net::Transport;

/// Who this profile is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountView {
    /// Nobody yet: join or log in.
    None,
    Active(Me),
    /// The session ended elsewhere (revoked, expired, disabled). What is unsent is kept; log in
    /// again as the same person to go on.
    Ended {
        me: Me,
        why: String,
    },
}

/// The person of this profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Me {
    pub user: UserId,
    pub name: String,
    pub display_name: String,
    pub administrator: bool,
    pub session: SessionId,
    pub server: ServerAddress,
    /// The installation's name for people.
    pub installation: String,
}

/// The state line.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkView {
    pub state: LinkState,
    /// Round-trip time while online.
    pub rtt: Option<Duration>,
    /// What carries the link while online.
    pub transport: Option<Transport>,
    /// Messages of the outbox that the server has not acknowledged, failed ones left out.
    pub unsent: usize,
    /// Messages that were refused for good and wait for the person.
    pub failed: usize,
    /// How far the server's clock is ahead of this machine's, ms; beyond minutes a face warns.
    pub clock_ahead_ms: i64,
}

#[derive(Clone, Debug, PartialEq)]
pub enum LinkState {
    /// Nobody is logged in, or the core was opened to stay offline.
    Idle,
    Connecting,
    Online,
    /// No link; the next dial begins after `retry_in` (as of this reading).
    Waiting {
        retry_in: Duration,
        why: String,
    },
    /// No link, and dialling again does not help until somebody acts: see `why`.
    Stopped {
        why: String,
        help: String,
    },
}

/// What sort of room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RoomKind {
    Public,
    Private,
    Direct,
    /// From a newer server: readable.
    Other(u8),
}

/// What a member may do, in rising order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    None,
    Member,
    Moderator,
    Owner,
}

/// A room in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomView {
    pub id: RoomId,
    pub kind: RoomKind,
    /// Its name; of a direct room the other person's.
    pub title: String,
    pub topic: String,
    /// The other person of a direct room.
    pub with: Option<UserId>,
    /// Messages above the read marker, tombstones not counted.
    pub unread: u64,
    /// One of the unread ones names the reader, as far as they are held.
    pub mentioned: bool,
    /// Newest seq; below `floor` where the room is empty.
    pub head: u64,
    /// First seq that the reader can see.
    pub floor: u64,
    /// The read marker.
    pub read: u64,
    pub role: Role,
    pub members: u32,
    pub muted: bool,
    /// Unacknowledged messages of the outbox for this room.
    pub unsent: usize,
    pub has_draft: bool,
    /// When the newest message held was committed, ms since the Unix epoch; 0 unknown.
    pub active_at_ms: u64,
    /// Somebody else is in it and online; direct rooms only.
    pub online: bool,
}

/// Which message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MessageId {
    /// Committed, at this place of the timeline.
    Seq(u64),
    /// In the outbox.
    Unsent(SendKey),
}

/// A message as shown.
#[derive(Clone, Debug, PartialEq)]
pub struct MessageView {
    pub id: MessageId,
    pub room: RoomId,
    pub author: UserId,
    /// The author's display name, or the best known.
    pub author_name: Arc<str>,
    pub own: bool,
    /// Committed at, or written at for an unsent one; ms since the Unix epoch.
    pub at_ms: u64,
    /// The text as written; of a long one the preview until it is loaded. Hostile: draw `body`.
    pub text: Arc<str>,
    /// The text made safe and styled, once for both faces; empty for a tombstone.
    pub body: Arc<crate::text::Message>,
    pub edited: bool,
    pub deleted: bool,
    /// Names the reader, or the whole room.
    pub mentions_me: bool,
    /// Bytes of a long text whose rest is not loaded: see [`super::Core::load_text`].
    pub more_bytes: Option<u32>,
    pub delivery: Delivery,
}

/// Where a message of one's own stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The server has it.
    Sent,
    /// In the outbox, on its way or waiting for the link.
    Pending,
    /// Refused for good: retry, edit or discard.
    Failed { why: String, help: String },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonView {
    pub user: UserId,
    pub name: String,
    pub display_name: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberView {
    pub user: UserId,
    pub name: String,
    pub display_name: String,
    pub role: Role,
    pub presence: Presence,
}

/// What a person does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Presence {
    #[default]
    Offline,
    Online,
    Away,
}

/// Who is there in an open room. Volatile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PresenceView {
    /// People online.
    pub online: u32,
    /// Those known by name, at most 100.
    pub people: Vec<(UserId, Presence)>,
}

/// A public room in the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListingView {
    pub id: RoomId,
    pub name: String,
    pub topic: String,
    pub members: u32,
    pub joined: bool,
}

/// A page of the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryView {
    pub rows: Vec<ListingView>,
    /// Where the next one begins; nothing: this was the last.
    pub next: Option<DirectoryCursor>,
}

/// Where a page of the directory begins, to be handed back as it is; the default is its start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct DirectoryCursor {
    /// The name before it, as the server writes it.
    pub(crate) after: String,
    /// Pages before it, so that every walk ends.
    pub(crate) pages: u32,
}

/// A page of members; whoever asks on names the last person of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageView<T> {
    pub rows: Vec<T>,
    /// Whether another page follows.
    pub more: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionView {
    pub id: SessionId,
    pub device: String,
    pub made_at_ms: u64,
    pub seen_at_ms: u64,
    pub address: String,
    pub current: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InviteView {
    pub code: String,
    /// The whole join link.
    pub link: String,
    pub expires_at_ms: u64,
}

/// What became of a message of the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentView {
    pub room: RoomId,
    pub seq: u64,
    pub at_ms: u64,
}

impl From<WireKind> for RoomKind {
    fn from(kind: WireKind) -> Self {
        match kind {
            WireKind::PUBLIC => Self::Public,
            WireKind::PRIVATE => Self::Private,
            WireKind::DIRECT => Self::Direct,
            WireKind(other) => Self::Other(other),
        }
    }
}

impl From<WireRole> for Role {
    /// A number between two roles counts as the lower one.
    fn from(role: WireRole) -> Self {
        match role {
            role if role >= WireRole::OWNER => Self::Owner,
            role if role >= WireRole::MODERATOR => Self::Moderator,
            role if role >= WireRole::MEMBER => Self::Member,
            _ => Self::None,
        }
    }
}

impl From<Role> for WireRole {
    fn from(role: Role) -> Self {
        match role {
            Role::None => Self::NONE,
            Role::Member => Self::MEMBER,
            Role::Moderator => Self::MODERATOR,
            Role::Owner => Self::OWNER,
        }
    }
}

impl From<PresenceState> for Presence {
    fn from(state: PresenceState) -> Self {
        match state {
            PresenceState::OFFLINE => Self::Offline,
            PresenceState::AWAY => Self::Away,
            _ => Self::Online,
        }
    }
}

impl From<Presence> for PresenceState {
    fn from(presence: Presence) -> Self {
        match presence {
            Presence::Offline => Self::OFFLINE,
            Presence::Online => Self::ONLINE,
            Presence::Away => Self::AWAY,
        }
    }
}
