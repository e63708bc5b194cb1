//! A database file that is moved elsewhere: read in parts, never written.

use std::path::Path;

use sqlx::sqlite::SqliteArguments;
use sqlx::{ConnectOptions, Connection, Sqlite, SqliteConnection};

use futures_util::TryStreamExt;

use super::error::from_sqlx;
use super::open;
use super::value::Columns;
use crate::store::Result;
use crate::store::shared::schema::{Life, Step};
use crate::store::shared::tables::{Key, PART_ROWS, Part, Table};

/// A connection that only reads.
pub(in crate::store) struct Source {
    connection: SqliteConnection,
}

impl Source {
    pub(in crate::store) async fn open(path: &Path) -> Result<Self> {
        let connection = open::reader(path).connect().await.map_err(from_sqlx)?;
        Ok(Self { connection })
    }

    pub(in crate::store) async fn steps(&mut self) -> Result<Vec<Step>> {
        open::steps_in(&mut self.connection).await
    }

    pub(in crate::store) async fn life(&mut self) -> Result<Life> {
        let row = sqlx::query("SELECT epoch, installation, made_at FROM meta")
            .fetch_one(&mut self.connection)
            .await
            .map_err(from_sqlx)?;
        Life::read(&row)
    }

    pub(in crate::store) async fn count(&mut self, table: &Table) -> Result<u64> {
        let row = sqlx::query(table.count)
            .fetch_one(&mut self.connection)
            .await
            .map_err(from_sqlx)?;
        row.number(0)
    }

    /// The rows after the one with that key, or from the first one on.
    pub(in crate::store) async fn part(
        &mut self,
        table: &Table,
        after: Option<&[Key]>,
    ) -> Result<Part> {
        let sql = match after {
            Some(_) => table.source.next,
            None => table.source.first,
        };
        let mut query = sqlx::query(sql);
        for key in after.unwrap_or_default() {
            query = bind(query, key);
        }
        let mut rows = query.bind(PART_ROWS).fetch(&mut self.connection);
        let mut part = Part::default();
        while let Some(row) = rows.try_next().await.map_err(from_sqlx)? {
            if !part.take(table, &row)? {
                break;
            }
        }
        Ok(part)
    }

    pub(in crate::store) async fn close(self) {
        let _ = self.connection.close().await;
    }
}

type Query<'a> = sqlx::query::Query<'a, Sqlite, SqliteArguments>;

fn bind<'a>(query: Query<'a>, key: &Key) -> Query<'a> {
    match key {
        Key::Number(number) => query.bind(*number),
        Key::Bytes(bytes) => query.bind(bytes.clone()),
    }
}
