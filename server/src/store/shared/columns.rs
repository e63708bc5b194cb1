//! How a row is read, whatever the database: four kinds of columns, and what they stand for.

use parlor_protocol::{RoomId, SendKey, SessionId, UserId};

use crate::store::{Result, StoreError};

/// A row's columns, counted from 0.
pub(in crate::store) trait Columns {
    fn integer(&self, column: usize) -> Result<Option<i64>>;
    fn text(&self, column: usize) -> Result<String>;
    fn bytes(&self, column: usize) -> Result<Option<&[u8]>>;
    /// What a condition said.
    fn truth(&self, column: usize) -> Result<bool>;

    fn signed(&self, column: usize) -> Result<i64> {
        self.integer(column)?.ok_or_else(|| damaged("a number"))
    }

    fn optional_number(&self, column: usize) -> Result<Option<u64>> {
        self.integer(column)?
            .map(|value| u64::try_from(value).map_err(|_| damaged("a number")))
            .transpose()
    }

    fn number(&self, column: usize) -> Result<u64> {
        u64::try_from(self.signed(column)?).map_err(|_| damaged("a number"))
    }

    fn count(&self, column: usize) -> Result<u32> {
        u32::try_from(self.signed(column)?).map_err(|_| damaged("a count"))
    }

    fn byte(&self, column: usize) -> Result<u8> {
        u8::try_from(self.signed(column)?).map_err(|_| damaged("a small number"))
    }

    fn flag(&self, column: usize) -> Result<bool> {
        Ok(self.signed(column)? != 0)
    }

    fn blob(&self, column: usize) -> Result<Vec<u8>> {
        let bytes = self.bytes(column)?.ok_or_else(|| damaged("bytes"))?;
        Ok(bytes.to_vec())
    }

    fn optional_fixed<const N: usize>(&self, column: usize) -> Result<Option<[u8; N]>> {
        self.bytes(column)?
            .map(|value| value.try_into().map_err(|_| damaged("an id or hash")))
            .transpose()
    }

    fn fixed<const N: usize>(&self, column: usize) -> Result<[u8; N]> {
        self.optional_fixed(column)?
            .ok_or_else(|| damaged("an id or hash"))
    }

    fn user(&self, column: usize) -> Result<UserId> {
        self.fixed(column).map(UserId)
    }

    fn room(&self, column: usize) -> Result<RoomId> {
        self.fixed(column).map(RoomId)
    }

    fn session(&self, column: usize) -> Result<SessionId> {
        self.fixed(column).map(SessionId)
    }

    fn send_key(&self, column: usize) -> Result<SendKey> {
        self.fixed(column).map(SendKey)
    }
}

/// The databases' integers are signed; no number of ours reaches the upper half.
pub(in crate::store) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// For a row that the schema does not allow.
pub(in crate::store) fn damaged(what: &str) -> StoreError {
    StoreError::Damaged(format!("{what} has an impossible value"))
}
