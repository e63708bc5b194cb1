//! Unsent messages, drafts and choices. Never disposable.

use std::path::Path;

use parlor_protocol::{RoomId, SendKey, UserId};
use sqlx::Row;
use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteRow;

use super::database::{Database, Durability};
use super::error::StoreError;
use super::row::{Acknowledged, Failure, OutboxRow};
use super::value::{int, number, optional_number, room, send_key, user};
use crate::outbox::MAX_UNSENT;

static MIGRATIONS: Migrator = sqlx::migrate!("../migrations/client/outbox");

/// Outcomes remembered for other processes; the oldest go.
pub const MAX_ACKNOWLEDGED: u32 = 1_000;

/// Takes a room's lease, renews one's own, or takes one that has run out.
const LEASE: &str = "INSERT INTO leases (room, owner, until) VALUES (?1, ?2, ?4)
    ON CONFLICT (room) DO UPDATE SET owner = ?2, until = ?4 WHERE owner = ?2 OR until <= ?3";

/// The outbox of a profile, shared by its processes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Outbox {
    database: Database,
}

impl Outbox {
    /// Opens the file. A damaged one is refused, never made anew.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let database = Database::open(Some(path), Durability::Power, &MIGRATIONS).await?;
        Ok(Self { database })
    }

    /// An outbox that leaves no trace.
    pub async fn in_memory() -> Result<Self, StoreError> {
        let database = Database::open(None, Durability::Power, &MIGRATIONS).await?;
        Ok(Self { database })
    }

    pub async fn close(&self) {
        self.database.close().await;
    }

    #[cfg(test)]
    pub(super) fn writer(&self) -> &sqlx::SqlitePool {
        self.database.writer()
    }

    /// Where it lies, for what a person is told.
    pub fn path(&self) -> &Path {
        self.database.path()
    }

    /// Keeps a message; durable when this returns.
    pub async fn add(
        &self,
        author: UserId,
        room: RoomId,
        key: SendKey,
        text: &str,
        now_ms: u64,
    ) -> Result<OutboxRow, StoreError> {
        let mut transaction = self.database.write().await?;
        let add = async {
            let row = sqlx::query("SELECT count(*) AS waiting FROM outbox")
                .fetch_one(&mut *transaction)
                .await?;
            let waiting = number(&row, "waiting")? as usize;
            if waiting >= MAX_UNSENT {
                return Ok(Err(waiting));
            }
            let added = sqlx::query(
                "INSERT INTO outbox (send_key, author, room, text, written_at) VALUES (?, ?, ?, ?, ?)",
            )
            .bind(&key.0[..])
            .bind(&author.0[..])
            .bind(&room.0[..])
            .bind(text)
            .bind(int(now_ms))
            .execute(&mut *transaction)
            .await?;
            transaction.commit().await?;
            Ok(Ok(added.last_insert_rowid()))
        };
        let place = add
            .await
            .map_err(|error: sqlx::Error| self.database.failed(error))?;
        Ok(OutboxRow {
            place: place.map_err(StoreError::OutboxFull)?,
            key,
            author,
            room,
            text: text.to_owned(),
            written_at_ms: now_ms,
            sent_at_ms: None,
            failed: None,
        })
    }

    /// All unsent messages of a person, in the order written.
    pub async fn rows(&self, author: UserId) -> Result<Vec<OutboxRow>, StoreError> {
        let read = async {
            let rows = sqlx::query("SELECT * FROM outbox WHERE author = ? ORDER BY place")
                .bind(&author.0[..])
                .fetch_all(self.database.reader())
                .await?;
            rows.iter().map(outbox_row).collect::<sqlx::Result<_>>()
        };
        read.await
            .map_err(|error: sqlx::Error| self.database.failed(error))
    }

    /// Whose unsent messages there are, and how many.
    pub async fn authors(&self) -> Result<Vec<(UserId, usize)>, StoreError> {
        let read = async {
            let rows =
                sqlx::query("SELECT author, count(*) AS waiting FROM outbox GROUP BY author")
                    .fetch_all(self.database.reader())
                    .await?;
            rows.iter()
                .map(|row| Ok((user(row, "author")?, number(row, "waiting")? as usize)))
                .collect::<sqlx::Result<_>>()
        };
        read.await
            .map_err(|error: sqlx::Error| self.database.failed(error))
    }

    /// Messages are about to be handed to a link: takes or renews the room's lease until `until_ms`
    /// and notes that from now on they may have arrived. `false`: another process sends the room's
    /// messages, and nothing is noted.
    pub async fn begin_sending(
        &self,
        room: RoomId,
        owner: u64,
        keys: &[SendKey],
        now_ms: u64,
        until_ms: u64,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.database.write().await?;
        let begin = async {
            let leased = sqlx::query(LEASE)
                .bind(&room.0[..])
                .bind(owner as i64)
                .bind(int(now_ms))
                .bind(int(until_ms))
                .execute(&mut *transaction)
                .await?;
            if leased.rows_affected() == 0 {
                return Ok(false);
            }
            for key in keys {
                sqlx::query("UPDATE outbox SET sent_at = ? WHERE send_key = ? AND sent_at IS NULL")
                    .bind(int(now_ms))
                    .bind(&key.0[..])
                    .execute(&mut *transaction)
                    .await?;
            }
            transaction.commit().await?;
            Ok(true)
        };
        begin
            .await
            .map_err(|error: sqlx::Error| self.database.failed(error))
    }

    /// A message that was never sent gets another key; `false` when it was sent or is gone.
    pub async fn renew(&self, old: SendKey, new: SendKey) -> Result<bool, StoreError> {
        let renewed =
            sqlx::query("UPDATE outbox SET send_key = ? WHERE send_key = ? AND sent_at IS NULL")
                .bind(&new.0[..])
                .bind(&old.0[..])
                .execute(self.database.writer())
                .await
                .map_err(|error| self.database.failed(error))?;
        Ok(renewed.rows_affected() == 1)
    }

    /// The server has it: it leaves the outbox, and what became of it is noted. With `release` that
    /// owner gives the room back in the same moment.
    pub async fn acknowledge(
        &self,
        done: Acknowledged,
        now_ms: u64,
        release: Option<u64>,
    ) -> Result<(), StoreError> {
        let Acknowledged {
            key,
            room,
            seq,
            at_ms,
        } = done;
        let mut transaction = self.database.write().await?;
        let acknowledge = async {
            sqlx::query("DELETE FROM outbox WHERE send_key = ?")
                .bind(&key.0[..])
                .execute(&mut *transaction)
                .await?;
            sqlx::query(
                "INSERT OR REPLACE INTO acknowledged (send_key, room, seq, at, noted_at) VALUES (?, ?, ?, ?, ?)",
            )
            .bind(&key.0[..])
            .bind(&room.0[..])
            .bind(int(seq))
            .bind(int(at_ms))
            .bind(int(now_ms))
            .execute(&mut *transaction)
            .await?;
            sqlx::query(
                "DELETE FROM acknowledged WHERE noted_at <
                     (SELECT noted_at FROM acknowledged ORDER BY noted_at DESC LIMIT 1 OFFSET ?)",
            )
            .bind(i64::from(MAX_ACKNOWLEDGED))
            .execute(&mut *transaction)
            .await?;
            if let Some(owner) = release {
                sqlx::query("DELETE FROM leases WHERE room = ? AND owner = ?")
                    .bind(&room.0[..])
                    .bind(owner as i64)
                    .execute(&mut *transaction)
                    .await?;
            }
            transaction.commit().await
        };
        acknowledge
            .await
            .map_err(|error| self.database.failed(error))
    }

    /// What became of a message lately.
    pub async fn acknowledged(&self, key: SendKey) -> Result<Option<Acknowledged>, StoreError> {
        let read = async {
            let row = sqlx::query("SELECT room, seq, at FROM acknowledged WHERE send_key = ?")
                .bind(&key.0[..])
                .fetch_optional(self.database.reader())
                .await?;
            let Some(row) = row else { return Ok(None) };
            Ok(Some(Acknowledged {
                key,
                room: room(&row)?,
                seq: number(&row, "seq")?,
                at_ms: number(&row, "at")?,
            }))
        };
        read.await
            .map_err(|error: sqlx::Error| self.database.failed(error))
    }

    /// It was refused for good; `None`: it was not after all.
    pub async fn set_failed(
        &self,
        key: SendKey,
        failed: Option<&Failure>,
    ) -> Result<(), StoreError> {
        sqlx::query("UPDATE outbox SET failed_code = ?, failed_text = ? WHERE send_key = ?")
            .bind(failed.map(|failure| i64::from(failure.code)))
            .bind(failed.map(|failure| &failure.text))
            .bind(&key.0[..])
            .execute(self.database.writer())
            .await
            .map_err(|error| self.database.failed(error))?;
        Ok(())
    }

    /// A failed message is tried again: last of all, under `new_key`. `None`: it is gone.
    pub async fn retry(
        &self,
        key: SendKey,
        new_key: SendKey,
    ) -> Result<Option<OutboxRow>, StoreError> {
        let mut transaction = self.database.write().await?;
        let retry = async {
            let row = sqlx::query(
                "UPDATE outbox SET failed_code = NULL, failed_text = NULL, send_key = ?1,
                     sent_at = iif(?1 = ?2, sent_at, NULL),
                     place = (SELECT max(place) + 1 FROM outbox)
                 WHERE send_key = ?2 AND failed_code IS NOT NULL RETURNING *",
            )
            .bind(&new_key.0[..])
            .bind(&key.0[..])
            .fetch_optional(&mut *transaction)
            .await?;
            let row = row.as_ref().map(outbox_row).transpose()?;
            transaction.commit().await?;
            Ok(row)
        };
        retry
            .await
            .map_err(|error: sqlx::Error| self.database.failed(error))
    }

    /// Takes a message out; the message, `None` when it is gone already.
    pub async fn remove(&self, key: SendKey) -> Result<Option<OutboxRow>, StoreError> {
        let mut transaction = self.database.write().await?;
        let remove = async {
            let row = sqlx::query("DELETE FROM outbox WHERE send_key = ? RETURNING *")
                .bind(&key.0[..])
                .fetch_optional(&mut *transaction)
                .await?;
            let row = row.as_ref().map(outbox_row).transpose()?;
            transaction.commit().await?;
            Ok(row)
        };
        remove
            .await
            .map_err(|error: sqlx::Error| self.database.failed(error))
    }

    /// Removes whatever is unsent, and all drafts: the person logs out for good.
    pub async fn clear(&self) -> Result<(), StoreError> {
        let mut transaction = self.database.write().await?;
        let clear = async {
            for statement in [
                "DELETE FROM outbox",
                "DELETE FROM drafts",
                "DELETE FROM acknowledged",
                "DELETE FROM leases",
                "DELETE FROM choices",
                "DELETE FROM markers",
            ] {
                sqlx::query(statement).execute(&mut *transaction).await?;
            }
            transaction.commit().await
        };
        clear.await.map_err(|error| self.database.failed(error))
    }

    /// Gives rooms back.
    pub async fn release(&self, rooms: &[RoomId], owner: u64) -> Result<(), StoreError> {
        let mut transaction = self.database.write().await?;
        let release = async {
            for room in rooms {
                sqlx::query("DELETE FROM leases WHERE room = ? AND owner = ?")
                    .bind(&room.0[..])
                    .bind(owner as i64)
                    .execute(&mut *transaction)
                    .await?;
            }
            transaction.commit().await
        };
        release.await.map_err(|error| self.database.failed(error))
    }

    /// A number that changes when another process has written. Cheap.
    pub async fn version(&self) -> Result<i64, StoreError> {
        // Per connection, and only the writer's is always the same one.
        let row = sqlx::query("PRAGMA data_version")
            .fetch_one(self.database.writer())
            .await
            .map_err(|error| self.database.failed(error))?;
        row.try_get(0).map_err(|error| self.database.failed(error))
    }

    pub async fn drafts(&self) -> Result<Vec<(RoomId, String)>, StoreError> {
        let read = async {
            let rows = sqlx::query("SELECT room, text FROM drafts")
                .fetch_all(self.database.reader())
                .await?;
            rows.iter()
                .map(|row| Ok((room(row)?, row.try_get("text")?)))
                .collect::<sqlx::Result<_>>()
        };
        read.await
            .map_err(|error: sqlx::Error| self.database.failed(error))
    }

    /// Keeps what the composer of a room holds; empty: nothing.
    pub async fn put_draft(&self, room: RoomId, text: &str, now_ms: u64) -> Result<(), StoreError> {
        let query = match text.is_empty() {
            true => sqlx::query("DELETE FROM drafts WHERE room = ?").bind(room.0.to_vec()),
            false => sqlx::query(
                "INSERT OR REPLACE INTO drafts (room, text, written_at) VALUES (?, ?, ?)",
            )
            .bind(room.0.to_vec())
            .bind(text.to_owned())
            .bind(int(now_ms)),
        };
        query
            .execute(self.database.writer())
            .await
            .map_err(|error| self.database.failed(error))?;
        Ok(())
    }

    /// Read markers that the server does not have yet.
    pub async fn markers(&self) -> Result<Vec<(RoomId, u64)>, StoreError> {
        let read = async {
            let rows = sqlx::query("SELECT room, seq FROM markers")
                .fetch_all(self.database.reader())
                .await?;
            rows.iter()
                .map(|row| Ok((room(row)?, number(row, "seq")?)))
                .collect::<sqlx::Result<_>>()
        };
        read.await
            .map_err(|error: sqlx::Error| self.database.failed(error))
    }

    /// Keeps a read marker for the next start; the greater wins.
    pub async fn put_marker(&self, room: RoomId, seq: u64) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO markers (room, seq) VALUES (?, ?)
             ON CONFLICT (room) DO UPDATE SET seq = max(seq, excluded.seq)",
        )
        .bind(&room.0[..])
        .bind(int(seq))
        .execute(self.database.writer())
        .await
        .map_err(|error| self.database.failed(error))?;
        Ok(())
    }

    pub async fn forget_marker(&self, room: RoomId) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM markers WHERE room = ?")
            .bind(&room.0[..])
            .execute(self.database.writer())
            .await
            .map_err(|error| self.database.failed(error))?;
        Ok(())
    }

    /// Rooms that are silenced on this machine.
    pub async fn muted(&self) -> Result<Vec<RoomId>, StoreError> {
        let read = async {
            let rows = sqlx::query("SELECT room FROM choices WHERE muted = 1")
                .fetch_all(self.database.reader())
                .await?;
            rows.iter().map(room).collect::<sqlx::Result<_>>()
        };
        read.await
            .map_err(|error: sqlx::Error| self.database.failed(error))
    }

    pub async fn set_muted(&self, room: RoomId, muted: bool) -> Result<(), StoreError> {
        sqlx::query("INSERT OR REPLACE INTO choices (room, muted) VALUES (?, ?)")
            .bind(&room.0[..])
            .bind(i64::from(muted))
            .execute(self.database.writer())
            .await
            .map_err(|error| self.database.failed(error))?;
        Ok(())
    }
}

fn outbox_row(row: &SqliteRow) -> sqlx::Result<OutboxRow> {
    let code = optional_number(row, "failed_code")?;
    let text: Option<String> = row.try_get("failed_text")?;
    Ok(OutboxRow {
        place: row.try_get("place")?,
        key: send_key(row)?,
        author: user(row, "author")?,
        room: room(row)?,
        text: row.try_get("text")?,
        written_at_ms: number(row, "written_at")?,
        sent_at_ms: optional_number(row, "sent_at")?,
        failed: code.map(|code| Failure {
            code: u16::try_from(code).unwrap_or(u16::MAX),
            text: text.unwrap_or_default(),
        }),
    })
}
