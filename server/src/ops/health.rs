//! Whether a node can do its work, and if not, why.

use std::time::Duration;

use async_trait::async_trait;
use tokio::time::timeout;

use super::delivery;
use crate::shard::Core;

/// Time for each part to answer: one slower than that is not well.
const WITHIN: Duration = Duration::from_secs(2);

/// The parts that a node's work needs. `Err`: what is wrong, for people.
#[async_trait]
pub trait Health: Send + Sync + 'static {
    /// The database takes reads and writes.
    async fn database(&self) -> Result<(), String>;
    /// Redis answers and carries frames between nodes.
    async fn redis(&self) -> Result<Redis, String>;
    /// What is committed leaves for its readers.
    fn delivery(&self) -> Result<(), String>;
    /// Links are taken.
    fn taking(&self) -> Result<(), String>;
}

/// How it is with Redis where nothing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redis {
    Works,
    /// The node is alone.
    NotNeeded,
}

/// Whether links should come here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// Why not; empty: they should.
    pub reasons: Vec<String>,
    /// What is wrong and does not keep the node from its work.
    pub degraded: Vec<String>,
}

pub(super) async fn database(health: &dyn Health) -> Result<(), String> {
    let answer = timeout(WITHIN, health.database()).await;
    answer.unwrap_or_else(|_| Err(late("the database")))
}

pub(super) async fn redis(health: &dyn Health) -> Result<Redis, String> {
    let answer = timeout(WITHIN, health.redis()).await;
    answer.unwrap_or_else(|_| Err(late("Redis")))
}

fn late(what: &str) -> String {
    format!("{what} did not answer within {} ms", WITHIN.as_millis())
}

/// Looks at everything at once. Without Redis a node works on by the database: taking it out would
/// take out all of them.
pub async fn readiness(health: &dyn Health) -> Readiness {
    let (database, redis) = tokio::join!(database(health), redis(health));
    let reasons = [database, health.delivery(), health.taking()];
    Readiness {
        reasons: reasons.into_iter().filter_map(Result::err).collect(),
        degraded: redis.err().into_iter().collect(),
    }
}

#[async_trait]
impl Health for Core {
    async fn database(&self) -> Result<(), String> {
        let checked = self.store.check().await;
        checked.map_err(|error| error.to_string())
    }

    async fn redis(&self) -> Result<Redis, String> {
        let Some((commands, peers)) = self.redis.as_ref().zip(self.peers.as_ref()) else {
            return Ok(Redis::NotNeeded);
        };
        let answered = commands.ping(WITHIN).await;
        answered.map_err(|error| format!("{error}; {WITHOUT_REDIS}"))?;
        match peers.bus().is_away() {
            true => Err(format!("its channels carry no frames; {WITHOUT_REDIS}")),
            false => Ok(Redis::Works),
        }
    }

    fn delivery(&self) -> Result<(), String> {
        delivery::health(&self.metrics)
    }

    fn taking(&self) -> Result<(), String> {
        match self.nodes.is_draining() {
            true => Err("the node is draining: its links go elsewhere".to_owned()),
            false => Ok(()),
        }
    }
}

const WITHOUT_REDIS: &str = "the node works on by the database, more slowly";
