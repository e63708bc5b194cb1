//! A running node: the core's parts joined to the shard.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use parlor_protocol::SessionId;
use parlor_protocol::link::{Pin, ServerAddress};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::cluster::{self, Ends, Joined, Listed, Membership, Taking};
use crate::config::Config;
use crate::guard::cluster_rate::ClusterRates;
use crate::guard::password::Gate;
use crate::guard::rate::Rates;
use crate::net::{self, Bound, EndpointError};
use crate::ops::metrics::ClusterFigures;
use crate::ops::{Metrics, delivery};
use crate::room::Committer;
use crate::shard::{self, Core, MAILBOX, REQUESTS_AT_ONCE, ShardHandle, ShardThread};
use crate::store::Store;

/// How often sessions just seen are noted, and how many wait for it.
const SEEN_EVERY: Duration = Duration::from_secs(5);
const SEEN_WAITING: usize = 8_192;
/// How often what has expired is dropped, and how much at once.
const PRUNE_EVERY: Duration = Duration::from_secs(600);
const PRUNE_ROWS: u32 = 2_000;

/// What a node is made of.
pub struct Parts {
    pub config: Arc<Config>,
    pub store: Arc<dyn Store>,
    /// What it shares with the other nodes; `None`: a node alone.
    pub ends: Option<Ends>,
    /// Its place among them; `None`: a node alone.
    pub joined: Option<Joined>,
    pub metrics: Arc<Metrics>,
    /// The UDP socket, bound before anything is printed, so that a port in use is an early error.
    pub bound: Bound,
    pub tls: Arc<rustls::ServerConfig>,
    pub pins: Vec<Pin>,
    pub keys: net::Keys,
    /// Where clients reach this node.
    pub public_address: ServerAddress,
}

/// A node that takes links.
pub struct Node {
    core: Arc<Core>,
    shard: ShardThread,
    address: SocketAddr,
    membership: Option<Membership>,
    tasks: JoinSet<()>,
}

impl Node {
    /// Starts everything on the current runtime, which becomes the core's, and on the shard's thread.
    pub async fn start(parts: Parts) -> Result<Self, EndpointError> {
        let Parts {
            config,
            store,
            ends,
            joined,
            metrics,
            bound,
            tls,
            pins,
            keys,
            public_address,
        } = parts;
        let (mailbox, inbox) = mpsc::channel(MAILBOX);
        let (seen, seen_inbox) = mpsc::channel(SEEN_WAITING);
        let shard = ShardHandle::new(mailbox);
        let peers = ends.as_ref().map(|ends| ends.peers.clone());
        let core = Arc::new(Core {
            committer: Committer::start(
                store.clone(),
                shard.clone(),
                peers.clone(),
                metrics.clone(),
            ),
            gate: Gate::new(metrics.clone()),
            runtime: tokio::runtime::Handle::current(),
            requests: Arc::new(Semaphore::new(REQUESTS_AT_ONCE)),
            log_in_rates: Mutex::new(Rates::new(config.limits.clone())),
            online: Mutex::new(HashSet::new()),
            endings: AtomicU64::new(0),
            began: Instant::now(),
            redis: ends.as_ref().map(|ends| ends.commands.clone()),
            #[cfg(test)]
            flusher_stopped: Default::default(),
            shared_rates: ends.as_ref().map(|ends| ends.rates.clone()),
            peers,
            shard,
            store: store.clone(),
            metrics,
            seen,
            nodes: Arc::new(Listed::alone(&public_address)),
            public_address,
            pins,
            config,
        });
        let address = bound.address;
        let settings = settings(&core.config, address);
        let shard = shard::start(core.clone(), inbox, bound, tls, keys, settings).await?;
        // Before anybody asks whether the node is ready.
        delivery::look(&core).await;
        let mut tasks = JoinSet::new();
        tasks.spawn(delivery::watch(core.clone()));
        tasks.spawn(note_seen(store.clone(), seen_inbox));
        tasks.spawn(prune(store));
        // Once links are taken: the others send theirs from here on.
        let membership = joined.map(|joined| {
            joined.start(Taking {
                listed: core.nodes.clone(),
                shard: core.shard.clone(),
                metrics: core.metrics.clone(),
            })
        });
        if let Some(ends) = ends {
            if let Some(membership) = &membership {
                // Set once: a node joins once.
                let _ = core.metrics.cluster.set(ClusterFigures {
                    bus: ends.peers.bus().clone(),
                    membership: membership.counters().clone(),
                    nodes: membership.nodes(),
                    rates: ends.rates.clone(),
                    redis: ends.commands.up(),
                });
                tasks.spawn(share_rates(ends.rates, membership.nodes()));
            }
            tasks.spawn(cluster::watch(core.clone(), ends.peers, ends.events));
        }
        Ok(Self {
            core,
            shard,
            address,
            membership,
            tasks,
        })
    }

    /// Where the UDP socket listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// Its place among the other nodes; `None` for a node alone.
    pub fn membership(&self) -> Option<&Membership> {
        self.membership.as_ref()
    }

    /// Tells all links to go, waits for them within bounds, commits what waits, ends.
    pub async fn stop(mut self) {
        self.core.drain().await;
        self.shard.stop().await;
        if let Some(membership) = self.membership.take() {
            membership.leave().await;
        }
        self.tasks.shutdown().await;
        self.core.store.close().await;
    }
}

/// What of the settings concerns the endpoint.
pub fn settings(config: &Config, address: SocketAddr) -> net::Settings {
    net::Settings {
        address,
        socket_buffer_bytes: config.listen.socket_buffer_kib as usize * 1024,
        heartbeat: Duration::from_secs(config.link.heartbeat_s.into()),
        idle: Duration::from_secs(config.link.idle_s.into()),
    }
}

/// Tells the rates how many nodes share them, for the time when Redis is away.
async fn share_rates(rates: Arc<ClusterRates>, mut nodes: watch::Receiver<u32>) {
    loop {
        rates.set_nodes(*nodes.borrow_and_update());
        if nodes.changed().await.is_err() {
            return;
        }
    }
}

/// Notes when sessions were seen, many in one write; the newest of each session counts.
async fn note_seen(store: Arc<dyn Store>, mut inbox: mpsc::Receiver<(SessionId, u64, String)>) {
    let mut tick = interval(SEEN_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut seen = Vec::new();
    while inbox.recv_many(&mut seen, SEEN_WAITING).await > 0 {
        tick.tick().await;
        while let Ok(next) = inbox.try_recv() {
            seen.push(next);
        }
        if let Err(error) = store.touch_sessions(&seen).await {
            tracing::warn!(%error, "noting when sessions were seen failed; the next visit notes it again");
        }
        seen.clear();
    }
}

async fn prune(store: Arc<dyn Store>) {
    let mut tick = interval(PRUNE_EVERY);
    loop {
        tick.tick().await;
        match store.prune(shard::now_ms(), PRUNE_ROWS).await {
            Ok(0) => {}
            Ok(rows) => tracing::info!(rows, "dropped what has expired"),
            Err(error) => tracing::warn!(%error, "dropping what has expired failed"),
        }
    }
}
