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
mod nodes;
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
mod source;
mod texts;
mod value;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parlor_protocol::account::Person;
use parlor_protocol::message::{LongText, Page, Place, Timeline};
use parlor_protocol::room::{Head, Role, RoomListing, RoomSummary};
use parlor_protocol::sync::{Marker, RoomChanges, UserChanges};
use parlor_protocol::{Epoch, Refusal, RoomId, SessionId, UserId};
use sqlx::SqlitePool;

pub use backup::restore;
pub(super) use open::{prepare as bring_forward, steps};
pub(super) use source::Source;

use super::shared::account::Set;
pub use super::shared::clock::Clock;
use super::shared::clock::system_now_ms;
use super::shared::delegate::delegating_store;
use super::shared::page::Asked;
use super::shared::{batch, cache, collect, epoch, found, split, write};
use super::{
    Access, Appended, CodeHash, Connections, InviteRow, NewInvite, NewSession, NewUser, NodeBeat,
    Result, RoomCommand, SessionFound, SessionRow, StoreError, TokenHash, UserAppended, UserRow,
};
use checkpoint::{Checkpointer, WalGauge};
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

    /// Reads end by themselves, and soon; this bounds what a stuck disk can hold up.
    async fn read<'a, T, F: Future<Output = Result<T>>>(
        &'a self,
        read: impl FnOnce(&'a SqlitePool) -> F,
    ) -> Result<T> {
        match tokio::time::timeout(READ_WITHIN, read(&self.readers)).await {
            Ok(result) => result,
            Err(_) => Err(StoreError::TimedOut(READ_WITHIN.as_millis() as u64)),
        }
    }

    async fn read_page(&self, asked: Asked) -> Result<Page> {
        self.read(|readers| page::page(readers, asked)).await
    }

    async fn read_changes(
        &self,
        room: RoomId,
        since: u64,
        visible_from: u64,
    ) -> Result<RoomChanges> {
        self.read(|readers| changes::changes(readers, room, since, visible_from))
            .await
    }

    fn writes(&self) -> &Arc<Writer> {
        &self.writer
    }
}

delegating_store!(SqliteStore {
    fn epoch(&self) -> Epoch {
        self.epoch
    }

    fn connections(&self) -> Connections {
        let readers = self.readers.size();
        let idle = u32::try_from(self.readers.num_idle()).unwrap_or(readers);
        // The writer and the checkpointer have one each.
        Connections {
            most: self.readers.options().get_max_connections() + 2,
            open: readers + 2,
            busy: readers.saturating_sub(idle) + u32::from(self.writer.is_busy()),
        }
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

    async fn append(&self, commands: Vec<RoomCommand>) -> Result<Appended> {
        self.writer
            .run(move |held| Box::pin(append::append(held, commands)))
            .await
    }

    fn noted(&self, _: RoomId, _: u64) {}

    async fn put_text(&self, long: LongText, bytes: Vec<u8>) -> Result<()> {
        texts::put(&self.writer, long, bytes).await
    }

    async fn beat(&self, beat: NodeBeat) -> Result<()> {
        nodes::beat(&self.writer, beat).await
    }

    async fn nodes(&self, limit: u32) -> Result<Vec<NodeBeat>> {
        self.read(|readers| nodes::all(readers, limit)).await
    }
});

#[cfg(test)]
mod tests;
