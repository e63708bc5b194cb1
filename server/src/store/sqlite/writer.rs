//! The one connection that writes, and what is known on its side.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use parlor_protocol::UserId;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tokio::sync::{Mutex, MutexGuard};

use super::Clock;
use super::cache::Cache;
use super::checkpoint::WalGauge;
use super::error::from_sqlx;
use super::marks::Marks;
use super::value::int;
use crate::room::rules::{room_of, target_of};
use crate::store::{Result, RoomCommand, StoreError};

/// Pages of the log that one row costs at most, about: those that its tables and indexes change.
const PAGES_PER_ROW: u64 = 5;
/// SQLite's page, bytes.
const PAGE_BYTES: usize = 4_096;

pub(super) struct Writer {
    held: Mutex<Held>,
    pub(super) marks: Marks,
}

/// What is touched under the lock only.
pub(super) struct Held {
    options: SqliteConnectOptions,
    /// `None` after an error that leaves open what the connection is in the middle of: closing it
    /// rolls back, the next use opens it anew.
    connection: Option<SqliteConnection>,
    closed: bool,
    pub(super) cache: Cache,
    /// The next room's number.
    next_room: i64,
    clock: Clock,
    wal: Arc<WalGauge>,
}

type Work<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl Writer {
    /// Whether somebody writes now.
    pub(super) fn is_busy(&self) -> bool {
        self.held.try_lock().is_err()
    }

    pub(super) async fn open(
        options: SqliteConnectOptions,
        clock: Clock,
        wal: Arc<WalGauge>,
    ) -> Result<Self> {
        let mut held = Held {
            options,
            connection: None,
            closed: false,
            cache: Cache::new(),
            next_room: 1,
            clock,
            wal,
        };
        held.connection().await?;
        Ok(Self {
            held: Mutex::new(held),
            marks: Marks::default(),
        })
    }

    /// Runs work on the connection, alone. It runs to its end even when the caller goes away: a
    /// transaction is never cut.
    pub(super) async fn run<T, F>(self: &Arc<Self>, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut Held) -> Work<'a, Result<T>> + Send + 'static,
    {
        let writer = Arc::clone(self);
        let task = tokio::spawn(async move {
            let mut held = writer.held.lock().await;
            let result = work(&mut held).await;
            if let Err(error) = &result {
                held.failed(error);
            }
            result
        });
        task.await
            .unwrap_or_else(|error| Err(StoreError::Away(format!("its writer ended: {error}"))))
    }

    /// Writes something, durably.
    pub(super) async fn check(self: &Arc<Self>) -> Result<()> {
        self.run(|held| {
            Box::pin(async move {
                let now_ms = held.now_ms();
                let write = sqlx::query("UPDATE meta SET checked_at = ?").bind(int(now_ms));
                write
                    .execute(held.connection().await?)
                    .await
                    .map_err(from_sqlx)?;
                held.wrote(1);
                Ok(())
            })
        })
        .await
    }

    /// Keeps everyone from writing while the guard lives.
    pub(super) async fn hold(&self) -> MutexGuard<'_, Held> {
        self.held.lock().await
    }

    pub(super) async fn close(&self) {
        let mut held = self.held.lock().await;
        held.closed = true;
        if let Some(mut connection) = held.connection.take() {
            let _ = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
                .execute(&mut connection)
                .await;
            let _ = connection.close().await;
        }
    }
}

impl Held {
    pub(super) fn now_ms(&self) -> u64 {
        (self.clock)()
    }

    pub(super) async fn connection(&mut self) -> Result<&mut SqliteConnection> {
        Ok(self.parts().await?.0)
    }

    /// The connection, the cache and the next room's number, to be used side by side.
    pub(super) async fn parts(&mut self) -> Result<(&mut SqliteConnection, &mut Cache, &mut i64)> {
        if self.closed {
            return Err(StoreError::Away("it is closed".to_owned()));
        }
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let mut connection = self.options.connect().await.map_err(from_sqlx)?;
                let next =
                    sqlx::query_scalar::<_, i64>("SELECT coalesce(max(id), 0) + 1 FROM rooms");
                self.next_room = next.fetch_one(&mut connection).await.map_err(from_sqlx)?;
                self.cache.clear();
                connection
            }
        };
        Ok((
            self.connection.insert(connection),
            &mut self.cache,
            &mut self.next_room,
        ))
    }

    /// Forgets what a transaction that took no effect has moved.
    pub(super) fn forget(&mut self, commands: &[RoomCommand]) {
        for command in commands {
            self.cache.drop_room(room_of(command));
            self.forget_person(command.actor);
            if let Some(user) = target_of(&command.change) {
                self.forget_person(user);
            }
        }
    }

    pub(super) fn forget_person(&mut self, user: UserId) {
        self.cache.people.pop(&user);
    }

    /// After an error that leaves open what the database holds, nothing known is trusted.
    pub(super) fn failed(&mut self, error: &StoreError) {
        self.cache.clear();
        if !matches!(error, StoreError::Full) {
            self.connection = None;
        }
    }

    /// Counts what was written for the checkpointer.
    pub(super) fn wrote(&self, rows: usize) {
        self.wal.grew(rows as u64 * PAGES_PER_ROW);
    }

    /// The same of texts, which may fill pages of their own.
    pub(super) fn wrote_bytes(&self, bytes: usize) {
        self.wal.grew((bytes / PAGE_BYTES) as u64);
    }
}
