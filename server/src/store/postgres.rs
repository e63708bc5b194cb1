//! The store on PostgreSQL: many nodes, one database. Nothing is known without a lock: what a batch
//! is decided on is looked up in the transaction that writes it, behind the room's lock.

mod accounts;
mod append;
mod changes;
mod erase;
mod error;
mod failure;
mod invites;
mod keys;
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
mod settings;
mod texts;
mod value;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parlor_protocol::account::Person;
use parlor_protocol::message::{LongText, Page, Place, Timeline};
use parlor_protocol::room::{Head, Role, RoomListing, RoomSummary};
use parlor_protocol::sync::{Marker, RoomChanges, UserChanges};
use parlor_protocol::{Epoch, Refusal, RoomId, SessionId, UserId};
use sqlx::PgPool;

pub use super::shared::clock::Clock;
pub use settings::PostgresSettings;

use super::shared::clock::system_now_ms;
use super::{
    Access, Appended, CodeHash, Connections, InviteRow, NewInvite, NewSession, NewUser, Result,
    RoomCommand, SessionFound, SessionRow, Store, StoreError, TokenHash, UserAppended, UserRow,
};

/// How long a read may take, waiting for a connection included: all are range reads over an index.
const READ_WITHIN: Duration = Duration::from_secs(10);
/// Tries of a read whose connection was lost.
const READ_TRIES: u32 = 3;

/// The store on PostgreSQL.
pub struct PostgresStore {
    epoch: Epoch,
    shared: Arc<Shared>,
}

/// What tasks of the store share.
struct Shared {
    /// Connections of append alone.
    appends: PgPool,
    others: PgPool,
    clock: Clock,
}

impl PostgresStore {
    /// Opens the database, making its schema or bringing it forward.
    pub async fn open(settings: &PostgresSettings) -> Result<Self> {
        Self::open_with(settings, Arc::new(system_now_ms)).await
    }

    /// The same with a clock of the caller's.
    pub async fn open_with(settings: &PostgresSettings, clock: Clock) -> Result<Self> {
        let options = open::options(settings)?;
        let epoch = open::prepare(&options, clock()).await?;
        Ok(Self {
            epoch,
            shared: Arc::new(Shared {
                appends: open::pool(settings, &options, settings.for_appends()),
                others: open::pool(settings, &options, settings.for_others()),
                clock,
            }),
        })
    }

    /// Reads, again where the connection was lost meanwhile: a read changes nothing.
    async fn read<T, F: Future<Output = Result<T>>>(&self, read: impl Fn() -> F) -> Result<T> {
        let tries = async {
            for _ in 1..READ_TRIES {
                match read().await {
                    Err(StoreError::Away(error)) => {
                        tracing::debug!(%error, "the read is tried again");
                    }
                    ended => return ended,
                }
            }
            read().await
        };
        match tokio::time::timeout(READ_WITHIN, tries).await {
            Ok(result) => result,
            Err(_) => Err(StoreError::TimedOut(READ_WITHIN.as_millis() as u64)),
        }
    }
}

#[async_trait]
impl Store for PostgresStore {
    fn epoch(&self) -> Epoch {
        self.epoch
    }

    fn connections(&self) -> Connections {
        let both = [&self.shared.appends, &self.shared.others];
        let open = both.iter().map(|pool| pool.size()).sum();
        let idle: usize = both.iter().map(|pool| pool.num_idle()).sum();
        Connections {
            open,
            busy: open.saturating_sub(u32::try_from(idle).unwrap_or(open)),
        }
    }

    async fn is_empty(&self) -> Result<bool> {
        self.read(|| accounts::is_empty(&self.shared.others)).await
    }

    async fn backup(&self, _: &Path) -> Result<()> {
        Err(StoreError::Statement(
            "PostgreSQL is backed up by its own tools: use pg_dump, or pg_basebackup with an archive"
                .to_owned(),
        ))
    }

    async fn check(&self) -> Result<()> {
        sqlx::query("UPDATE meta SET checked_at = $1")
            .bind(value::int((self.shared.clock)()))
            .execute(&self.shared.others)
            .await
            .map(drop)
            .map_err(error::from_sqlx)
    }

    async fn close(&self) {
        self.shared.appends.close().await;
        self.shared.others.close().await;
    }

    async fn prune(&self, now_ms: u64, limit: u32) -> Result<u64> {
        prune::prune(&self.shared.others, now_ms, limit).await
    }

    async fn erase_load(&self, limit: u32) -> Result<u64> {
        erase::load(&self.shared.others, limit).await
    }

    async fn append(&self, commands: Vec<RoomCommand>) -> Result<Appended> {
        append::append(&self.shared, commands).await
    }

    async fn create_user(&self, user: NewUser) -> Result<std::result::Result<(), Refusal>> {
        accounts::create(&self.shared.others, user).await
    }

    async fn user(&self, user: UserId) -> Result<Option<UserRow>> {
        self.read(|| accounts::by_id(&self.shared.others, user))
            .await
    }

    async fn user_by_name(&self, folded: &str) -> Result<Option<UserRow>> {
        self.read(|| accounts::by_name(&self.shared.others, folded))
            .await
    }

    async fn users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<UserRow>> {
        self.read(|| accounts::all(&self.shared.others, after, limit))
            .await
    }

    async fn people(&self, ids: &[UserId], folded_names: &[String]) -> Result<Vec<Person>> {
        self.read(|| accounts::people(&self.shared.others, ids, folded_names))
            .await
    }

    async fn set_password(&self, user: UserId, hash: &str) -> Result<()> {
        accounts::set(
            &self.shared.others,
            user,
            accounts::Set::Password(hash.to_owned()),
        )
        .await
    }

    async fn set_disabled(&self, user: UserId, disabled: bool) -> Result<()> {
        accounts::set(&self.shared.others, user, accounts::Set::Disabled(disabled)).await
    }

    async fn set_administrator(&self, user: UserId, administrator: bool) -> Result<()> {
        accounts::set(
            &self.shared.others,
            user,
            accounts::Set::Administrator(administrator),
        )
        .await
    }

    async fn create_session(&self, session: NewSession) -> Result<()> {
        sessions::create(&self.shared.others, session).await
    }

    async fn session_by_token(&self, hash: &TokenHash) -> Result<Option<SessionFound>> {
        self.read(|| sessions::by_token(&self.shared.others, hash))
            .await
    }

    async fn offer_token(&self, session: SessionId, next: &TokenHash, now_ms: u64) -> Result<()> {
        sessions::offer(&self.shared.others, session, next, now_ms).await
    }

    async fn accept_token(&self, session: SessionId, next: &TokenHash, now_ms: u64) -> Result<()> {
        sessions::accept(&self.shared.others, session, next, now_ms).await
    }

    async fn touch_sessions(&self, seen: &[(SessionId, u64, String)]) -> Result<()> {
        sessions::touch(&self.shared.others, seen).await
    }

    async fn sessions(&self, user: UserId) -> Result<Vec<SessionRow>> {
        self.read(|| sessions::of_user(&self.shared.others, user))
            .await
    }

    async fn end_session(&self, user: UserId, session: SessionId) -> Result<bool> {
        sessions::end(&self.shared.others, user, session).await
    }

    async fn end_sessions(&self, user: UserId, but: Option<SessionId>) -> Result<Vec<SessionId>> {
        sessions::end_all(&self.shared.others, user, but).await
    }

    async fn create_invite(&self, invite: NewInvite) -> Result<()> {
        invites::create(&self.shared.others, invite).await
    }

    async fn invite(
        &self,
        code: &CodeHash,
        user: Option<UserId>,
        now_ms: u64,
    ) -> Result<Option<InviteRow>> {
        self.read(|| invites::by_code(&self.shared.others, code, user, now_ms))
            .await
    }

    async fn use_invite(&self, code: &CodeHash, user: UserId, now_ms: u64) -> Result<bool> {
        invites::use_once(&self.shared.others, code, user, now_ms).await
    }

    async fn access(&self, room: RoomId, reader: UserId) -> Result<Option<Access>> {
        self.read(|| rooms::access(&self.shared.others, room, reader))
            .await
    }

    async fn room_by_name(&self, folded: &str) -> Result<Option<RoomId>> {
        self.read(|| rooms::room_by_name(&self.shared.others, folded))
            .await
    }

    async fn summary(&self, room: RoomId, reader: UserId) -> Result<Option<RoomSummary>> {
        self.read(|| rooms::summary(&self.shared.others, room, reader))
            .await
    }

    async fn heads(&self, reader: UserId) -> Result<Vec<(Head, bool)>> {
        self.read(|| rooms::heads(&self.shared.others, reader))
            .await
    }

    async fn directory(
        &self,
        reader: UserId,
        after_folded: &str,
        limit: u16,
    ) -> Result<Vec<RoomListing>> {
        self.read(|| rooms::directory(&self.shared.others, reader, after_folded, limit))
            .await
    }

    async fn members(
        &self,
        room: RoomId,
        after: Option<UserId>,
        limit: u16,
    ) -> Result<Vec<(Person, Role)>> {
        self.read(|| rooms::members(&self.shared.others, room, after, limit))
            .await
    }

    async fn member_ids(&self, room: RoomId, limit: u32) -> Result<Vec<UserId>> {
        self.read(|| rooms::member_ids(&self.shared.others, room, limit))
            .await
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
        self.read(|| {
            page::page(
                &self.shared.others,
                room,
                timeline,
                place,
                seq,
                limit,
                visible_from,
            )
        })
        .await
    }

    async fn changes(&self, room: RoomId, since: u64, visible_from: u64) -> Result<RoomChanges> {
        self.read(|| changes::changes(&self.shared.others, room, since, visible_from))
            .await
    }

    async fn user_changes(&self, user: UserId, since: Option<u64>) -> Result<UserChanges> {
        self.read(|| own::user_changes(&self.shared.others, user, since))
            .await
    }

    async fn mark(
        &self,
        user: UserId,
        room: RoomId,
        timeline: Timeline,
        seq: u64,
    ) -> Result<Option<(UserAppended, Marker)>> {
        marks::mark(&self.shared.others, user, room, timeline, seq).await
    }

    async fn put_text(&self, long: LongText, bytes: Vec<u8>) -> Result<()> {
        texts::put(&self.shared.others, long, bytes, (self.shared.clock)()).await
    }

    async fn text(
        &self,
        room: RoomId,
        timeline: Timeline,
        seq: u64,
        visible_from: u64,
    ) -> Result<Option<(LongText, Vec<u8>)>> {
        self.read(|| texts::get(&self.shared.others, room, timeline, seq, visible_from))
            .await
    }

    async fn rooms_reached(&self, rooms: &[RoomId]) -> Result<Vec<Head>> {
        self.read(|| reached::rooms(&self.shared.others, rooms))
            .await
    }

    async fn people_reached(&self, users: &[UserId]) -> Result<Vec<(UserId, u64)>> {
        self.read(|| reached::people(&self.shared.others, users))
            .await
    }

    async fn living_sessions(&self, sessions: &[SessionId]) -> Result<Vec<SessionId>> {
        self.read(|| reached::sessions(&self.shared.others, sessions))
            .await
    }
}
