//! Messages, and which of them are held.

use parlor_protocol::message::LongText;
use parlor_protocol::{RoomId, SendKey};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, Transaction};

use super::content::Content;
use super::error::StoreError;
use super::row::{MessageRow, RoomWrite};
use super::value::{bytes, int, number, optional_bytes, optional_number, small, user};
use crate::log::{SeqRange, SeqRanges};

/// The only timeline of a room until threads come.
const ROOM_TIMELINE: i64 = 0;

/// What became of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PagePut {
    Kept,
    /// The room is held at this rev, newer than the page: bring the page there first.
    Older {
        held: u64,
    },
    /// The room is not among those held.
    NoRoom,
}

impl Content {
    /// Messages of a range that are held, in seq order.
    pub async fn messages(
        &self,
        room: RoomId,
        range: SeqRange,
    ) -> Result<Vec<MessageRow>, StoreError> {
        let database = self.database();
        let read = async {
            let rows = sqlx::query(
                "SELECT * FROM messages WHERE room = ? AND timeline = ? AND seq BETWEEN ? AND ? ORDER BY seq",
            )
            .bind(&room.0[..])
            .bind(ROOM_TIMELINE)
            .bind(int(range.first()))
            .bind(int(range.last()))
            .fetch_all(database.reader())
            .await?;
            rows.iter().map(message_row).collect::<sqlx::Result<_>>()
        };
        read.await
            .map_err(|error: sqlx::Error| database.failed(error))
    }

    /// Which seqs are held.
    pub async fn ranges(&self, room: RoomId) -> Result<SeqRanges, StoreError> {
        let database = self.database();
        let read = async {
            let rows = sqlx::query(
                "SELECT first, last FROM ranges WHERE room = ? AND timeline = ? ORDER BY first",
            )
            .bind(&room.0[..])
            .bind(ROOM_TIMELINE)
            .fetch_all(database.reader())
            .await?;
            read_ranges(&rows)
        };
        read.await
            .map_err(|error: sqlx::Error| database.failed(error))
    }

    /// Applies a batch or a catch-up at once. A message is written when it is held already, new at
    /// the head, or next to one that is held; others stay to be fetched. `false`: the room is not
    /// held.
    pub async fn apply(&self, room: RoomId, write: &RoomWrite) -> Result<bool, StoreError> {
        let database = self.database();
        let mut transaction = database.write().await?;
        let apply = async {
            let Some(head) = head(&mut transaction, room).await? else {
                return Ok(false);
            };
            let held = ranges(&mut transaction, room).await?;
            let mut after = held.clone();
            let mut forgotten = Vec::new();
            for message in &write.messages {
                let seq = message.seq;
                // A page may have run ahead of the batches: what they bring then closes the hole.
                let beside = after.contains(seq.saturating_add(1))
                    || seq
                        .checked_sub(1)
                        .is_some_and(|below| after.contains(below));
                if seq > head || beside || after.contains(seq) {
                    put_message(&mut transaction, room, message).await?;
                    forgotten.extend(after.insert(SeqRange::one(seq)));
                }
            }
            put_ranges(&mut transaction, room, &held, &after, &forgotten).await?;
            put_room_write(&mut transaction, room, write).await?;
            transaction.commit().await?;
            Ok(true)
        };
        apply
            .await
            .map_err(|error: sqlx::Error| database.failed(error))
    }

    /// Keeps a message of one's own that was acknowledged before its entry came, where it follows
    /// the newest one held. Elsewhere others stand between, and it is left to its entry, so that
    /// nothing is taken for held over a hole. Whether it was kept.
    pub async fn keep_own(&self, room: RoomId, message: &MessageRow) -> Result<bool, StoreError> {
        let database = self.database();
        let mut transaction = database.write().await?;
        let keep = async {
            let head = head(&mut transaction, room).await?;
            if head.is_none_or(|head| head + 1 != message.seq) {
                return Ok(false);
            }
            let held = ranges(&mut transaction, room).await?;
            let mut after = held.clone();
            put_message(&mut transaction, room, message).await?;
            let forgotten: Vec<SeqRange> = after
                .insert(SeqRange::one(message.seq))
                .into_iter()
                .collect();
            put_ranges(&mut transaction, room, &held, &after, &forgotten).await?;
            transaction.commit().await?;
            Ok(true)
        };
        keep.await
            .map_err(|error: sqlx::Error| database.failed(error))
    }

    /// Drops what is held of a room's messages; `through` is held of what comes now.
    pub async fn reset(&self, room: RoomId, through: u64) -> Result<(), StoreError> {
        let database = self.database();
        let mut transaction = database.write().await?;
        let reset = async {
            for statement in [
                "DELETE FROM messages WHERE room = ?",
                "DELETE FROM ranges WHERE room = ?",
            ] {
                sqlx::query(statement)
                    .bind(&room.0[..])
                    .execute(&mut *transaction)
                    .await?;
            }
            sqlx::query("UPDATE rooms SET held = ? WHERE room = ?")
                .bind(int(through))
                .bind(&room.0[..])
                .execute(&mut *transaction)
                .await?;
            super::rooms::forget_texts(&mut transaction).await?;
            transaction.commit().await
        };
        reset.await.map_err(|error| database.failed(error))
    }

    /// Writes a page: all messages of `range`, as current as `as_of`. Refused when the room is held
    /// at a newer rev, perhaps by another process.
    pub async fn put_page(
        &self,
        room: RoomId,
        range: SeqRange,
        as_of: u64,
        messages: &[MessageRow],
    ) -> Result<PagePut, StoreError> {
        let database = self.database();
        let mut transaction = database.write().await?;
        let put = async {
            let row = sqlx::query("SELECT held FROM rooms WHERE room = ?")
                .bind(&room.0[..])
                .fetch_optional(&mut *transaction)
                .await?;
            let Some(row) = row else {
                return Ok(PagePut::NoRoom);
            };
            match optional_number(&row, "held")? {
                Some(held) if held > as_of => return Ok(PagePut::Older { held }),
                Some(_) => {}
                // Nothing was held: from here on the page is, at its own rev.
                None => {
                    sqlx::query("UPDATE rooms SET held = ? WHERE room = ?")
                        .bind(int(as_of))
                        .bind(&room.0[..])
                        .execute(&mut *transaction)
                        .await?;
                }
            }
            for message in messages {
                put_message(&mut transaction, room, message).await?;
            }
            let held = ranges(&mut transaction, room).await?;
            let mut after = held.clone();
            let forgotten: Vec<SeqRange> = after.insert(range).into_iter().collect();
            put_ranges(&mut transaction, room, &held, &after, &forgotten).await?;
            transaction.commit().await?;
            Ok(PagePut::Kept)
        };
        put.await
            .map_err(|error: sqlx::Error| database.failed(error))
    }

    /// Retention removed everything below `floor`.
    pub async fn forget_below(&self, room: RoomId, floor: u64) -> Result<(), StoreError> {
        let database = self.database();
        let mut transaction = database.write().await?;
        let forget = async {
            let held = ranges(&mut transaction, room).await?;
            let mut after = held.clone();
            after.remove_below(floor);
            sqlx::query("DELETE FROM messages WHERE room = ? AND timeline = ? AND seq < ?")
                .bind(&room.0[..])
                .bind(ROOM_TIMELINE)
                .bind(int(floor))
                .execute(&mut *transaction)
                .await?;
            put_ranges(&mut transaction, room, &held, &after, &[]).await?;
            transaction.commit().await
        };
        forget.await.map_err(|error| database.failed(error))
    }

    /// Keeps a long text that was loaded.
    pub async fn put_text(&self, hash: &[u8; 32], text: &str) -> Result<(), StoreError> {
        let database = self.database();
        sqlx::query("INSERT OR IGNORE INTO texts (hash, text) VALUES (?, ?)")
            .bind(&hash[..])
            .bind(text)
            .execute(database.writer())
            .await
            .map_err(|error| database.failed(error))?;
        Ok(())
    }

    /// A long text, if it was loaded.
    pub async fn text(&self, hash: &[u8; 32]) -> Result<Option<String>, StoreError> {
        let database = self.database();
        let row = sqlx::query("SELECT text FROM texts WHERE hash = ?")
            .bind(&hash[..])
            .fetch_optional(database.reader())
            .await
            .map_err(|error| database.failed(error))?;
        row.map(|row| row.try_get("text"))
            .transpose()
            .map_err(|error| database.failed(error))
    }
}

async fn head(
    transaction: &mut Transaction<'static, Sqlite>,
    room: RoomId,
) -> sqlx::Result<Option<u64>> {
    // Not the room's own head, which heads raise: the newest message that is held.
    let row = sqlx::query(
        "SELECT ifnull((SELECT max(last) FROM ranges WHERE room = rooms.room AND timeline = 0), 0) AS head
         FROM rooms WHERE room = ? AND held IS NOT NULL",
    )
    .bind(&room.0[..])
    .fetch_optional(&mut **transaction)
    .await?;
    row.map(|row| number(&row, "head")).transpose()
}

async fn ranges(
    transaction: &mut Transaction<'static, Sqlite>,
    room: RoomId,
) -> sqlx::Result<SeqRanges> {
    let rows = sqlx::query(
        "SELECT first, last FROM ranges WHERE room = ? AND timeline = ? ORDER BY first",
    )
    .bind(&room.0[..])
    .bind(ROOM_TIMELINE)
    .fetch_all(&mut **transaction)
    .await?;
    read_ranges(&rows)
}

fn read_ranges(rows: &[SqliteRow]) -> sqlx::Result<SeqRanges> {
    let mut held = SeqRanges::new();
    for row in rows {
        if let Some(range) = SeqRange::new(number(row, "first")?, number(row, "last")?) {
            // The store keeps no more than fit.
            let _ = held.insert(range);
        }
    }
    Ok(held)
}

/// Writes the difference between two lists of ranges, and lets rows of forgotten ones go.
async fn put_ranges(
    transaction: &mut Transaction<'static, Sqlite>,
    room: RoomId,
    before: &SeqRanges,
    after: &SeqRanges,
    forgotten: &[SeqRange],
) -> sqlx::Result<()> {
    let (old, new): (Vec<SeqRange>, Vec<SeqRange>) =
        (before.iter().collect(), after.iter().collect());
    for range in old.iter().filter(|range| !new.contains(range)) {
        sqlx::query("DELETE FROM ranges WHERE room = ? AND timeline = ? AND first = ?")
            .bind(&room.0[..])
            .bind(ROOM_TIMELINE)
            .bind(int(range.first()))
            .execute(&mut **transaction)
            .await?;
    }
    for range in new.iter().filter(|range| !old.contains(range)) {
        sqlx::query("INSERT INTO ranges (room, timeline, first, last) VALUES (?, ?, ?, ?)")
            .bind(&room.0[..])
            .bind(ROOM_TIMELINE)
            .bind(int(range.first()))
            .bind(int(range.last()))
            .execute(&mut **transaction)
            .await?;
    }
    for range in forgotten {
        sqlx::query("DELETE FROM messages WHERE room = ? AND timeline = ? AND seq BETWEEN ? AND ?")
            .bind(&room.0[..])
            .bind(ROOM_TIMELINE)
            .bind(int(range.first()))
            .bind(int(range.last()))
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

async fn put_message(
    transaction: &mut Transaction<'static, Sqlite>,
    room: RoomId,
    message: &MessageRow,
) -> sqlx::Result<()> {
    let MessageRow {
        seq,
        rev,
        author,
        at_ms,
        send_key,
        state,
        text,
        long,
    } = message;
    sqlx::query(
        "INSERT INTO messages (room, timeline, seq, rev, author, at, send_key, state, text, long_bytes, long_hash)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (room, timeline, seq) DO UPDATE SET
             rev = excluded.rev, author = excluded.author, at = excluded.at, send_key = excluded.send_key,
             state = excluded.state, text = excluded.text,
             long_bytes = excluded.long_bytes, long_hash = excluded.long_hash
         WHERE excluded.rev >= rev",
    )
    .bind(&room.0[..])
    .bind(ROOM_TIMELINE)
    .bind(int(*seq))
    .bind(int(*rev))
    .bind(&author.0[..])
    .bind(int(*at_ms))
    .bind(&send_key.0[..])
    .bind(i64::from(*state))
    .bind(text)
    .bind(long.map(|long| i64::from(long.bytes)))
    .bind(long.as_ref().map(|long| &long.hash[..]))
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

async fn put_room_write(
    transaction: &mut Transaction<'static, Sqlite>,
    room: RoomId,
    write: &RoomWrite,
) -> sqlx::Result<()> {
    let newest = write.messages.iter().max_by_key(|message| message.seq);
    sqlx::query(
        "UPDATE rooms SET held = max(held, ?), head = max(head, ?), active_at = max(active_at, ?),
             mention = max(mention, ?), role = ifnull(?, role) WHERE room = ?",
    )
    .bind(int(write.through))
    .bind(int(newest.map_or(0, |message| message.seq)))
    .bind(int(newest.map_or(0, |message| message.at_ms)))
    .bind(int(write.mention))
    .bind(write.role.map(i64::from))
    .bind(&room.0[..])
    .execute(&mut **transaction)
    .await?;
    if let Some(details) = &write.details {
        sqlx::query(
            "UPDATE rooms SET name = ?, topic = ?, floor = max(floor, ?), members = ?, rev = ?
             WHERE room = ? AND rev <= ?",
        )
        .bind(&details.name)
        .bind(&details.topic)
        .bind(int(details.floor))
        .bind(i64::from(details.members))
        .bind(int(details.rev))
        .bind(&room.0[..])
        .bind(int(details.rev))
        .execute(&mut **transaction)
        .await?;
    }
    Ok(())
}

fn message_row(row: &SqliteRow) -> sqlx::Result<MessageRow> {
    let long_bytes: Option<u32> =
        optional_number(row, "long_bytes")?.and_then(|bytes| u32::try_from(bytes).ok());
    let hash = optional_bytes(row, "long_hash")?;
    Ok(MessageRow {
        seq: number(row, "seq")?,
        rev: number(row, "rev")?,
        author: user(row, "author")?,
        at_ms: number(row, "at")?,
        send_key: SendKey(bytes(row, "send_key")?),
        state: small(row, "state")?,
        text: row.try_get("text")?,
        long: long_bytes
            .zip(hash)
            .map(|(bytes, hash)| LongText { bytes, hash }),
    })
}
