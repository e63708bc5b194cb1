//! The store on PostgreSQL: many nodes, one database. Nothing is known without a lock: what a batch
//! is decided on is looked up in the transaction that writes it, behind the room's lock.

mod accounts;
mod append;
mod changes;
mod erase;
mod error;
mod examine;
mod failure;
mod invites;
mod keys;
mod load;
mod marks;
mod nodes;
mod open;
mod own;
mod page;
mod plan;
mod prune;
mod reached;
mod replicas;
mod rooms;
mod sessions;
mod settings;
mod target;
mod texts;
mod value;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parlor_protocol::account::Person;
use parlor_protocol::message::{LongText, Page, Place, Timeline};
use parlor_protocol::room::{Head, Role, RoomListing, RoomSummary};
use parlor_protocol::sync::{Marker, RoomChanges, UserChanges};
use parlor_protocol::{Epoch, Refusal, RoomId, SessionId, UserId};
use sqlx::PgPool;

pub use super::ReplicaReads;
pub use super::shared::clock::Clock;
pub use examine::{PostgresExamined, examine};
pub(super) use open::{bring_forward, steps};
pub use settings::PostgresSettings;
pub(super) use target::{Occupied, Target};

use super::shared::account::Set;
use super::shared::clock::system_now_ms;
use super::shared::delegate::delegating_store;
use super::shared::page::Asked;
use super::{
    Access, Appended, CodeHash, Connections, InviteRow, NewInvite, NewSession, NewUser, NodeBeat,
    Result, RoomCommand, SessionFound, SessionRow, Store, StoreError, TokenHash, UserAppended,
    UserRow,
};
use replicas::Replicas;

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
    replicas: Replicas,
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
        let replicas = Replicas::open(settings)?;
        let epoch = open::prepare(&options, clock()).await?;
        Ok(Self {
            epoch,
            shared: Arc::new(Shared {
                appends: open::pool(settings, &options, settings.for_appends()),
                others: open::pool(settings, &options, settings.for_others()),
                replicas,
                clock,
            }),
        })
    }

    /// Reads, again where the connection was lost meanwhile: a read changes nothing.
    async fn read<'a, T, F: Future<Output = Result<T>>>(
        &'a self,
        read: impl Fn(&'a PgPool) -> F,
    ) -> Result<T> {
        let readers = &self.shared.others;
        let tries = async {
            for _ in 1..READ_TRIES {
                match read(readers).await {
                    Err(StoreError::Away(error)) => {
                        tracing::debug!(%error, "the read is tried again");
                    }
                    ended => return ended,
                }
            }
            read(readers).await
        };
        match tokio::time::timeout(READ_WITHIN, tries).await {
            Ok(result) => result,
            Err(_) => Err(StoreError::TimedOut(READ_WITHIN.as_millis() as u64)),
        }
    }

    async fn read_page(&self, asked: Asked) -> Result<Page> {
        if let Some(page) = self.shared.replicas.page(asked).await {
            return Ok(page);
        }
        let page = self.read(|readers| page::page(readers, asked)).await?;
        self.noted(asked.room, page.as_of);
        Ok(page)
    }

    async fn read_changes(
        &self,
        room: RoomId,
        since: u64,
        visible_from: u64,
    ) -> Result<RoomChanges> {
        let replicas = &self.shared.replicas;
        if let Some(changes) = replicas.changes(room, since, visible_from).await {
            return Ok(changes);
        }
        let read = |readers| changes::changes(readers, room, since, visible_from);
        let changes = self.read(read).await?;
        self.noted(room, changes.rev);
        Ok(changes)
    }

    fn writes(&self) -> &PgPool {
        &self.shared.others
    }
}

delegating_store!(PostgresStore {
    fn epoch(&self) -> Epoch {
        self.epoch
    }

    fn connections(&self) -> Connections {
        let (mut open, mut idle, mut most) = (0, 0, 0);
        let shared = &self.shared;
        for pool in [&shared.appends, &shared.others]
            .into_iter()
            .chain(shared.replicas.pools())
        {
            open += pool.size();
            most += pool.options().get_max_connections();
            idle += pool.num_idle();
        }
        Connections {
            most,
            open,
            busy: open.saturating_sub(u32::try_from(idle).unwrap_or(open)),
        }
    }

    fn replica_reads(&self) -> ReplicaReads {
        self.shared.replicas.reads()
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
        for pool in self.shared.replicas.pools() {
            pool.close().await;
        }
    }

    async fn append(&self, commands: Vec<RoomCommand>) -> Result<Appended> {
        let appended = append::append(&self.shared, commands).await?;
        self.shared.replicas.note_appended(&appended);
        Ok(appended)
    }

    fn noted(&self, room: RoomId, rev: u64) {
        self.shared.replicas.note(room, rev);
    }

    async fn put_text(&self, long: LongText, bytes: Vec<u8>) -> Result<()> {
        texts::put(&self.shared.others, long, bytes, (self.shared.clock)()).await
    }

    async fn beat(&self, beat: NodeBeat) -> Result<()> {
        nodes::beat(&self.shared.others, beat, (self.shared.clock)()).await
    }

    async fn nodes(&self, limit: u32) -> Result<Vec<NodeBeat>> {
        self.read(|readers| nodes::all(readers, limit)).await
    }
});
