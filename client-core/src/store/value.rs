//! Between columns and values. What a column cannot hold is damage, never a panic.

use parlor_protocol::{RoomId, SendKey, UserId};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// SQLite's integers are signed; no number of ours reaches the upper half.
pub(super) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(super) fn number(row: &SqliteRow, column: &str) -> sqlx::Result<u64> {
    let value: i64 = row.try_get(column)?;
    u64::try_from(value).map_err(|_| odd(column))
}

pub(super) fn optional_number(row: &SqliteRow, column: &str) -> sqlx::Result<Option<u64>> {
    let value: Option<i64> = row.try_get(column)?;
    value
        .map(|value| u64::try_from(value).map_err(|_| odd(column)))
        .transpose()
}

pub(super) fn small<T: TryFrom<i64>>(row: &SqliteRow, column: &str) -> sqlx::Result<T> {
    let value: i64 = row.try_get(column)?;
    T::try_from(value).map_err(|_| odd(column))
}

pub(super) fn bytes<const N: usize>(row: &SqliteRow, column: &str) -> sqlx::Result<[u8; N]> {
    optional_bytes(row, column)?.ok_or_else(|| odd(column))
}

pub(super) fn optional_bytes<const N: usize>(
    row: &SqliteRow,
    column: &str,
) -> sqlx::Result<Option<[u8; N]>> {
    let value: Option<&[u8]> = row.try_get(column)?;
    value
        .map(|value| value.try_into().map_err(|_| odd(column)))
        .transpose()
}

pub(super) fn room(row: &SqliteRow) -> sqlx::Result<RoomId> {
    bytes(row, "room").map(RoomId)
}

pub(super) fn user(row: &SqliteRow, column: &str) -> sqlx::Result<UserId> {
    bytes(row, column).map(UserId)
}

pub(super) fn send_key(row: &SqliteRow) -> sqlx::Result<SendKey> {
    bytes(row, "send_key").map(SendKey)
}

fn odd(column: &str) -> sqlx::Error {
    sqlx::Error::ColumnDecode {
        index: column.to_owned(),
        source: "an impossible value".into(),
    }
}
