//! Between columns and values.

use parlor_protocol::{RoomId, SendKey, SessionId, UserId};
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::error::{damaged, from_sqlx};
use crate::store::Result;

/// PostgreSQL's integers are signed; no number of ours reaches the upper half.
pub(super) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(super) fn number(row: &PgRow, column: usize) -> Result<u64> {
    let value: i64 = row.try_get(column).map_err(from_sqlx)?;
    u64::try_from(value).map_err(|_| damaged("a number"))
}

pub(super) fn optional_number(row: &PgRow, column: usize) -> Result<Option<u64>> {
    let value: Option<i64> = row.try_get(column).map_err(from_sqlx)?;
    value
        .map(|value| u64::try_from(value).map_err(|_| damaged("a number")))
        .transpose()
}

pub(super) fn signed(row: &PgRow, column: usize) -> Result<i64> {
    row.try_get(column).map_err(from_sqlx)
}

pub(super) fn byte(row: &PgRow, column: usize) -> Result<u8> {
    u8::try_from(signed(row, column)?).map_err(|_| damaged("a small number"))
}

/// What a condition said.
pub(super) fn truth(row: &PgRow, column: usize) -> Result<bool> {
    row.try_get(column).map_err(from_sqlx)
}

pub(super) fn flag(row: &PgRow, column: usize) -> Result<bool> {
    Ok(signed(row, column)? != 0)
}

pub(super) fn text(row: &PgRow, column: usize) -> Result<String> {
    row.try_get(column).map_err(from_sqlx)
}

pub(super) fn blob(row: &PgRow, column: usize) -> Result<Vec<u8>> {
    row.try_get(column).map_err(from_sqlx)
}

fn bytes<const N: usize>(row: &PgRow, column: usize) -> Result<Option<[u8; N]>> {
    let value: Option<&[u8]> = row.try_get(column).map_err(from_sqlx)?;
    value
        .map(|value| value.try_into().map_err(|_| damaged("an id or hash")))
        .transpose()
}

pub(super) fn fixed<const N: usize>(row: &PgRow, column: usize) -> Result<[u8; N]> {
    bytes(row, column)?.ok_or_else(|| damaged("an id or hash"))
}

pub(super) fn optional_fixed<const N: usize>(
    row: &PgRow,
    column: usize,
) -> Result<Option<[u8; N]>> {
    bytes(row, column)
}

pub(super) fn user(row: &PgRow, column: usize) -> Result<UserId> {
    fixed(row, column).map(UserId)
}

pub(super) fn room(row: &PgRow, column: usize) -> Result<RoomId> {
    fixed(row, column).map(RoomId)
}

pub(super) fn session(row: &PgRow, column: usize) -> Result<SessionId> {
    fixed(row, column).map(SessionId)
}

pub(super) fn send_key(row: &PgRow, column: usize) -> Result<SendKey> {
    fixed(row, column).map(SendKey)
}

/// Ids as one parameter.
pub(super) fn ids(users: impl IntoIterator<Item = UserId>) -> Vec<[u8; 16]> {
    users.into_iter().map(|user| user.0).collect()
}

/// PostgreSQL's texts hold no NUL: whoever names themselves so is shown without.
pub(super) fn plain(text: String) -> String {
    if text.contains('\0') {
        return text.replace('\0', "");
    }
    text
}
