//! What happens to a cluster when, drawn from a seed.

use std::ops::Range;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;

use crate::chaos::plan::shuffle;
use crate::relay::Path;

/// What goes wrong, or is done, while people talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClusterFault {
    /// kill -9 of a node, which is started again once its people are elsewhere.
    KillNode,
    /// SIGSTOP of a node, SIGCONT after five seconds.
    FreezeNode,
    /// SIGTERM of each node in turn, each started again before the next.
    Rolling,
    /// kill -9 of Redis, and an empty one after some seconds.
    KillRedis,
    /// SIGSTOP of Redis, SIGCONT after five seconds: nothing answers, and nothing is refused.
    FreezeRedis,
    /// FLUSHALL.
    FlushRedis,
    /// CLIENT KILL TYPE pubsub.
    CutSubscribers,
    /// PostgreSQL stops and starts.
    RestartPostgres,
    /// kill -9 of PostgreSQL, which recovers from its log.
    KillPostgres,
    /// SIGSTOP of all its processes, SIGCONT after five seconds.
    FreezePostgres,
    /// Every connection to PostgreSQL is ended.
    CutPostgres,
    /// Somebody is removed from a room, or brought back.
    Remove,
    /// A client ends in the midst of things and starts again on what it holds.
    Crash,
    /// The clients of the node behind the relay get new addresses.
    Move,
    /// No packet passes the relay until its clients are elsewhere.
    CutUdp,
    /// kill -9 of a node while Redis is away; both come back.
    KillNodeAndRedis,
}

/// How much, how long, how bad.
#[derive(Clone, Debug)]
pub struct ClusterPlan {
    pub nodes: usize,
    /// People who write, and people who only read.
    pub writers: usize,
    pub readers: usize,
    /// Private rooms beside the public one, and how many of them each person is in.
    pub rooms: usize,
    pub rooms_each: usize,
    /// Pause between two messages of the whole run: a room of more than 2,000 changes cannot be read
    /// for the checker.
    pub pause: Duration,
    /// Messages between two faults.
    pub stretch: Range<u32>,
    pub faults: Vec<ClusterFault>,
    /// What happens to the packets between clients and the first node.
    pub network: Path,
    /// How long all may take to settle after a fault, and in the end.
    pub patience: Duration,
}

impl ClusterPlan {
    /// Everything once or more, in an order drawn from the seed.
    pub fn whole(rng: &mut ChaCha8Rng) -> Self {
        use ClusterFault::{
            Crash, CutPostgres, CutSubscribers, CutUdp, FlushRedis, FreezeNode, FreezePostgres,
            FreezeRedis, KillNode, KillNodeAndRedis, KillPostgres, KillRedis, Move, Remove,
            RestartPostgres, Rolling,
        };
        let faults = [
            KillNode,
            KillNodeAndRedis,
            FreezeNode,
            Rolling,
            KillRedis,
            FreezeRedis,
            FlushRedis,
            CutSubscribers,
            RestartPostgres,
            KillPostgres,
            FreezePostgres,
            CutPostgres,
            Remove,
            Crash,
            Crash,
            Move,
            CutUdp,
        ];
        let mut plan = Self::shuffled(faults.to_vec(), rng);
        // What clients were told of the nodes is never older than just after all were restarted.
        plan.faults.extend([Rolling, KillNode]);
        plan
    }

    /// One of each kind, short enough for every change to the program.
    pub fn short(rng: &mut ChaCha8Rng) -> Self {
        use ClusterFault::{CutPostgres, CutSubscribers, KillNode, KillRedis, Remove};
        let faults = [KillNode, KillRedis, CutSubscribers, CutPostgres, Remove];
        Self::shuffled(faults.to_vec(), rng)
    }

    /// One kind, so many times.
    pub fn only(fault: ClusterFault, count: usize) -> Self {
        Self {
            faults: vec![fault; count],
            ..Self::usual()
        }
    }

    fn shuffled(mut faults: Vec<ClusterFault>, rng: &mut ChaCha8Rng) -> Self {
        shuffle(&mut faults, rng);
        Self {
            faults,
            ..Self::usual()
        }
    }

    fn usual() -> Self {
        Self {
            nodes: 3,
            writers: 8,
            readers: 4,
            rooms: 4,
            rooms_each: 2,
            pause: Duration::from_millis(20),
            stretch: 40..100,
            faults: Vec::new(),
            network: Path {
                delay: Duration::from_millis(2),
                jitter: Duration::from_millis(3),
                loss: 0.05,
                reorder: 0.05,
                ..Path::default()
            },
            patience: Duration::from_secs(60),
        }
    }
}
