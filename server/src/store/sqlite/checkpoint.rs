//! Carries the log over into the database file beside the writer, so that no commit pays for it and
//! the log stays small.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::error::from_sqlx;
use super::writer::Writer;
use crate::store::Result;

/// Pages in the log above which it is carried over: 32 MiB. Pages that are written again and again
/// go over once, and the log then begins anew on disk blocks that it has already: a commit that
/// makes its file longer costs the file system several times as much.
const CARRY_ABOVE_PAGES: u64 = 8_192;
/// Silence after which the log is emptied and its file cut.
const IDLE: Duration = Duration::from_secs(5);
/// How long emptying waits for readers; it is tried again later.
const EMPTY_WITHIN: Duration = Duration::from_millis(100);

/// How much the log has grown since it was carried over, in pages, estimated by the writer.
#[derive(Debug, Default)]
pub(super) struct WalGauge {
    pages: AtomicU64,
    due: Notify,
}

impl WalGauge {
    pub(super) fn grew(&self, pages: u64) {
        let before = self.pages.fetch_add(pages, Ordering::Relaxed);
        if before < CARRY_ABOVE_PAGES && before + pages >= CARRY_ABOVE_PAGES {
            self.due.notify_one();
        }
    }
}

/// The running checkpointer; it ends when told or when the last sender is gone.
pub(super) struct Checkpointer {
    stop: watch::Sender<bool>,
    task: std::sync::Mutex<Option<JoinHandle<()>>>,
}

impl Checkpointer {
    pub(super) async fn start(
        options: SqliteConnectOptions,
        writer: Arc<Writer>,
        gauge: Arc<WalGauge>,
    ) -> Result<Self> {
        let connection = options
            .busy_timeout(EMPTY_WITHIN)
            .connect()
            .await
            .map_err(from_sqlx)?;
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(run(connection, writer, gauge, stopped));
        Ok(Self {
            stop,
            task: std::sync::Mutex::new(Some(task)),
        })
    }

    pub(super) async fn stop(&self) {
        let _ = self.stop.send(true);
        let task = self.task.lock().ok().and_then(|mut task| task.take());
        if let Some(task) = task {
            let _ = task.await;
        }
    }
}

async fn run(
    mut connection: SqliteConnection,
    writer: Arc<Writer>,
    gauge: Arc<WalGauge>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut seen = 0;
    loop {
        let idle = tokio::select! {
            _ = stopped.changed() => break,
            () = gauge.due.notified() => false,
            () = tokio::time::sleep(IDLE) => true,
        };
        let pages = gauge.pages.load(Ordering::Relaxed);
        let done = if pages == 0 {
            continue;
        } else if idle && pages == seen {
            empty(&mut connection, &writer, &gauge).await
        } else if pages >= CARRY_ABOVE_PAGES {
            carry(&mut connection, &writer, &gauge).await
        } else {
            Ok(())
        };
        if let Err(error) = done {
            tracing::warn!(%error, "the database's log could not be carried over; it is tried again");
        }
        seen = gauge.pages.load(Ordering::Relaxed);
    }
    let _ = connection.close().await;
}

/// Carries all over: most of it beside the writer, then the few pages that came meanwhile while the
/// writer waits, since the log only begins anew when nothing is left in it. A reader in the way
/// leaves some; the next time takes it.
async fn carry(
    connection: &mut SqliteConnection,
    writer: &Arc<Writer>,
    gauge: &WalGauge,
) -> sqlx::Result<()> {
    checkpoint(connection, "PRAGMA wal_checkpoint(PASSIVE)").await?;
    let _held = writer.hold().await;
    let left = checkpoint(connection, "PRAGMA wal_checkpoint(PASSIVE)").await?;
    gauge
        .pages
        .store(left.min(CARRY_ABOVE_PAGES / 2), Ordering::Relaxed);
    Ok(())
}

async fn empty(
    connection: &mut SqliteConnection,
    writer: &Arc<Writer>,
    gauge: &WalGauge,
) -> sqlx::Result<()> {
    let _held = writer.hold().await;
    let left = checkpoint(connection, "PRAGMA wal_checkpoint(TRUNCATE)").await?;
    gauge.pages.store(left, Ordering::Relaxed);
    Ok(())
}

/// Pages that stayed in the log.
async fn checkpoint(connection: &mut SqliteConnection, pragma: &'static str) -> sqlx::Result<u64> {
    let row = sqlx::query(pragma).fetch_one(connection).await?;
    let (log, carried): (i64, i64) = (row.try_get(1)?, row.try_get(2)?);
    Ok(u64::try_from(log - carried).unwrap_or(0))
}
