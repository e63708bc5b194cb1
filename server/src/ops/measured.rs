//! A store whose every query is timed.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use parlor_protocol::account::Person;
use parlor_protocol::message::{LongText, Page, Place, Timeline};
use parlor_protocol::room::{Head, Role, RoomListing, RoomSummary};
use parlor_protocol::sync::{Marker, RoomChanges, UserChanges};
use parlor_protocol::{Epoch, Refusal, RoomId, SessionId, UserId};

use super::Metrics;
use super::slow::Slow;
use crate::store::{
    Access, Appended, CodeHash, Connections, InviteRow, NewInvite, NewSession, NewUser, NodeBeat,
    Result, RoomCommand, SessionFound, SessionRow, Store, StoreError, TokenHash, UserAppended,
    UserRow,
};

/// Passes everything on to a store, and notes how long each query took under the query's name.
pub struct MeasuredStore {
    inner: Box<dyn Store>,
    metrics: Arc<Metrics>,
    slow: Slow,
}

impl MeasuredStore {
    /// `slow_ms`: calls that take so long are told in the log; 0: none.
    pub fn new(inner: Box<dyn Store>, metrics: Arc<Metrics>, slow_ms: u32) -> Self {
        Self {
            inner,
            metrics,
            slow: Slow::new(slow_ms),
        }
    }

    fn failed(&self, error: &StoreError) {
        match error {
            StoreError::TimedOut(_) => self.metrics.queries_late.add(1),
            _ => self.metrics.queries_failed.add(1),
        }
    }

    fn note(&self, name: &'static str, began: Instant) {
        let now = Instant::now();
        let took = now.saturating_duration_since(began);
        self.metrics.query_duration.observe(name, took);
        self.slow.note(name, took, now);
        self.metrics
            .replica_reads
            .reached(self.inner.replica_reads());
        let Connections { open, busy, most } = self.inner.connections();
        self.metrics.pool_most.set(most.into());
        self.metrics.pool_open.set(open.into());
        self.metrics.pool_busy.set(busy.into());
    }
}

macro_rules! measured {
    ($(async fn $name:ident(&self $(, $arg:ident: $type:ty)*) -> $result:ty;)*) => {
        #[async_trait]
        impl Store for MeasuredStore {
            fn epoch(&self) -> Epoch {
                self.inner.epoch()
            }

            fn connections(&self) -> Connections {
                self.inner.connections()
            }

            fn noted(&self, room: RoomId, rev: u64) {
                self.inner.noted(room, rev);
            }

            async fn close(&self) {
                self.inner.close().await;
            }

            $(async fn $name(&self $(, $arg: $type)*) -> $result {
                let began = Instant::now();
                let result = self.inner.$name($($arg),*).await;
                self.note(stringify!($name), began);
                if let Err(error) = &result {
                    self.failed(error);
                }
                result
            })*
        }
    };
}

// The trait's own list, short: a query that is missing here does not compile.
measured! {
    async fn is_empty(&self) -> Result<bool>;
    async fn backup(&self, to: &Path) -> Result<()>;
    async fn check(&self) -> Result<()>;
    async fn prune(&self, now_ms: u64, limit: u32) -> Result<u64>;
    async fn erase_load(&self, limit: u32) -> Result<u64>;
    async fn append(&self, commands: Vec<RoomCommand>) -> Result<Appended>;
    async fn create_user(&self, user: NewUser) -> Result<std::result::Result<(), Refusal>>;
    async fn user(&self, user: UserId) -> Result<Option<UserRow>>;
    async fn user_by_name(&self, folded: &str) -> Result<Option<UserRow>>;
    async fn users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<UserRow>>;
    async fn people(&self, ids: &[UserId], folded_names: &[String]) -> Result<Vec<Person>>;
    async fn set_password(&self, user: UserId, hash: &str) -> Result<()>;
    async fn set_disabled(&self, user: UserId, disabled: bool) -> Result<()>;
    async fn set_administrator(&self, user: UserId, administrator: bool) -> Result<()>;
    async fn create_session(&self, session: NewSession) -> Result<()>;
    async fn session_by_token(&self, hash: &TokenHash) -> Result<Option<SessionFound>>;
    async fn offer_token(&self, session: SessionId, next: &TokenHash, now_ms: u64) -> Result<()>;
    async fn accept_token(&self, session: SessionId, next: &TokenHash, now_ms: u64) -> Result<()>;
    async fn touch_sessions(&self, seen: &[(SessionId, u64, String)]) -> Result<()>;
    async fn sessions(&self, user: UserId) -> Result<Vec<SessionRow>>;
    async fn end_session(&self, user: UserId, session: SessionId) -> Result<bool>;
    async fn end_sessions(&self, user: UserId, but: Option<SessionId>) -> Result<Vec<SessionId>>;
    async fn create_invite(&self, invite: NewInvite) -> Result<()>;
    async fn invite(&self, code: &CodeHash, user: Option<UserId>, now_ms: u64) -> Result<Option<InviteRow>>;
    async fn use_invite(&self, code: &CodeHash, user: UserId, now_ms: u64) -> Result<bool>;
    async fn access(&self, room: RoomId, reader: UserId) -> Result<Option<Access>>;
    async fn room_by_name(&self, folded: &str) -> Result<Option<RoomId>>;
    async fn summary(&self, room: RoomId, reader: UserId) -> Result<Option<RoomSummary>>;
    async fn heads(&self, reader: UserId) -> Result<Vec<(Head, bool)>>;
    async fn directory(&self, reader: UserId, after_folded: &str, limit: u16) -> Result<Vec<RoomListing>>;
    async fn members(&self, room: RoomId, after: Option<UserId>, limit: u16) -> Result<Vec<(Person, Role)>>;
    async fn member_ids(&self, room: RoomId, limit: u32) -> Result<Vec<UserId>>;
    async fn page(&self, room: RoomId, timeline: Timeline, place: Place, seq: u64, limit: u16, visible_from: u64) -> Result<Page>;
    async fn changes(&self, room: RoomId, since: u64, visible_from: u64) -> Result<RoomChanges>;
    async fn user_changes(&self, user: UserId, since: Option<u64>) -> Result<UserChanges>;
    async fn mark(&self, user: UserId, room: RoomId, timeline: Timeline, seq: u64) -> Result<Option<(UserAppended, Marker)>>;
    async fn put_text(&self, long: LongText, bytes: Vec<u8>) -> Result<()>;
    async fn text(&self, room: RoomId, timeline: Timeline, seq: u64, visible_from: u64) -> Result<Option<(LongText, Vec<u8>)>>;
    async fn rooms_reached(&self, rooms: &[RoomId]) -> Result<Vec<Head>>;
    async fn people_reached(&self, users: &[UserId]) -> Result<Vec<(UserId, u64)>>;
    async fn living_sessions(&self, sessions: &[SessionId]) -> Result<Vec<SessionId>>;
    async fn beat(&self, beat: NodeBeat) -> Result<()>;
    async fn nodes(&self, limit: u32) -> Result<Vec<NodeBeat>>;
}

#[cfg(test)]
pub(super) mod tests;
