//! Moves an installation from a SQLite file into an empty PostgreSQL.
//!
//! In parts, so that neither side is ever held in memory whole; cut at any place it goes on where it
//! was; at the end every table is read on both sides and compared by count and digest. Only then is
//! the target an installation. The source is only read.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use parlor_protocol::Epoch;
use sha2::{Digest, Sha256};

use super::StoreError;
use super::postgres::{Occupied, PostgresSettings, Target};
use super::shared::clock::system_now_ms;
use super::shared::schema::Step;
use super::shared::tables::{Key, Part, TABLES, Table};
use super::sqlite::Source;

/// Longest wait for one step of a database that may have gone away; see the target's own bound.
const STEP_WITHIN: Duration = Duration::from_secs(360);

/// Why an installation was not moved. What the target holds already stays: the same move goes on.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    #[error("the SQLite database: {0}")]
    Source(#[source] StoreError),
    #[error("the PostgreSQL database: {0}")]
    Target(#[source] StoreError),
    #[error("the SQLite database lacks steps of its schema: run `parlor-server migrate up` first")]
    SourceOlder,
    #[error("the PostgreSQL database is not empty: name an empty one")]
    NotEmpty,
    #[error(
        "the PostgreSQL database holds the beginning of another installation's move, or of this one's before a restore: name an empty one"
    )]
    OtherBegun,
    #[error("another move into this PostgreSQL database runs now")]
    Busy,
    #[error(
        "the table {table} is not the same on both sides ({source_rows} and {target_rows} rows): the data have changed since the move began; begin again with an empty database"
    )]
    Differs {
        table: &'static str,
        source_rows: u64,
        target_rows: u64,
    },
    #[error("stopped; the same command goes on where it was")]
    Stopped,
}

/// What a move has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A part of a move was done before.
    GoesOn,
    /// Rows of a table that the target holds now, of all that the source has.
    Moved {
        table: &'static str,
        rows: u64,
        of: u64,
    },
    /// The table is the same on both sides.
    Checked(TableSum),
}

/// How many rows a table has, and the SHA-256 of them all in the order of their keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSum {
    pub table: &'static str,
    pub rows: u64,
    pub digest: [u8; 32],
}

/// A finished move.
#[derive(Debug)]
pub struct Moved {
    /// The installation's new one.
    pub epoch: Epoch,
    pub tables: Vec<TableSum>,
}

type Told<'a> = &'a mut (dyn FnMut(Progress) -> ControlFlow<()> + Send);

/// Moves the installation. Nobody else may have the file open for writing. `told` hears of every
/// part; where it breaks, the move stops between two parts.
///
/// # Errors
/// [`MoveError`].
pub async fn transfer(
    from: &Path,
    to: &PostgresSettings,
    told: Told<'_>,
) -> Result<Moved, MoveError> {
    let mut source = Source::open(from).await.map_err(MoveError::Source)?;
    let steps = source.steps().await.map_err(MoveError::Source)?;
    if !steps.iter().all(|step: &Step| step.applied) {
        return Err(MoveError::SourceOlder);
    }
    let mut target = there(Target::open(to)).await?;
    let moved = transfer_between(&mut source, &mut target, told).await;
    source.close().await;
    target.close().await;
    moved
}

async fn transfer_between(
    source: &mut Source,
    target: &mut Target,
    told: Told<'_>,
) -> Result<Moved, MoveError> {
    let life = source.life().await.map_err(MoveError::Source)?;
    match there(target.take(&life)).await? {
        Ok(false) => {}
        Ok(true) => tell(told, Progress::GoesOn)?,
        Err(Occupied::Busy) => return Err(MoveError::Busy),
        Err(Occupied::Full) => return Err(MoveError::NotEmpty),
        Err(Occupied::Other) => return Err(MoveError::OtherBegun),
    }
    for table in &TABLES {
        copy(source, target, table, told).await?;
    }
    while there(target.count_revs()).await? {}
    let mut tables = Vec::with_capacity(TABLES.len());
    for table in &TABLES {
        let sum = compare(source, target, table).await?;
        tell(told, Progress::Checked(sum.clone()))?;
        tables.push(sum);
    }
    let epoch = there(target.finish(&life, system_now_ms())).await?;
    Ok(Moved { epoch, tables })
}

/// A step of the target's. It ends by itself where the database still answers.
async fn there<T>(step: impl Future<Output = super::Result<T>>) -> Result<T, MoveError> {
    let late = Err(StoreError::TimedOut(STEP_WITHIN.as_millis() as u64));
    let done = tokio::time::timeout(STEP_WITHIN, step).await;
    done.unwrap_or(late).map_err(MoveError::Target)
}

fn tell(told: Told<'_>, progress: Progress) -> Result<(), MoveError> {
    match told(progress) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(MoveError::Stopped),
    }
}

/// Brings over the rows that the target lacks.
async fn copy(
    source: &mut Source,
    target: &mut Target,
    table: &'static Table,
    told: Told<'_>,
) -> Result<(), MoveError> {
    let of = source.count(table).await.map_err(MoveError::Source)?;
    let mut rows = there(target.count(table)).await?;
    let mut last = there(target.last(table)).await?;
    loop {
        let part = source.part(table, last.as_deref()).await;
        let part = part.map_err(MoveError::Source)?;
        if part.rows == 0 {
            return Ok(());
        }
        there(target.put(table, &part)).await?;
        rows += part.rows;
        last = part.last;
        let table = table.name;
        tell(told, Progress::Moved { table, rows, of })?;
    }
}

/// Reads the whole table on both sides.
async fn compare(
    source: &mut Source,
    target: &mut Target,
    table: &'static Table,
) -> Result<TableSum, MoveError> {
    let mut here = Sum::default();
    while here.goes_on() {
        let part = source.part(table, here.last.as_deref()).await;
        here.add(part.map_err(MoveError::Source)?);
    }
    let mut beyond = Sum::default();
    while beyond.goes_on() {
        beyond.add(there(target.part(table, beyond.last.as_deref())).await?);
    }
    let (source_rows, target_rows) = (here.rows, beyond.rows);
    let (here, beyond) = (here.digest.finalize(), beyond.digest.finalize());
    if here != beyond || source_rows != target_rows {
        return Err(MoveError::Differs {
            table: table.name,
            source_rows,
            target_rows,
        });
    }
    Ok(TableSum {
        table: table.name,
        rows: source_rows,
        digest: here.into(),
    })
}

/// One side of a comparison so far.
#[derive(Default)]
struct Sum {
    rows: u64,
    digest: Sha256,
    last: Option<Vec<Key>>,
    ended: bool,
}

impl Sum {
    fn goes_on(&self) -> bool {
        !self.ended
    }

    fn add(&mut self, part: Part) {
        self.rows += part.rows;
        self.digest.update(&part.bytes);
        match part.last {
            Some(last) => self.last = Some(last),
            None => self.ended = true,
        }
    }
}
