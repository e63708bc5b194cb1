//! A database that takes over an installation from elsewhere: empty at first, then marked, until all
//! is there.
//!
//! Each part goes in by one statement, so what a table holds is always its first rows by its key: the
//! last of them says where to go on after a cut.

use std::time::Duration;

use futures_util::TryStreamExt;
use parlor_protocol::Epoch;
use sqlx::postgres::PgArguments;
use sqlx::{ConnectOptions, Connection, PgConnection, Postgres};

use super::error::{from_migration, from_sqlx};
use super::open;
use super::settings::PostgresSettings;
use super::value::{Columns, int};
use crate::store::shared::epoch::random_epoch;
use crate::store::shared::schema::Life;
use crate::store::shared::tables::{Key, PART_ROWS, Part, Table};
use crate::store::{Result, StoreError};

/// Longest that one statement of a move takes: a part is a few MiB.
const STATEMENT_WITHIN: Duration = Duration::from_secs(300);
/// Longest that saying goodbye takes.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);
/// The lock of whoever moves into a database: "parlor" and a number.
const LOCK: i64 = 0x7061_726c_6f72_0001;
/// Signature, flags and length of extensions of PostgreSQL's binary copy format, and its end.
const COPY_HEAD: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const COPY_END: [u8; 2] = (-1_i16).to_be_bytes();
/// People whose revs are counted at one time.
const REVS: i64 = 5_000;

// A table of its own, so that nobody takes a half of an installation for one: see `open`.
const MARK: &str = "CREATE TABLE moving (
    one bigint NOT NULL PRIMARY KEY CHECK (one = 1),
    installation bytea NOT NULL,
    epoch bigint NOT NULL)";

/// What is in the way of a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Occupied {
    /// Somebody else moves into it now.
    Busy,
    /// An installation, or something else, is there.
    Full,
    /// The beginning of another installation.
    Other,
}

pub(in crate::store) struct Target {
    connection: PgConnection,
}

impl Target {
    pub(in crate::store) async fn open(settings: &PostgresSettings) -> Result<Self> {
        let mut settings = settings.clone();
        settings.statement_within = STATEMENT_WITHIN;
        // Reading the other side may take a while.
        settings.standing_within = STATEMENT_WITHIN;
        let connect = open::options(&settings)?;
        let connect = async { connect.connect().await.map_err(from_sqlx) };
        let connection = open::in_time(connect).await?;
        Ok(Self { connection })
    }

    /// Takes the database for the installation; whether a move of it was begun before.
    pub(in crate::store) async fn take(
        &mut self,
        life: &Life,
    ) -> Result<std::result::Result<bool, Occupied>> {
        let connection = &mut self.connection;
        open::refuse_newer(connection).await?;
        // Ends with the connection.
        let locked = sqlx::query("SELECT pg_try_advisory_lock($1)")
            .bind(LOCK)
            .fetch_one(&mut *connection)
            .await
            .map_err(from_sqlx)?;
        if !locked.truth(0)? {
            return Ok(Err(Occupied::Busy));
        }
        if open::is_moved_into(connection).await? {
            let row = sqlx::query("SELECT installation = $1 AND epoch = $2 FROM moving")
                .bind(life.installation)
                .bind(life.epoch.0.cast_signed())
                .fetch_one(&mut *connection)
                .await
                .map_err(from_sqlx)?;
            return Ok(if row.truth(0)? {
                Ok(true)
            } else {
                Err(Occupied::Other)
            });
        }
        if !self.is_empty().await? {
            return Ok(Err(Occupied::Full));
        }
        self.mark(life).await?;
        Ok(Ok(false))
    }

    /// Whether nothing of anyone's is there. Makes the schema.
    async fn is_empty(&mut self) -> Result<bool> {
        let connection = &mut self.connection;
        let row = sqlx::query(
            "SELECT to_regclass('_sqlx_migrations') IS NOT NULL, NOT EXISTS (
                SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p', 'S'))",
        )
        .fetch_one(&mut *connection)
        .await
        .map_err(from_sqlx)?;
        let (ours, bare) = (row.truth(0)?, row.truth(1)?);
        if !ours && !bare {
            return Ok(false);
        }
        open::MIGRATIONS
            .run_direct(None, connection, false)
            .await
            .map_err(from_migration)?;
        let row = sqlx::query(
            "SELECT NOT EXISTS (SELECT 1 FROM users) AND NOT EXISTS (SELECT 1 FROM rooms)
                AND NOT EXISTS (SELECT 1 FROM invites) AND NOT EXISTS (SELECT 1 FROM long_texts)
                AND NOT EXISTS (SELECT 1 FROM send_keys)",
        )
        .fetch_one(connection)
        .await
        .map_err(from_sqlx)?;
        row.truth(0)
    }

    async fn mark(&mut self, life: &Life) -> Result<()> {
        let mut writing = self.connection.begin().await.map_err(from_sqlx)?;
        sqlx::query(MARK)
            .execute(&mut *writing)
            .await
            .map_err(from_sqlx)?;
        sqlx::query("INSERT INTO moving (one, installation, epoch) VALUES (1, $1, $2)")
            .bind(life.installation)
            .bind(life.epoch.0.cast_signed())
            .execute(&mut *writing)
            .await
            .map_err(from_sqlx)?;
        writing.commit().await.map_err(from_sqlx)
    }

    pub(in crate::store) async fn count(&mut self, table: &Table) -> Result<u64> {
        let row = sqlx::query(table.count)
            .fetch_one(&mut self.connection)
            .await
            .map_err(from_sqlx)?;
        row.number(0)
    }

    /// The key of the last row that is here.
    pub(in crate::store) async fn last(&mut self, table: &Table) -> Result<Option<Vec<Key>>> {
        let row = sqlx::query(table.last)
            .fetch_optional(&mut self.connection)
            .await
            .map_err(from_sqlx)?;
        row.map(|row| table.key(&row)).transpose()
    }

    /// Puts rows in, all or none.
    pub(in crate::store) async fn put(&mut self, table: &Table, part: &Part) -> Result<()> {
        let mut copy = self
            .connection
            .copy_in_raw(table.copy)
            .await
            .map_err(from_sqlx)?;
        for bytes in [COPY_HEAD.as_slice(), &part.bytes, &COPY_END] {
            copy.send(bytes).await.map_err(from_sqlx)?;
        }
        let rows = copy.finish().await.map_err(from_sqlx)?;
        if rows == part.rows {
            return Ok(());
        }
        Err(StoreError::Statement(format!(
            "it took {rows} rows of {} into {}",
            part.rows, table.name
        )))
    }

    /// The rows after the one with that key, or from the first one on.
    pub(in crate::store) async fn part(
        &mut self,
        table: &Table,
        after: Option<&[Key]>,
    ) -> Result<Part> {
        let sql = match after {
            Some(_) => table.target.next,
            None => table.target.first,
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

    /// Counts some people's own revs anew: SQLite has no table of them. `false`: all are counted.
    pub(in crate::store) async fn count_revs(&mut self) -> Result<bool> {
        let done = sqlx::query(
            "INSERT INTO user_revs (\"user\", rev)
             SELECT u.id, greatest(
                coalesce((SELECT max(k.rev) FROM markers k WHERE k.user = u.id), 0),
                coalesce((SELECT max(c.rev) FROM user_changes c WHERE c.user = u.id), 0))
             FROM users u
             WHERE u.id > coalesce(
                (SELECT v.user FROM user_revs v ORDER BY v.user DESC LIMIT 1), ''::bytea)
             ORDER BY u.id LIMIT $1",
        )
        .bind(REVS)
        .execute(&mut self.connection)
        .await
        .map_err(from_sqlx)?;
        Ok(done.rows_affected() > 0)
    }

    /// Makes an installation of what is here, under a new epoch.
    pub(in crate::store) async fn finish(&mut self, life: &Life, now_ms: u64) -> Result<Epoch> {
        let epoch = random_epoch()?;
        let (cluster, timeline) = open::life(&mut self.connection).await?;
        let mut writing = self.connection.begin().await.map_err(from_sqlx)?;
        // Lasts as long as the transaction: an empty one has made a number of its own.
        let meta = sqlx::query(
            "INSERT INTO meta (one, epoch, installation, made_at, checked_at, cluster, timeline)
             VALUES (1, $1, $2, $3, $4, $5, $6)
             ON CONFLICT (one) DO UPDATE SET epoch = excluded.epoch,
                installation = excluded.installation, made_at = excluded.made_at,
                checked_at = excluded.checked_at, cluster = excluded.cluster,
                timeline = excluded.timeline",
        )
        .bind(epoch.0.cast_signed())
        .bind(life.installation)
        .bind(int(life.made_at_ms))
        .bind(int(now_ms))
        .bind(cluster)
        .bind(timeline);
        meta.execute(&mut *writing).await.map_err(from_sqlx)?;
        for sql in [
            "SELECT setval('room_numbers', coalesce(max(id), 0) + 1, false) FROM rooms",
            "DROP TABLE moving",
        ] {
            let step = sqlx::query(sql).execute(&mut *writing);
            step.await.map_err(from_sqlx)?;
        }
        writing.commit().await.map_err(from_sqlx)?;
        // What the planner goes by. Without it the database would find out by itself, later.
        let known = sqlx::query("ANALYZE").execute(&mut self.connection).await;
        if let Err(error) = known {
            tracing::debug!(%error, "the tables are not counted yet");
        }
        Ok(epoch)
    }

    pub(in crate::store) async fn close(self) {
        let _ = tokio::time::timeout(CLOSE_WITHIN, self.connection.close()).await;
    }
}

type Query<'a> = sqlx::query::Query<'a, Postgres, PgArguments>;

fn bind<'a>(query: Query<'a>, key: &Key) -> Query<'a> {
    match key {
        Key::Number(number) => query.bind(*number),
        Key::Bytes(bytes) => query.bind(bytes.clone()),
    }
}
