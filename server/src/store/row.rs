//! Rows as the store gives and takes them.

use parlor_protocol::{RoomId, SessionId, UserId};

/// SHA-256 of a session's token.
pub type TokenHash = [u8; 32];
/// SHA-256 of an invite's code, upper-cased.
pub type CodeHash = [u8; 32];

#[derive(Clone, Debug)]
pub struct NewUser {
    pub id: UserId,
    pub name: String,
    /// For comparison: see `guard::name`.
    pub folded: String,
    pub display_name: String,
    /// argon2id in PHC form.
    pub password_hash: String,
    pub administrator: bool,
    pub made_at_ms: u64,
    /// Limits of its own, for load tests: rates do not apply.
    pub unlimited: bool,
}

#[derive(Clone)]
pub struct UserRow {
    pub id: UserId,
    pub name: String,
    pub display_name: String,
    pub password_hash: String,
    pub administrator: bool,
    pub disabled: bool,
    pub unlimited: bool,
    pub made_at_ms: u64,
}

#[derive(Clone, Debug)]
pub struct NewSession {
    pub id: SessionId,
    pub user: UserId,
    pub token: TokenHash,
    pub device: String,
    pub address: String,
    pub made_at_ms: u64,
    /// When it ends however much it is used.
    pub expires_at_ms: u64,
}

#[derive(Clone, Debug)]
pub struct SessionRow {
    pub id: SessionId,
    pub user: UserId,
    pub device: String,
    pub address: String,
    pub made_at_ms: u64,
    pub seen_at_ms: u64,
    pub expires_at_ms: u64,
    /// When the current token was made.
    pub token_at_ms: u64,
}

/// A session found by a token, with its owner, whose password hash may be left out.
#[derive(Clone)]
pub struct SessionFound {
    pub session: SessionRow,
    pub user: UserRow,
    /// The token was the one offered last: it must be accepted now.
    pub by_next: bool,
}

#[derive(Clone, Debug)]
pub struct NewInvite {
    pub code: CodeHash,
    /// Who made it; `None`: the server itself (owner link, administrator's tool).
    pub maker: Option<UserId>,
    pub rooms: Vec<RoomId>,
    /// 0: no bound.
    pub uses: u32,
    pub made_at_ms: u64,
    pub expires_at_ms: u64,
    /// The first account made with it becomes administrator.
    pub owner: bool,
}

#[derive(Clone, Debug)]
pub struct InviteRow {
    /// `None`: the server itself.
    pub maker: Option<UserId>,
    pub rooms: Vec<RoomId>,
    pub owner: bool,
    pub expires_at_ms: u64,
}

impl std::fmt::Debug for UserRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserRow")
            .field("id", &self.id)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for SessionFound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionFound")
            .field("session", &self.session.id)
            .field("by_next", &self.by_next)
            .finish_non_exhaustive()
    }
}

/// What a node says of itself, sealed: the store does not look into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeBeat {
    pub number: u64,
    pub record: Vec<u8>,
}
