//! The list of rooms.

use parlor_protocol::RoomId;
use parlor_protocol::room::Head;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, Transaction};

use super::content::Content;
use super::error::StoreError;
use super::row::RoomRow;
use super::value::{int, number, optional_bytes, optional_number, room, small};
use parlor_protocol::UserId;

impl Content {
    pub async fn rooms(&self) -> Result<Vec<RoomRow>, StoreError> {
        let database = self.database();
        let read = async {
            let rows = sqlx::query("SELECT * FROM rooms")
                .fetch_all(database.reader())
                .await?;
            rows.iter().map(room_row).collect::<sqlx::Result<_>>()
        };
        read.await
            .map_err(|error: sqlx::Error| database.failed(error))
    }

    /// Writes rooms as the server tells them. What is held of one stays, its marker and head only
    /// grow, and an older rev changes neither name nor topic.
    pub async fn put_rooms(&self, rows: &[RoomRow]) -> Result<(), StoreError> {
        let database = self.database();
        let mut transaction = database.write().await?;
        let write = async {
            for row in rows {
                put_room(&mut transaction, row).await?;
            }
            transaction.commit().await
        };
        write.await.map_err(|error| database.failed(error))
    }

    /// Heads as they are; they only grow.
    pub async fn put_heads(&self, heads: &[Head]) -> Result<(), StoreError> {
        let database = self.database();
        let mut transaction = database.write().await?;
        let write = async {
            for Head { room, head, rev: _ } in heads {
                sqlx::query("UPDATE rooms SET head = ? WHERE room = ? AND head < ?")
                    .bind(int(*head))
                    .bind(&room.0[..])
                    .bind(int(*head))
                    .execute(&mut *transaction)
                    .await?;
            }
            transaction.commit().await
        };
        write.await.map_err(|error| database.failed(error))
    }

    /// The read marker moved; the greater wins.
    pub async fn put_marker(
        &self,
        room: RoomId,
        read: u64,
        unread_gone: u64,
    ) -> Result<(), StoreError> {
        let database = self.database();
        sqlx::query("UPDATE rooms SET read = ?, unread_gone = ? WHERE room = ? AND read <= ?")
            .bind(int(read))
            .bind(int(unread_gone))
            .bind(&room.0[..])
            .bind(int(read))
            .execute(database.writer())
            .await
            .map_err(|error| database.failed(error))?;
        Ok(())
    }

    /// The room is on screen.
    pub async fn put_opened(&self, room: RoomId, now_ms: u64) -> Result<(), StoreError> {
        let database = self.database();
        sqlx::query("UPDATE rooms SET opened_at = ? WHERE room = ?")
            .bind(int(now_ms))
            .bind(&room.0[..])
            .execute(database.writer())
            .await
            .map_err(|error| database.failed(error))?;
        Ok(())
    }

    /// Removes rooms and everything held of them.
    pub async fn remove_rooms(&self, rooms: &[RoomId]) -> Result<(), StoreError> {
        let database = self.database();
        let mut transaction = database.write().await?;
        let write = async {
            for room in rooms {
                for statement in [
                    "DELETE FROM messages WHERE room = ?",
                    "DELETE FROM ranges WHERE room = ?",
                    "DELETE FROM rooms WHERE room = ?",
                ] {
                    sqlx::query(statement)
                        .bind(&room.0[..])
                        .execute(&mut *transaction)
                        .await?;
                }
            }
            forget_texts(&mut transaction).await?;
            transaction.commit().await
        };
        write.await.map_err(|error| database.failed(error))
    }
}

/// Long texts that no message held names any more.
pub(super) async fn forget_texts(
    transaction: &mut Transaction<'static, Sqlite>,
) -> sqlx::Result<()> {
    sqlx::query(
        "DELETE FROM texts WHERE hash NOT IN (SELECT long_hash FROM messages WHERE long_hash IS NOT NULL)",
    )
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

async fn put_room(
    transaction: &mut Transaction<'static, Sqlite>,
    row: &RoomRow,
) -> sqlx::Result<()> {
    let RoomRow {
        room,
        kind,
        name,
        topic,
        direct_with,
        role,
        members,
        head,
        floor,
        visible_from,
        rev,
        held: _,
        read,
        unread_gone,
        mention: _,
        active_at_ms: _,
        opened_at_ms: _,
    } = row;
    sqlx::query(
        "INSERT INTO rooms (room, kind, name, topic, direct_with, role, members, head, floor,
             visible_from, rev, read, unread_gone)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (room) DO UPDATE SET
             kind = excluded.kind, direct_with = excluded.direct_with, role = excluded.role,
             visible_from = excluded.visible_from,
             name = iif(excluded.rev >= rev, excluded.name, name),
             topic = iif(excluded.rev >= rev, excluded.topic, topic),
             members = iif(excluded.rev >= rev, excluded.members, members),
             rev = max(rev, excluded.rev),
             head = max(head, excluded.head),
             floor = max(floor, excluded.floor),
             unread_gone = iif(excluded.read >= read, excluded.unread_gone, unread_gone),
             read = max(read, excluded.read)",
    )
    .bind(&room.0[..])
    .bind(i64::from(*kind))
    .bind(name)
    .bind(topic)
    .bind(direct_with.as_ref().map(|user| &user.0[..]))
    .bind(i64::from(*role))
    .bind(i64::from(*members))
    .bind(int(*head))
    .bind(int(*floor))
    .bind(int(*visible_from))
    .bind(int(*rev))
    .bind(int(*read))
    .bind(int(*unread_gone))
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

fn room_row(row: &SqliteRow) -> sqlx::Result<RoomRow> {
    Ok(RoomRow {
        room: room(row)?,
        kind: small(row, "kind")?,
        name: row.try_get("name")?,
        topic: row.try_get("topic")?,
        direct_with: optional_bytes(row, "direct_with")?.map(UserId),
        role: small(row, "role")?,
        members: small(row, "members")?,
        head: number(row, "head")?,
        floor: number(row, "floor")?,
        visible_from: number(row, "visible_from")?,
        rev: number(row, "rev")?,
        held: optional_number(row, "held")?,
        read: number(row, "read")?,
        unread_gone: number(row, "unread_gone")?,
        mention: number(row, "mention")?,
        active_at_ms: number(row, "active_at")?,
        opened_at_ms: number(row, "opened_at")?,
    })
}
