//! Between columns and values.

use std::fmt::Write as _;

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::error::from_sqlx;
use crate::store::Result;
pub(super) use crate::store::shared::columns::{Columns, int};

impl Columns for SqliteRow {
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
        self.flag(column)
    }
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
