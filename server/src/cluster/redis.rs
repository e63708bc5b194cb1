//! Where nodes say that they live: in Redis, and in the database while Redis is away.
//!
//! | key | what | life |
//! | --- | --- | --- |
//! | `PREFIX:nodes` | hash: a node's number (decimal) → its sealed record | 10 min after anybody's last beat |
//!
//! One hash of all nodes, so that a beat writes one's own and reads all others' in one round trip,
//! without a script and without `KEYS`. What dead nodes leave in it is removed by whoever notices.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::record::RecordKey;
use super::registry::{FORGOTTEN_AFTER, NODES_KNOWN, Seen};
use crate::redis::{CommandError, Commands};
use crate::store::{NodeBeat, Store, StoreError};

/// Longest wait for Redis: a beat must not be late for the next one, and the database has its turn.
const REDIS_WITHIN: Duration = Duration::from_millis(500);
/// Longest wait for the first connection.
const REACHED_WITHIN: Duration = Duration::from_secs(2);
/// Longest wait for the database.
const DATABASE_WITHIN: Duration = Duration::from_secs(1);

/// Why nothing could be said or read.
#[derive(Debug, thiserror::Error)]
pub enum RollError {
    #[error(transparent)]
    Redis(#[from] CommandError),
    #[error(transparent)]
    Database(#[from] StoreError),
    #[error("the database did not answer in time")]
    Late,
}

/// Records as they are kept: by number, sealed.
pub type Kept = Vec<(u64, Vec<u8>)>;

/// A place where nodes leave their records.
#[async_trait]
pub trait Roll: Send + Sync + 'static {
    /// Reads all records, at most [`NODES_KNOWN`], then writes this one in the place of the one
    /// before it.
    async fn beat(&self, number: u64, sealed: Vec<u8>) -> Result<Kept, RollError>;
    /// Removes records.
    async fn forget(&self, numbers: Vec<u64>) -> Result<(), RollError>;
}

/// The records in Redis.
#[derive(Debug)]
pub struct RedisRoll {
    commands: Arc<Commands>,
    key: String,
}

impl RedisRoll {
    /// `prefix` begins the key's name, so that installations can share a Redis.
    pub fn new(commands: Arc<Commands>, prefix: &str) -> Self {
        Self {
            commands,
            key: format!("{prefix}:nodes"),
        }
    }
}

impl RedisRoll {
    /// Waits a little for a connection that is being made.
    pub(super) async fn reached(&self) {
        let mut up = self.commands.up();
        // Without one the database is asked.
        let _ = tokio::time::timeout(REACHED_WITHIN, up.wait_for(|up| *up)).await;
    }
}

#[async_trait]
impl Roll for RedisRoll {
    async fn beat(&self, number: u64, sealed: Vec<u8>) -> Result<Kept, RollError> {
        let life_ms = i64::try_from(FORGOTTEN_AFTER.as_millis()).unwrap_or(i64::MAX);
        let mut pipe = redis::pipe();
        // Read first: what stands under one's own number then was written by somebody else, or is
        // one's own last beat.
        pipe.hgetall(&self.key)
            .hset(&self.key, number, sealed)
            .ignore()
            .pexpire(&self.key, life_ms)
            .ignore();
        let asked = self
            .commands
            .run(REDIS_WITHIN, |mut connection| async move {
                pipe.query_async::<(HashMap<String, Vec<u8>>,)>(&mut connection)
                    .await
            });
        let (kept,) = asked.await?;
        let kept = kept.into_iter().take(NODES_KNOWN);
        Ok(kept
            .filter_map(|(number, sealed)| Some((number.parse().ok()?, sealed)))
            .collect())
    }

    async fn forget(&self, numbers: Vec<u64>) -> Result<(), RollError> {
        let mut command = redis::cmd("HDEL");
        command.arg(&self.key).arg(numbers);
        let asked = self
            .commands
            .run(REDIS_WITHIN, |mut connection| async move {
                command.query_async::<()>(&mut connection).await
            });
        Ok(asked.await?)
    }
}

/// The records that nodes have left in Redis, for who is none of them.
pub(super) async fn kept(commands: &Commands, prefix: &str) -> Result<Kept, RollError> {
    let mut command = redis::cmd("HGETALL");
    command.arg(format!("{prefix}:nodes"));
    let asked = commands.run(REDIS_WITHIN, |mut connection| async move {
        command
            .query_async::<HashMap<String, Vec<u8>>>(&mut connection)
            .await
    });
    let kept = asked.await?.into_iter().take(NODES_KNOWN);
    Ok(kept
        .filter_map(|(number, sealed)| Some((number.parse().ok()?, sealed)))
        .collect())
}

/// The records in the database, for the time when Redis is away.
pub(super) struct DatabaseRoll(pub(super) Arc<dyn Store>);

#[async_trait]
impl Roll for DatabaseRoll {
    async fn beat(&self, number: u64, sealed: Vec<u8>) -> Result<Kept, RollError> {
        let beat = async {
            let kept = self.0.nodes(NODES_KNOWN as u32).await?;
            let record = sealed;
            self.0.beat(NodeBeat { number, record }).await?;
            Ok::<_, StoreError>(kept)
        };
        let kept = tokio::time::timeout(DATABASE_WITHIN, beat).await;
        let kept = kept.map_err(|_| RollError::Late)??;
        Ok(kept.into_iter().map(|it| (it.number, it.record)).collect())
    }

    /// The database forgets by itself.
    async fn forget(&self, _: Vec<u64>) -> Result<(), RollError> {
        Ok(())
    }
}

/// Opens what was read.
pub(super) fn seen(kept: Kept, key: &RecordKey) -> Vec<Seen> {
    kept.into_iter()
        .map(|(number, sealed)| {
            let mut mark = DefaultHasher::new();
            sealed.hash(&mut mark);
            Seen {
                number,
                mark: mark.finish(),
                record: key.open(&sealed),
            }
        })
        .collect()
}
