//! What the server keeps, as one trait with one conformance suite for every database.
//!
//! Rules of use: a call that takes `reader` answers only what that person may see; every durable
//! change of a room goes through [`Store::append`], which only the committer calls.

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod migration;
pub mod postgres;
pub mod row;
mod shared;
pub mod sqlite;
pub mod transfer;

use std::path::Path;

use async_trait::async_trait;
use parlor_protocol::account::Person;
use parlor_protocol::message::{LongText, Page, Place, Timeline};
use parlor_protocol::room::{Head, Role, RoomKind, RoomListing, RoomSummary};
use parlor_protocol::sync::{Entry, Marker, RoomChanges, UserChanges};
use parlor_protocol::{Epoch, Refusal, RoomId, SendKey, SessionId, UserId};

pub use row::*;

/// Why the store did not answer. None of these says anything about what was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the disk of the database is full")]
    Full,
    #[error("the database cannot be reached: {0}")]
    Away(String),
    #[error("the database took longer than {0} ms")]
    TimedOut(u64),
    #[error("the database is damaged or of another kind: {0}")]
    Damaged(String),
    #[error(
        "the database is of schema {found}, this program knows up to {known}: use a newer program"
    )]
    Newer { found: i64, known: i64 },
    #[error("the database refused a statement: {0}")]
    Statement(String),
}

pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// A durable change of a room, as a client or an administrator asks for it.
#[derive(Clone, Debug, PartialEq)]
pub struct RoomCommand {
    pub room: RoomId,
    pub actor: UserId,
    pub send_key: SendKey,
    pub change: Change,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    Post {
        timeline: Timeline,
        after: Option<SendKey>,
        text: String,
        long: Option<LongText>,
    },
    /// Makes the room; the actor becomes its owner.
    Create {
        kind: RoomKind,
        name: RoomName,
        topic: String,
    },
    /// Makes the direct room of the actor and another person; a no-op where it exists.
    CreateDirect {
        with: UserId,
    },
    /// The actor joins a public room.
    Join,
    Leave,
    /// A member brings a person in.
    Add {
        user: UserId,
    },
    /// The actor comes in by an invite that opens the room.
    Admit,
    Remove {
        user: UserId,
    },
    SetRole {
        user: UserId,
        role: Role,
    },
    SetTopic {
        topic: String,
    },
}

/// A name as shown, and folded for comparison (NFKC, without case, lookalikes mapped).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomName {
    pub shown: String,
    pub folded: String,
}

/// What became of one command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    pub room: RoomId,
    /// The room's rev with the change in it.
    pub rev: u64,
    /// A post's seq, else 0.
    pub seq: u64,
    pub at_ms: u64,
    /// The send key was known: this is the first result again.
    pub repeated: bool,
}

/// Entries of one room that became visible together. A change of who may read ends its batch.
#[derive(Clone, Debug, PartialEq)]
pub struct RoomAppended {
    pub room: RoomId,
    pub before: u64,
    pub rev: u64,
    /// Head of the room's own timeline after the batch.
    pub head: u64,
    pub direct: bool,
    pub entries: Vec<Entry>,
    /// Who came in or went with the last entry of this batch.
    pub readers: ReaderChange,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ReaderChange {
    #[default]
    None,
    Joined(Vec<UserId>),
    Left(UserId),
}

/// Entries of a person's own rev.
#[derive(Clone, Debug, PartialEq)]
pub struct UserAppended {
    pub user: UserId,
    pub before: u64,
    pub rev: u64,
    pub entries: Vec<Entry>,
}

/// What one call of append did.
#[derive(Debug, Default)]
pub struct Appended {
    /// One for each command, in their order.
    pub results: Vec<std::result::Result<Committed, Refusal>>,
    /// In rev order within a room.
    pub rooms: Vec<RoomAppended>,
    /// In rev order within a person.
    pub users: Vec<UserAppended>,
}

/// What a person may do in a room now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    pub kind: RoomKind,
    /// `Role::NONE` where the person is no member (and the room is public, else there is no access).
    pub role: Role,
    /// First seq that the person may see.
    pub visible_from: u64,
    /// Where the room stands.
    pub rev: u64,
}

/// Connections to the database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connections {
    pub open: u32,
    pub busy: u32,
    /// How many there may be.
    pub most: u32,
}

/// How reads of rooms were answered by replicas since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplicaReads {
    /// By a replica.
    pub answered: u64,
    /// A replica had not come so far.
    pub behind: u64,
    /// A replica did not answer, or not in time.
    pub failed: u64,
}

#[async_trait]
pub trait Store: Send + Sync + 'static {
    // ---- the installation
    fn epoch(&self) -> Epoch;
    /// How many connections there are now, for the operator's figures.
    fn connections(&self) -> Connections;
    /// How replicas answered, for the operator's figures.
    fn replica_reads(&self) -> ReplicaReads {
        ReplicaReads::default()
    }
    /// Whether any account exists.
    async fn is_empty(&self) -> Result<bool>;
    /// A whole, consistent copy while the store is in use.
    async fn backup(&self, to: &Path) -> Result<()>;
    /// Cheap proof that reads and writes work.
    async fn check(&self) -> Result<()>;
    /// Ends use: writers done, files closed.
    async fn close(&self);
    /// Drops what has expired (sessions, invites, send keys), at most `limit` rows; how many went.
    async fn prune(&self, now_ms: u64, limit: u32) -> Result<u64>;
    /// Erases what load tests left: accounts without limits, and rooms in which only they are; at
    /// most `limit` rows. How many went; 0: all. Nobody may be entered as one of them.
    async fn erase_load(&self, limit: u32) -> Result<u64>;

    // ---- rooms: changes
    /// Commits commands of any rooms in their order. Refusals stand in the results; an error means
    /// that none of the commands took effect, or that it is unknown: retry with the same send keys.
    async fn append(&self, commands: Vec<RoomCommand>) -> Result<Appended>;

    // ---- accounts
    async fn create_user(&self, user: NewUser) -> Result<std::result::Result<(), Refusal>>;
    async fn user(&self, user: UserId) -> Result<Option<UserRow>>;
    async fn user_by_name(&self, folded: &str) -> Result<Option<UserRow>>;
    /// In id order, after `after`.
    async fn users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<UserRow>>;
    async fn people(&self, ids: &[UserId], folded_names: &[String]) -> Result<Vec<Person>>;
    async fn set_password(&self, user: UserId, hash: &str) -> Result<()>;
    async fn set_disabled(&self, user: UserId, disabled: bool) -> Result<()>;
    async fn set_administrator(&self, user: UserId, administrator: bool) -> Result<()>;

    // ---- sessions
    async fn create_session(&self, session: NewSession) -> Result<()>;
    /// By the hash of a current or a previous token, whichever matches.
    async fn session_by_token(&self, hash: &TokenHash) -> Result<Option<SessionFound>>;
    /// Sets a next token beside the current one; the current stays good until the next is used.
    async fn offer_token(&self, session: SessionId, next: &TokenHash, now_ms: u64) -> Result<()>;
    /// The next token was used: it becomes the current one, the old one is void.
    async fn accept_token(&self, session: SessionId, next: &TokenHash, now_ms: u64) -> Result<()>;
    /// Notes when sessions were last seen, many at once.
    async fn touch_sessions(&self, seen: &[(SessionId, u64, String)]) -> Result<()>;
    async fn sessions(&self, user: UserId) -> Result<Vec<SessionRow>>;
    /// Ends one session of the person; whether there was one.
    async fn end_session(&self, user: UserId, session: SessionId) -> Result<bool>;
    /// Ends all sessions of the person but one; which ended.
    async fn end_sessions(&self, user: UserId, but: Option<SessionId>) -> Result<Vec<SessionId>>;

    // ---- invites
    async fn create_invite(&self, invite: NewInvite) -> Result<()>;
    /// What a code opens; `None` when unknown, expired or used up (by others than `user`).
    async fn invite(
        &self,
        code: &CodeHash,
        user: Option<UserId>,
        now_ms: u64,
    ) -> Result<Option<InviteRow>>;
    /// Counts a use by `user` once, however often called; `false` when it is used up.
    async fn use_invite(&self, code: &CodeHash, user: UserId, now_ms: u64) -> Result<bool>;

    // ---- rooms: reading
    /// Says that a room has come to a rev at least, as another node's batch or head tells: answers
    /// that follow are not of an older one. A store with a single truth knows.
    fn noted(&self, room: RoomId, rev: u64);
    /// `None` where there is no such room or the person may not know of it.
    async fn access(&self, room: RoomId, reader: UserId) -> Result<Option<Access>>;
    async fn room_by_name(&self, folded: &str) -> Result<Option<RoomId>>;
    /// The room as the member `reader` sees it.
    async fn summary(&self, room: RoomId, reader: UserId) -> Result<Option<RoomSummary>>;
    /// Where all rooms of a person stand, and which of them are direct.
    async fn heads(&self, reader: UserId) -> Result<Vec<(Head, bool)>>;
    async fn directory(
        &self,
        reader: UserId,
        after_folded: &str,
        limit: u16,
    ) -> Result<Vec<RoomListing>>;
    async fn members(
        &self,
        room: RoomId,
        after: Option<UserId>,
        limit: u16,
    ) -> Result<Vec<(Person, Role)>>;
    /// All members' ids, for presence; at most `limit`.
    async fn member_ids(&self, room: RoomId, limit: u32) -> Result<Vec<UserId>>;
    /// One snapshot: page, head, floor and rev belong together. Nothing below `visible_from`.
    async fn page(
        &self,
        room: RoomId,
        timeline: Timeline,
        place: Place,
        seq: u64,
        limit: u16,
        visible_from: u64,
    ) -> Result<Page>;
    /// What changed after `since`, oldest rev first, within the bounds of the wire. Messages below
    /// `visible_from` are left out.
    async fn changes(&self, room: RoomId, since: u64, visible_from: u64) -> Result<RoomChanges>;

    // ---- the person's own
    async fn user_changes(&self, user: UserId, since: Option<u64>) -> Result<UserChanges>;
    /// Moves a read marker forward; `None` when it did not move.
    async fn mark(
        &self,
        user: UserId,
        room: RoomId,
        timeline: Timeline,
        seq: u64,
    ) -> Result<Option<(UserAppended, Marker)>>;

    // ---- long texts
    async fn put_text(&self, long: LongText, bytes: Vec<u8>) -> Result<()>;
    async fn text(
        &self,
        room: RoomId,
        timeline: Timeline,
        seq: u64,
        visible_from: u64,
    ) -> Result<Option<(LongText, Vec<u8>)>>;

    // ---- what nodes compare what they hold with; at most some thousand at once
    /// Where these rooms stand; those that are not there are left out.
    async fn rooms_reached(&self, rooms: &[RoomId]) -> Result<Vec<Head>>;
    /// The own revs of these people; those that are not there are left out.
    async fn people_reached(&self, users: &[UserId]) -> Result<Vec<(UserId, u64)>>;
    /// Which of these sessions have not ended.
    async fn living_sessions(&self, sessions: &[SessionId]) -> Result<Vec<SessionId>>;

    // ---- nodes of a cluster, while Redis is away
    /// Keeps what a node says of itself, in the place of what it said before; what has not been said
    /// again for a day goes.
    async fn beat(&self, beat: NodeBeat) -> Result<()>;
    /// What nodes said, at most `limit`, the newest first.
    async fn nodes(&self, limit: u32) -> Result<Vec<NodeBeat>>;
}
