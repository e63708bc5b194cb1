//! What handlers and the shard share.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use parlor_protocol::link::{JoinLink, Pin, ServerAddress};
use parlor_protocol::{Code, Refusal, SessionId, UserId};
use tokio::sync::{Semaphore, mpsc};

use super::{ShardHandle, ToShard};
use crate::cluster::{Listed, Peers};
use crate::config::Config;
use crate::guard::cluster_rate::ClusterRates;
use crate::guard::password::Gate;
use crate::guard::rate::{Class, Rates, Who};
use crate::ops::Metrics;
use crate::redis::Commands;
use crate::room::Committer;
use crate::store::Store;

/// Requests that the core works on at once, over all links; above it askers are told to try again.
pub const REQUESTS_AT_ONCE: usize = 1_024;

/// The core of a node: pools, committer and what handlers need.
pub struct Core {
    pub store: Arc<dyn Store>,
    /// The other nodes; `None`: this one is alone.
    pub peers: Option<Arc<Peers>>,
    pub committer: Committer,
    pub shard: ShardHandle,
    pub config: Arc<Config>,
    pub metrics: Arc<Metrics>,
    pub gate: Gate,
    pub runtime: tokio::runtime::Handle,
    pub requests: Arc<Semaphore>,
    /// Where clients reach this node, for the node list and join links: `host[,host2]:port`.
    pub public_address: ServerAddress,
    /// The nodes that clients are told of.
    pub nodes: Arc<Listed>,
    /// Keys in force and next in force; empty with a certificate by a CA.
    pub pins: Vec<Pin>,
    /// Tries to log in, by address and by account.
    pub log_in_rates: Mutex<Rates>,
    /// Commands to the Redis that nodes share; `None`: this one is alone.
    pub redis: Option<Arc<Commands>>,
    /// The rates of all nodes together; `None`: this one is alone.
    pub shared_rates: Option<Arc<ClusterRates>>,
    /// Sessions just seen, to be noted many at once; dropped at the bound, since the next visit
    /// says the same.
    pub seen: mpsc::Sender<(SessionId, u64, String)>,
    /// People with an entered link, as the shard last said.
    pub online: Mutex<HashSet<UserId>>,
    /// How often sessions were ended or their people's rights changed.
    pub endings: AtomicU64,
    /// Start of the steady clock that rates are counted by.
    pub began: Instant,
    /// A test has stopped the flusher's slots.
    #[cfg(test)]
    pub(crate) flusher_stopped: std::sync::atomic::AtomicBool,
}

impl Core {
    /// Milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> u64 {
        now_ms()
    }

    /// Milliseconds of a clock that never goes back.
    pub fn steady_ms(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }

    /// Counts a try to log in, here and over all nodes.
    pub async fn log_ins(&self, who: Who) -> Result<(), Refusal> {
        self.log_ins_here(who)?;
        self.take_shared(Class::LogIn, who).await
    }

    /// Counts what this node's own bucket let pass against the one of all nodes. Sends, reads,
    /// markers and signals are not: each would wait for a round trip to Redis, and a person has few
    /// links, so is at few nodes.
    pub async fn take_shared(&self, class: Class, who: Who) -> Result<(), Refusal> {
        match (&self.shared_rates, class) {
            (Some(rates), Class::Command | Class::Upload | Class::LogIn) => {
                rates.take(class, who, 1).await.map_err(Refusal::from)
            }
            (Some(_), Class::Send | Class::Read | Class::Marker | Class::Signal) | (None, _) => {
                Ok(())
            }
        }
    }

    fn log_ins_here(&self, who: Who) -> Result<(), Refusal> {
        let mut rates = self
            .log_in_rates
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        rates
            .take(Class::LogIn, who, 1, self.steady_ms())
            .map_err(Refusal::from)
    }

    pub fn is_online(&self, user: UserId) -> bool {
        self.online
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&user)
    }

    pub fn set_online(&self, user: UserId, online: bool) {
        let mut people = self.online.lock().unwrap_or_else(PoisonError::into_inner);
        if online {
            people.insert(user);
        } else {
            people.remove(&user);
        }
    }

    /// Ends the links of sessions that are ended in the database already, on every node.
    pub async fn end_sessions(
        &self,
        user: UserId,
        sessions: Option<Vec<SessionId>>,
        but: Option<SessionId>,
        code: Code,
    ) {
        if let Some(peers) = &self.peers {
            peers.sessions_ended(user, sessions.as_deref(), but, code);
        }
        self.sessions_ended_elsewhere(user, sessions, but, code)
            .await;
    }

    /// Ends links here of sessions that another node has ended.
    pub async fn sessions_ended_elsewhere(
        &self,
        user: UserId,
        sessions: Option<Vec<SessionId>>,
        but: Option<SessionId>,
        code: Code,
    ) {
        // Between the database and the shard: whoever looked at the session before it ended, and is
        // known to the shard after it was told, sees another number.
        self.endings.fetch_add(1, Ordering::SeqCst);
        let end = ToShard::EndSessions {
            user,
            sessions,
            but,
            code,
        };
        self.shard.send(end).await;
    }

    pub fn endings(&self) -> u64 {
        self.endings.load(Ordering::SeqCst)
    }

    /// The link that a join code is given out as.
    pub fn join_link(&self, code: &str) -> JoinLink {
        JoinLink {
            server: self.public_address.clone(),
            code: code.to_owned(),
            pin: self.pins.first().copied(),
        }
    }
}

/// Milliseconds since the Unix epoch.
pub fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64)
}
