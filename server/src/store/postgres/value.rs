//! Between columns and values.

use parlor_protocol::UserId;
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::error::from_sqlx;
use crate::store::Result;
pub(super) use crate::store::shared::columns::{Columns, int};
pub(super) use crate::store::shared::tables::plain;

impl Columns for PgRow {
    fn integer(&self, column: usize) -> Result<Option<i64>> {
        self.try_get(column).map_err(from_sqlx)
    }

    fn text(&self, column: usize) -> Result<String> {
        self.try_get(column).map_err(from_sqlx)
    }

    fn bytes(&self, column: usize) -> Result<Option<&[u8]>> {
        self.try_get(column).map_err(from_sqlx)
    }

    fn truth(&self, column: usize) -> Result<bool> {
        self.try_get(column).map_err(from_sqlx)
    }
}

/// Ids as one parameter.
pub(super) fn ids(users: impl IntoIterator<Item = UserId>) -> Vec<[u8; 16]> {
    users.into_iter().map(|user| user.0).collect()
}
