//! A store that answers from the cache what it may, and sweeps the cache at each change.

mod reads;
mod writes;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use parlor_protocol::account::Person;
use parlor_protocol::message::{LongText, Page, Place, Timeline};
use parlor_protocol::room::{Head, Role, RoomListing, RoomSummary};
use parlor_protocol::sync::{Marker, RoomChanges, UserChanges};
use parlor_protocol::{Epoch, Refusal, RoomId, SessionId, UserId};

use super::key::Group;
use super::layers::Cache;
use crate::store::{
    Access, Appended, CodeHash, Connections, InviteRow, NewInvite, NewSession, NewUser, NodeBeat,
    Result, RoomCommand, SessionFound, SessionRow, Store, TokenHash, UserAppended, UserRow,
};

/// Reads through a cache. Every change of what is cached must go through this store, or be heard of
/// (see [`Cache::heard`]).
pub struct CachedStore {
    inner: Arc<dyn Store>,
    cache: Arc<Cache>,
}

impl CachedStore {
    pub fn new(inner: Arc<dyn Store>, cache: Arc<Cache>) -> Self {
        Self { inner, cache }
    }

    pub fn cache(&self) -> &Arc<Cache> {
        &self.cache
    }
}

/// Passes the queries named on to the database; the others are given whole.
macro_rules! cached_store {
    (
        passed on: $(async fn $name:ident(&self $(, $arg:ident: $type:ty)*) -> $result:ty;)*
        cached: $($cached:tt)*
    ) => {
        #[async_trait]
        impl Store for CachedStore {
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
                self.inner.$name($($arg),*).await
            })*

            $($cached)*
        }
    };
}

cached_store! {
    passed on:
    async fn backup(&self, to: &Path) -> Result<()>;
    async fn check(&self) -> Result<()>;
    async fn prune(&self, now_ms: u64, limit: u32) -> Result<u64>;
    async fn user(&self, user: UserId) -> Result<Option<UserRow>>;
    async fn user_by_name(&self, folded: &str) -> Result<Option<UserRow>>;
    async fn users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<UserRow>>;
    async fn create_session(&self, session: NewSession) -> Result<()>;
    async fn offer_token(&self, session: SessionId, next: &TokenHash, now_ms: u64) -> Result<()>;
    async fn touch_sessions(&self, seen: &[(SessionId, u64, String)]) -> Result<()>;
    async fn sessions(&self, user: UserId) -> Result<Vec<SessionRow>>;
    async fn create_invite(&self, invite: NewInvite) -> Result<()>;
    async fn invite(&self, code: &CodeHash, user: Option<UserId>, now_ms: u64) -> Result<Option<InviteRow>>;
    async fn use_invite(&self, code: &CodeHash, user: UserId, now_ms: u64) -> Result<bool>;
    async fn summary(&self, room: RoomId, reader: UserId) -> Result<Option<RoomSummary>>;
    async fn heads(&self, reader: UserId) -> Result<Vec<(Head, bool)>>;
    async fn member_ids(&self, room: RoomId, limit: u32) -> Result<Vec<UserId>>;
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

    cached:
    async fn is_empty(&self) -> Result<bool> {
        self.read_is_empty().await
    }

    /// Always the database's word; it tells where the room stands besides.
    async fn access(&self, room: RoomId, reader: UserId) -> Result<Option<Access>> {
        let access = self.inner.access(room, reader).await?;
        if let Some(access) = &access {
            self.cache.rooms_reached([(room, access.rev)]);
        }
        Ok(access)
    }

    async fn create_user(&self, user: NewUser) -> Result<std::result::Result<(), Refusal>> {
        let id = user.id;
        let created = self.inner.create_user(user).await;
        // Nobody is kept as missing; but a look-up that began before must not answer for one after.
        self.cache.changed_here([Group::User(id)]);
        created
    }

    async fn people(&self, ids: &[UserId], folded_names: &[String]) -> Result<Vec<Person>> {
        self.read_people(ids, folded_names).await
    }

    async fn session_by_token(&self, hash: &TokenHash) -> Result<Option<SessionFound>> {
        self.read_session(hash).await
    }

    async fn room_by_name(&self, folded: &str) -> Result<Option<RoomId>> {
        self.read_room_name(folded).await
    }

    async fn directory(&self, reader: UserId, after_folded: &str, limit: u16) -> Result<Vec<RoomListing>> {
        self.read_directory(reader, after_folded, limit).await
    }

    async fn members(&self, room: RoomId, after: Option<UserId>, limit: u16) -> Result<Vec<(Person, Role)>> {
        self.read_members(room, after, limit).await
    }

    async fn page(&self, room: RoomId, timeline: Timeline, place: Place, seq: u64, limit: u16, visible_from: u64) -> Result<Page> {
        if timeline == Timeline::ROOM && place == Place::NEWEST {
            return self.read_newest(room, limit, visible_from).await;
        }
        self.inner.page(room, timeline, place, seq, limit, visible_from).await
    }

    async fn append(&self, commands: Vec<RoomCommand>) -> Result<Appended> {
        self.write_rooms(commands).await
    }

    async fn set_password(&self, user: UserId, hash: &str) -> Result<()> {
        let hash = hash.to_owned();
        self.write_user(user, move |store| async move { store.set_password(user, &hash).await }).await
    }

    async fn set_disabled(&self, user: UserId, disabled: bool) -> Result<()> {
        self.write_user(user, move |store| async move { store.set_disabled(user, disabled).await }).await
    }

    async fn set_administrator(&self, user: UserId, administrator: bool) -> Result<()> {
        self.write_user(user, move |store| async move { store.set_administrator(user, administrator).await }).await
    }

    async fn accept_token(&self, session: SessionId, next: &TokenHash, now_ms: u64) -> Result<()> {
        self.write_token(session, *next, now_ms).await
    }

    async fn end_session(&self, user: UserId, session: SessionId) -> Result<bool> {
        self.write_end(user, session).await
    }

    async fn end_sessions(&self, user: UserId, but: Option<SessionId>) -> Result<Vec<SessionId>> {
        self.write_ends(user, but).await
    }

    async fn erase_load(&self, limit: u32) -> Result<u64> {
        self.write_erase(limit).await
    }
}
