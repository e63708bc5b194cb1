//! Between columns and values.

use std::fmt::Write as _;

use parlor_protocol::{RoomId, SendKey, SessionId, UserId};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::error::{damaged, from_sqlx};
use crate::store::Result;

/// SQLite's integers are signed; no number of ours reaches the upper half.
pub(super) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(super) fn number(row: &SqliteRow, column: usize) -> Result<u64> {
    let value: i64 = row.try_get(column).map_err(from_sqlx)?;
    u64::try_from(value).map_err(|_| damaged("a number"))
}

pub(super) fn optional_number(row: &SqliteRow, column: usize) -> Result<Option<u64>> {
    let value: Option<i64> = row.try_get(column).map_err(from_sqlx)?;
    value
        .map(|value| u64::try_from(value).map_err(|_| damaged("a number")))
        .transpose()
}

pub(super) fn signed(row: &SqliteRow, column: usize) -> Result<i64> {
    row.try_get(column).map_err(from_sqlx)
}

pub(super) fn byte(row: &SqliteRow, column: usize) -> Result<u8> {
    u8::try_from(signed(row, column)?).map_err(|_| damaged("a small number"))
}

pub(super) fn flag(row: &SqliteRow, column: usize) -> Result<bool> {
    Ok(signed(row, column)? != 0)
}

pub(super) fn text(row: &SqliteRow, column: usize) -> Result<String> {
    row.try_get(column).map_err(from_sqlx)
}

pub(super) fn blob(row: &SqliteRow, column: usize) -> Result<Vec<u8>> {
    row.try_get(column).map_err(from_sqlx)
}

fn bytes<const N: usize>(row: &SqliteRow, column: usize) -> Result<Option<[u8; N]>> {
    let value: Option<&[u8]> = row.try_get(column).map_err(from_sqlx)?;
    value
        .map(|value| value.try_into().map_err(|_| damaged("an id or hash")))
        .transpose()
}

pub(super) fn fixed<const N: usize>(row: &SqliteRow, column: usize) -> Result<[u8; N]> {
    bytes(row, column)?.ok_or_else(|| damaged("an id or hash"))
}

pub(super) fn optional_fixed<const N: usize>(
    row: &SqliteRow,
    column: usize,
) -> Result<Option<[u8; N]>> {
    bytes(row, column)
}

pub(super) fn user(row: &SqliteRow, column: usize) -> Result<UserId> {
    fixed(row, column).map(UserId)
}

pub(super) fn room(row: &SqliteRow, column: usize) -> Result<RoomId> {
    fixed(row, column).map(RoomId)
}

pub(super) fn session(row: &SqliteRow, column: usize) -> Result<SessionId> {
    fixed(row, column).map(SessionId)
}

pub(super) fn send_key(row: &SqliteRow, column: usize) -> Result<SendKey> {
    fixed(row, column).map(SendKey)
}

/// Builds the JSON array that hands many rows to one statement. Only hexadecimal strings and
/// numbers go in, so nothing needs escaping; `unhex` and `->>` take them out.
#[derive(Debug)]
pub(super) struct Rows(String);

impl Rows {
    pub(super) fn new() -> Self {
        Self("[".to_owned())
    }

    /// One row that is a single blob.
    pub(super) fn blob(&mut self, bytes: &[u8]) -> &mut Self {
        self.comma().hex(bytes)
    }

    /// One row of blobs and a number: `["hex", "hex", 7]`.
    pub(super) fn row(&mut self, blobs: &[&[u8]], numbers: &[u64]) -> &mut Self {
        self.comma();
        self.0.push('[');
        for blob in blobs {
            self.comma().hex(blob);
        }
        for number in numbers {
            self.comma();
            let _ = write!(self.0, "{number}");
        }
        self.0.push(']');
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.len() == 1
    }

    pub(super) fn finish(mut self) -> String {
        self.0.push(']');
        self.0
    }

    fn comma(&mut self) -> &mut Self {
        if !self.0.ends_with('[') {
            self.0.push(',');
        }
        self
    }

    fn hex(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.push('"');
        data_encoding::HEXLOWER.encode_append(bytes, &mut self.0);
        self.0.push('"');
        self
    }
}
