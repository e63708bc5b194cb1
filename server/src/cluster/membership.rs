//! Drives this node's place among the others: says that it lives, reads who else does, tells the
//! shard whom to send elsewhere.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parlor_protocol::Epoch;
use parlor_protocol::link::ServerAddress;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval_at, sleep, timeout};

use super::listed::Listed;
use super::record::{NodeRecord, NodeState, PROTOCOL, RecordKey};
use super::redis::{DatabaseRoll, RedisRoll, Roll, RollError, seen};
use super::registry::{BEAT_EVERY, Finding, Registry, Strange};
use super::share::{Mover, SPREAD};
use crate::bus::{Channels, NodeNumber};
use crate::ops::Metrics;
use crate::ops::metrics::Counter;
use crate::shard::{ShardHandle, ToShard, now_ms};
use crate::store::Store;

/// Between the two looks of a node that joins: whoever lives has said something meanwhile.
const SECOND_LOOK: Duration = Duration::from_millis(2_500);
/// Longest wait for the shard's mailbox: what it does not take now is asked of it again.
const SHARD_WITHIN: Duration = Duration::from_secs(1);
/// Longest that the last word may take.
const LEAVE_WITHIN: Duration = Duration::from_secs(2);

/// What this node says of itself.
#[derive(Clone, Debug)]
pub struct Settings {
    pub number: NodeNumber,
    /// Where clients reach it.
    pub address: ServerAddress,
    /// Links that it takes at most.
    pub capacity: u32,
    pub epoch: Epoch,
    pub channels: Channels,
    pub key: RecordKey,
}

/// Why a node does not join.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    #[error("this node cannot join: {0}")]
    Strange(Strange),
    #[error(
        "this node cannot tell the others that it is there: {redis} (Redis); {database} (database)"
    )]
    Away {
        redis: RollError,
        database: RollError,
    },
}

/// What a node did to stay in touch.
#[derive(Debug, Default)]
pub struct MembershipCounters {
    /// Beats by Redis, and by the database while Redis was away.
    pub by_redis: Counter,
    pub by_database: Counter,
    /// Beats that reached neither.
    pub missed: Counter,
    /// Links that were asked to go elsewhere, for an even share.
    pub moved: Counter,
}

/// A node that has looked around and may begin to take links.
pub struct Joined {
    registry: Registry,
    key: RecordKey,
    rolls: Rolls,
    counters: Arc<MembershipCounters>,
}

struct Rolls {
    redis: Arc<dyn Roll>,
    database: Arc<dyn Roll>,
}

/// What of the node takes part.
pub struct Taking {
    pub listed: Arc<Listed>,
    pub shard: ShardHandle,
    pub metrics: Arc<Metrics>,
}

/// This node's place among the others. Dropping it ends the beats without a last word.
pub struct Membership {
    nodes: watch::Receiver<u32>,
    strange: watch::Receiver<Option<Strange>>,
    counters: Arc<MembershipCounters>,
    leave: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

/// Looks who is there, twice where somebody seems to be, and refuses to join nodes that this one
/// cannot be of one cluster with. Takes a beat's time and little more.
pub async fn join(
    settings: Settings,
    redis: RedisRoll,
    store: Arc<dyn Store>,
) -> Result<Joined, JoinError> {
    redis.reached().await;
    let mut start = [0; 8];
    // Without random bytes the clock tells two starts apart.
    if getrandom::fill(&mut start).is_err() {
        start = now_ms().to_le_bytes();
    }
    let own = NodeRecord {
        number: settings.number.0,
        // JSON's numbers are exact up to 2^53 in most tools that look at it.
        start: u64::from_le_bytes(start) >> 11,
        started_at_ms: now_ms(),
        address: settings.address.to_string(),
        state: NodeState::Joining,
        links: 0,
        capacity: settings.capacity,
        beat: 0,
        clock_ms: 0,
        epoch: settings.epoch.0,
        channels: settings.channels.counts(),
        protocol: PROTOCOL,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let mut joined = Joined {
        registry: Registry::new(own),
        key: settings.key,
        rolls: Rolls {
            redis: Arc::new(redis),
            database: Arc::new(DatabaseRoll(store)),
        },
        counters: Arc::default(),
    };
    let mut findings = joined.look(NodeState::Joining, 0).await?;
    if joined.registry.has_company(now_ms()) {
        sleep(SECOND_LOOK).await;
        findings.extend(joined.look(NodeState::Joining, 0).await?);
    }
    for finding in findings {
        if let Some(strange) = tell(finding) {
            return Err(JoinError::Strange(strange));
        }
    }
    Ok(joined)
}

impl Joined {
    /// Begins to beat, and goes on for as long as the membership lives.
    pub fn start(self, taking: Taking) -> Membership {
        let (tell_nodes, nodes) = watch::channel(self.registry.standing().nodes);
        let (tell_strange, strange) = watch::channel(None);
        let (leave, left) = oneshot::channel();
        let counters = self.counters.clone();
        let beating = Beating {
            joined: self,
            taking,
            mover: Mover::default(),
            nodes: tell_nodes,
            strange: tell_strange,
        };
        let task = tokio::spawn(beating.run(left));
        Membership {
            nodes,
            strange,
            counters,
            leave: Some(leave),
            task,
        }
    }

    /// One beat and one look.
    async fn look(&mut self, state: NodeState, links: u32) -> Result<Vec<Finding>, JoinError> {
        let record = self.registry.beat(state, links, now_ms());
        let (number, sealed) = (record.number, self.key.seal(record));
        let kept = match self.rolls.redis.beat(number, sealed.clone()).await {
            Ok(kept) => {
                self.counters.by_redis.add(1);
                kept
            }
            Err(redis) => match self.rolls.database.beat(number, sealed).await {
                Ok(kept) => {
                    self.counters.by_database.add(1);
                    kept
                }
                Err(database) => {
                    self.counters.missed.add(1);
                    return Err(JoinError::Away { redis, database });
                }
            },
        };
        let seen = seen(kept, &self.key);
        Ok(self.registry.observe(seen, Instant::now(), now_ms()))
    }
}

struct Beating {
    joined: Joined,
    taking: Taking,
    mover: Mover,
    nodes: watch::Sender<u32>,
    strange: watch::Sender<Option<Strange>>,
}

impl Beating {
    async fn run(mut self, mut left: oneshot::Receiver<()>) {
        // The first at once: the others learn that this node takes links.
        let mut ticks = interval_at(tokio::time::Instant::now(), BEAT_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = &mut left => break,
                () = self.taking.listed.changed() => ticks.reset_immediately(),
                _ = ticks.tick() => self.beat().await,
            }
        }
        let _ = self.joined.look(NodeState::Gone, 0).await;
    }

    async fn beat(&mut self) {
        let draining = self.taking.listed.is_draining();
        let state = match draining {
            true => NodeState::Draining,
            false => NodeState::Ready,
        };
        let links = u32::try_from(self.taking.metrics.links.get()).unwrap_or(0);
        match self.joined.look(state, links).await {
            Ok(findings) => {
                for finding in findings {
                    if let Some(strange) = tell(finding) {
                        self.strange.send_replace(Some(strange));
                    }
                }
            }
            Err(error) => tracing::warn!("{error}; the node list stays as it is"),
        }
        let registry = &self.joined.registry;
        self.taking.listed.set(registry.nodes(), registry.others());
        self.nodes.send_if_modified(|shown| {
            let nodes = registry.standing().nodes;
            std::mem::replace(shown, nodes) != nodes
        });
        if !draining {
            self.move_some().await;
        }
        self.forget().await;
    }

    /// Sends some links to emptier nodes, if this one is too full.
    async fn move_some(&mut self) {
        let registry = &self.joined.registry;
        let (own, level) = (registry.own_filled(), registry.standing().level);
        let count = self.mover.step(own, level, Instant::now());
        let nodes = registry.emptier();
        if count == 0 || nodes.is_empty() {
            return;
        }
        tracing::info!(count, links = own.links, "links go to emptier nodes");
        let away = ToShard::MoveAway {
            count,
            nodes,
            within: SPREAD,
        };
        if timeout(SHARD_WITHIN, self.taking.shard.send(away))
            .await
            .is_ok()
        {
            self.joined.counters.moved.add(count.into());
        }
    }

    async fn forget(&mut self) {
        let numbers = self.joined.registry.take_forgotten(Instant::now());
        // Whoever looks next finds what is left.
        if !numbers.is_empty() {
            let _ = self.joined.rolls.redis.forget(numbers).await;
        }
    }
}

impl Membership {
    /// How many nodes live, this one included, and each change of that.
    pub fn nodes(&self) -> watch::Receiver<u32> {
        self.nodes.clone()
    }

    pub fn counters(&self) -> &Arc<MembershipCounters> {
        &self.counters
    }

    /// Ends when this node must end, because it cannot be of one cluster with nodes that were there
    /// before it, and says why; never otherwise.
    pub fn must_end(&self) -> impl Future<Output = Strange> + Send + use<> {
        let mut strange = self.strange.clone();
        async move {
            loop {
                if let Some(strange) = strange.borrow_and_update().clone() {
                    return strange;
                }
                if strange.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        }
    }

    /// Says that this node has gone, so that nobody waits for it to be silent.
    pub async fn leave(mut self) {
        if let Some(leave) = self.leave.take() {
            let _ = leave.send(());
        }
        // Without it the others notice by themselves.
        let _ = timeout(LEAVE_WITHIN, &mut self.task).await;
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Membership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Membership")
            .field("nodes", &*self.nodes.borrow())
            .finish_non_exhaustive()
    }
}

/// Tells the operator; what this node must end for.
fn tell(finding: Finding) -> Option<Strange> {
    match finding {
        Finding::Came { address } => tracing::info!(%address, "a node is there"),
        Finding::Went {
            address,
            dead: true,
        } => {
            tracing::warn!(%address, "a node has been silent for too long");
        }
        Finding::Went { address, .. } => tracing::info!(%address, "a node has left"),
        Finding::Skew { address, ahead_ms } => tracing::warn!(
            %address,
            ahead_ms,
            "its clock and this one's differ; let both machines keep time by NTP"
        ),
        Finding::Stranger { why, ours_to_end } => {
            tracing::error!("{why}");
            return ours_to_end.then_some(why);
        }
    }
    None
}
