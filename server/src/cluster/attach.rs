//! A node's ends of what it shares with the others: connections to Redis, the bus, the cache.

use std::sync::Arc;
use std::time::Duration;

use parlor_protocol::link::ServerAddress;

use super::membership::{self, JoinError, Joined};
use super::{ClusterFile, Peers, RecordKey, RedisRoll};
use crate::bus::{self, BusKey, Channels, Events, NodeNumber, RedisBus};
use crate::cache;
use crate::config::Config;
use crate::guard::cluster_rate::ClusterRates;
use crate::ops::Metrics;
use crate::redis::{Commands, DialError};
use crate::store::Store;

/// Why a node cannot be of its cluster.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    #[error(transparent)]
    Redis(#[from] DialError),
    #[error(transparent)]
    Join(#[from] JoinError),
    #[error("cannot make random numbers: {0}")]
    Random(getrandom::Error),
}

/// What a node does with the others.
pub struct Ends {
    pub commands: Arc<Commands>,
    pub peers: Arc<Peers>,
    pub events: Events,
    pub rates: Arc<ClusterRates>,
}

/// A node that reaches what it shares with the others.
pub struct Attached {
    pub ends: Ends,
    /// The database behind the cache that all nodes share.
    pub store: Arc<dyn Store>,
    number: NodeNumber,
    channels: Channels,
}

/// Connects. A Redis that is merely away does not keep a node from starting: nodes find each other's
/// messages through the database until it is back.
pub async fn attach(
    config: &Config,
    cluster: &ClusterFile,
    store: Arc<dyn Store>,
    metrics: &Arc<Metrics>,
) -> Result<Attached, AttachError> {
    match cluster.redis.check().await {
        Ok(()) => {}
        Err(error @ (DialError::Unreachable { .. } | DialError::Silent { .. })) => {
            tracing::warn!(%error, "Redis is away: messages of other nodes come through the database until it is back");
        }
        Err(error) => return Err(error.into()),
    }
    let mut number = [0; 8];
    getrandom::fill(&mut number).map_err(AttachError::Random)?;
    let number = NodeNumber(u64::from_be_bytes(number));
    let count = u16::try_from(config.cluster.bus_channels).unwrap_or(u16::MAX);
    let channels = Channels::new(count, count);
    let (bus, events) = RedisBus::start(bus::Settings {
        address: cluster.redis.clone(),
        prefix: cluster.prefix.clone(),
        channels,
        key: BusKey::derive(cluster.secret.bytes()),
        node: number,
        epoch: store.epoch(),
    });
    let commands = Arc::new(Commands::start(cluster.redis.clone()));
    let (store, cached) = match config.cache.on {
        true => {
            let prefix = &cluster.prefix;
            let cached =
                cache::of_cluster_node(store, commands.clone(), prefix, &config.cache, metrics);
            (cached.clone() as Arc<dyn Store>, Some(cached))
        }
        false => (store, None),
    };
    let rates = ClusterRates::new(
        commands.clone(),
        cluster.prefix.clone(),
        config.limits.clone(),
    )
    .answer_within(Duration::from_millis(config.cluster.rates_within_ms.into()));
    let ends = Ends {
        commands,
        peers: Arc::new(Peers::new(Arc::new(bus), cached)),
        events,
        rates: Arc::new(rates),
    };
    Ok(Attached {
        ends,
        store,
        number,
        channels,
    })
}

impl Attached {
    /// Looks who else is there; refuses to be of one cluster with nodes that this one does not fit.
    pub async fn join(
        &self,
        config: &Config,
        cluster: &ClusterFile,
        address: &ServerAddress,
    ) -> Result<Joined, AttachError> {
        let settings = membership::Settings {
            number: self.number,
            address: address.clone(),
            capacity: config.link.max,
            epoch: self.store.epoch(),
            channels: self.channels,
            key: RecordKey::derive(cluster.secret.bytes()),
        };
        let roll = RedisRoll::new(self.ends.commands.clone(), &cluster.prefix);
        Ok(membership::join(settings, roll, self.store.clone()).await?)
    }
}
