//! The store on SQLite: one file, one connection that writes, a few that read.

mod accounts;
mod append;
mod backup;
mod changes;
mod checkpoint;
mod erase;
mod error;
mod invites;
mod load;
mod marks;
mod message;
mod open;
mod own;
mod page;
mod plan;
mod prune;
mod reached;
mod rooms;
mod sessions;
#[cfg(any(test, feature = "conformance"))]
pub mod shape;
mod texts;
mod value;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parlor_protocol::account::Person;
use parlor_protocol::message::{LongText, Page, Place, Timeline};
use parlor_protocol::room::{Head, Role, RoomListing, RoomSummary};
use parlor_protocol::sync::{Marker, RoomChanges, UserChanges};
use parlor_protocol::{Epoch, Refusal, RoomId, SessionId, UserId};
use sqlx::SqlitePool;

pub use backup::restore;

pub use super::shared::clock::Clock;
use super::shared::clock::system_now_ms;
use super::shared::{batch, cache, collect, epoch, found, split, write};
use super::{
    Access, Appended, CodeHash, Connections, InviteRow, NewInvite, NewSession, NewUser, Result,
    RoomCommand, SessionFound, SessionRow, Store, StoreError, TokenHash, UserAppended, UserRow,
};
use checkpoint::{Checkpointer, WalGauge};
use marks::Mark;
use writer::Writer;

/// How long a read may take, waiting included: all are range reads over an index.
pub(crate) const READ_WITHIN: Duration = Duration::from_secs(5);

/// The store on SQLite.
pub struct SqliteStore {
    path: PathBuf,
    epoch: Epoch,
    readers: SqlitePool,
    writer: Arc<Writer>,
    checkpointer: Checkpointer,
}

impl SqliteStore {
    /// Opens the database file, making it or bringing its schema forward.
    pub async fn open(path: &Path) -> Result<Self> {
        Self::open_with(path, Arc::new(system_now_ms)).await
    }

    /// The same with a clock of the caller's.
    pub async fn open_with(path: &Path, clock: Clock) -> Result<Self> {
        let epoch = open::prepare(path, clock()).await?;
        let gauge = Arc::new(WalGauge::default());
        let writer = Arc::new(Writer::open(open::writer(path), clock, Arc::clone(&gauge)).await?);
        let checkpointer =
            Checkpointer::start(open::checkpointer(path), Arc::clone(&writer), gauge).await?;
        Ok(Self {
            path: path.to_owned(),
            epoch,
            readers: open::readers(path),
            writer,
            checkpointer,
        })
    }
}

/// Reads end by themselves, and soon; this bounds what a stuck disk can hold up.
async fn within<T>(read: impl Future<Output = Result<T>>) -> Result<T> {
    match tokio::time::timeout(READ_WITHIN, read).await {
        Ok(result) => result,
        Err(_) => Err(StoreError::TimedOut(READ_WITHIN.as_millis() as u64)),
    }
}

#[async_trait]
impl Store for SqliteStore {
    fn epoch(&self) -> Epoch {
        self.epoch
    }

    fn connections(&self) -> Connections {
        let readers = self.readers.size();
        let idle = u32::try_from(self.readers.num_idle()).unwrap_or(readers);
        // The writer and the checkpointer have one each.
        Connections {
            open: readers + 2,
            busy: readers.saturating_sub(idle) + u32::from(self.writer.is_busy()),
        }
    }

    async fn is_empty(&self) -> Result<bool> {
        within(accounts::is_empty(&self.readers)).await
    }

    async fn backup(&self, to: &Path) -> Result<()> {
        backup::backup(open::reader(&self.path), to).await
    }

    async fn check(&self) -> Result<()> {
        self.is_empty().await?;
        self.writer.check().await
    }

    async fn close(&self) {
        self.checkpointer.stop().await;
        self.readers.close().await;
        self.writer.close().await;
    }

    async fn prune(&self, now_ms: u64, limit: u32) -> Result<u64> {
        prune::prune(&self.writer, now_ms, limit).await
    }

    async fn erase_load(&self, limit: u32) -> Result<u64> {
        erase::load(&self.writer, limit).await
    }

    async fn append(&self, commands: Vec<RoomCommand>) -> Result<Appended> {
        self.writer
            .run(move |held| Box::pin(append::append(held, commands)))
            .await
    }

    async fn create_user(&self, user: NewUser) -> Result<std::result::Result<(), Refusal>> {
        accounts::create(&self.writer, user).await
    }

    async fn user(&self, user: UserId) -> Result<Option<UserRow>> {
        within(accounts::by_id(&self.readers, user)).await
    }

    async fn user_by_name(&self, folded: &str) -> Result<Option<UserRow>> {
        within(accounts::by_name(&self.readers, folded)).await
    }

    async fn users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<UserRow>> {
        within(accounts::all(&self.readers, after, limit)).await
    }

    async fn people(&self, ids: &[UserId], folded_names: &[String]) -> Result<Vec<Person>> {
        within(accounts::people(&self.readers, ids, folded_names)).await
    }

    async fn set_password(&self, user: UserId, hash: &str) -> Result<()> {
        accounts::set(&self.writer, user, accounts::Set::Password(hash.to_owned())).await
    }

    async fn set_disabled(&self, user: UserId, disabled: bool) -> Result<()> {
        accounts::set(&self.writer, user, accounts::Set::Disabled(disabled)).await
    }

    async fn set_administrator(&self, user: UserId, administrator: bool) -> Result<()> {
        accounts::set(
            &self.writer,
            user,
            accounts::Set::Administrator(administrator),
        )
        .await
    }

    async fn create_session(&self, session: NewSession) -> Result<()> {
        sessions::create(&self.writer, session).await
    }

    async fn session_by_token(&self, hash: &TokenHash) -> Result<Option<SessionFound>> {
        within(sessions::by_token(&self.readers, hash)).await
    }

    async fn offer_token(&self, session: SessionId, next: &TokenHash, now_ms: u64) -> Result<()> {
        sessions::offer(&self.writer, session, next, now_ms).await
    }

    async fn accept_token(&self, session: SessionId, next: &TokenHash, now_ms: u64) -> Result<()> {
        sessions::accept(&self.writer, session, next, now_ms).await
    }

    async fn touch_sessions(&self, seen: &[(SessionId, u64, String)]) -> Result<()> {
        sessions::touch(&self.writer, seen).await
    }

    async fn sessions(&self, user: UserId) -> Result<Vec<SessionRow>> {
        within(sessions::of_user(&self.readers, user)).await
    }

    async fn end_session(&self, user: UserId, session: SessionId) -> Result<bool> {
        sessions::end(&self.writer, user, session).await
    }

    async fn end_sessions(&self, user: UserId, but: Option<SessionId>) -> Result<Vec<SessionId>> {
        sessions::end_all(&self.writer, user, but).await
    }

    async fn create_invite(&self, invite: NewInvite) -> Result<()> {
        invites::create(&self.writer, invite).await
    }

    async fn invite(
        &self,
        code: &CodeHash,
        user: Option<UserId>,
        now_ms: u64,
    ) -> Result<Option<InviteRow>> {
        within(invites::by_code(&self.readers, code, user, now_ms)).await
    }

    async fn use_invite(&self, code: &CodeHash, user: UserId, now_ms: u64) -> Result<bool> {
        invites::use_once(&self.writer, code, user, now_ms).await
    }

    async fn access(&self, room: RoomId, reader: UserId) -> Result<Option<Access>> {
        within(rooms::access(&self.readers, room, reader)).await
    }

    async fn room_by_name(&self, folded: &str) -> Result<Option<RoomId>> {
        within(rooms::room_by_name(&self.readers, folded)).await
    }

    async fn summary(&self, room: RoomId, reader: UserId) -> Result<Option<RoomSummary>> {
        within(rooms::summary(&self.readers, room, reader)).await
    }

    async fn heads(&self, reader: UserId) -> Result<Vec<(Head, bool)>> {
        within(rooms::heads(&self.readers, reader)).await
    }

    async fn directory(
        &self,
        reader: UserId,
        after_folded: &str,
        limit: u16,
    ) -> Result<Vec<RoomListing>> {
        within(rooms::directory(&self.readers, reader, after_folded, limit)).await
    }

    async fn members(
        &self,
        room: RoomId,
        after: Option<UserId>,
        limit: u16,
    ) -> Result<Vec<(Person, Role)>> {
        within(rooms::members(&self.readers, room, after, limit)).await
    }

    async fn member_ids(&self, room: RoomId, limit: u32) -> Result<Vec<UserId>> {
        within(rooms::member_ids(&self.readers, room, limit)).await
    }

    async fn page(
        &self,
        room: RoomId,
        timeline: Timeline,
        place: Place,
        seq: u64,
        limit: u16,
        visible_from: u64,
    ) -> Result<Page> {
        within(page::page(
            &self.readers,
            room,
            timeline,
            place,
            seq,
            limit,
            visible_from,
        ))
        .await
    }

    async fn changes(&self, room: RoomId, since: u64, visible_from: u64) -> Result<RoomChanges> {
        within(changes::changes(&self.readers, room, since, visible_from)).await
    }

    async fn user_changes(&self, user: UserId, since: Option<u64>) -> Result<UserChanges> {
        within(own::user_changes(&self.readers, user, since)).await
    }

    async fn mark(
        &self,
        user: UserId,
        room: RoomId,
        timeline: Timeline,
        seq: u64,
    ) -> Result<Option<(UserAppended, Marker)>> {
        marks::mark(
            &self.writer,
            Mark {
                user,
                room,
                timeline,
                seq,
            },
        )
        .await
    }

    async fn put_text(&self, long: LongText, bytes: Vec<u8>) -> Result<()> {
        texts::put(&self.writer, long, bytes).await
    }

    async fn text(
        &self,
        room: RoomId,
        timeline: Timeline,
        seq: u64,
        visible_from: u64,
    ) -> Result<Option<(LongText, Vec<u8>)>> {
        within(texts::get(&self.readers, room, timeline, seq, visible_from)).await
    }

    async fn rooms_reached(&self, rooms: &[RoomId]) -> Result<Vec<Head>> {
        within(reached::rooms(&self.readers, rooms)).await
    }

    async fn people_reached(&self, users: &[UserId]) -> Result<Vec<(UserId, u64)>> {
        within(reached::people(&self.readers, users)).await
    }

    async fn living_sessions(&self, sessions: &[SessionId]) -> Result<Vec<SessionId>> {
        within(reached::sessions(&self.readers, sessions)).await
    }
}

#[cfg(test)]
mod tests;
