//! Rate limits over all nodes: the buckets stand in Redis. While it is away or slow each node counts
//! by itself, at its share of the limit.

mod fallback;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use redis::Script;

use super::backoff::random;
use super::breaker::Breaker;
use super::rate::{Bucket, Class, TooMany, Who};
use crate::config::Limits;
use crate::ops::metrics::Counter;
use crate::redis::{CommandError, Commands};
use fallback::Fallback;

/// Longest that a request waits for Redis here: what nobody notices, several times what Redis takes.
const ANSWER_WITHIN: Duration = Duration::from_millis(20);

/// The generic cell rate algorithm: a bucket is the instant, by Redis' own clock, at which it is full
/// again, so that no node's clock matters; and it is forgotten when it is full.
const SCRIPT: &str = r"
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local full = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
local after = full + ARGV[1]
local over = after - now - ARGV[2]
if over > 0 then
  return math.ceil(over / 1000)
end
redis.call('SET', KEYS[1], string.format('%.0f', after), 'PX', math.ceil((after - now) / 1000))
return 0
";

/// What cluster-wide rates count.
#[derive(Debug, Default)]
pub struct ClusterRateCounters {
    /// Requests decided by Redis.
    pub shared: Counter,
    /// Requests decided by this node alone.
    pub alone: Counter,
}

/// All buckets of an installation, as one node sees them.
#[derive(Debug)]
pub struct ClusterRates {
    commands: Arc<Commands>,
    script: Script,
    /// Begins the names of keys, so that installations can share a Redis.
    prefix: String,
    limits: Limits,
    /// Nodes that are there now.
    nodes: AtomicU32,
    breaker: Mutex<Breaker>,
    fallback: Mutex<Fallback>,
    started: Instant,
    answer_within: Duration,
    counters: ClusterRateCounters,
}

impl ClusterRates {
    pub fn new(commands: Arc<Commands>, prefix: String, limits: Limits) -> Self {
        Self {
            commands,
            script: Script::new(SCRIPT),
            prefix,
            fallback: Mutex::new(Fallback::new(&limits)),
            limits,
            nodes: AtomicU32::new(1),
            breaker: Mutex::new(Breaker::default()),
            started: Instant::now(),
            answer_within: ANSWER_WITHIN,
            counters: ClusterRateCounters::default(),
        }
    }

    /// Waits so long for Redis, where 20 ms are too few.
    #[must_use]
    pub fn answer_within(mut self, within: Duration) -> Self {
        self.answer_within = within;
        self
    }

    /// So many nodes share the limits while Redis is away.
    pub fn set_nodes(&self, nodes: u32) {
        self.nodes.store(nodes.max(1), Ordering::Relaxed);
    }

    /// Takes `cost` tokens, or none. Answers within a deadline, whatever Redis does.
    pub async fn take(&self, class: Class, who: Who, cost: u32) -> Result<(), TooMany> {
        let Some(bucket) = Bucket::of(&self.limits, class, who, cost) else {
            return Ok(());
        };
        match self.ask(class, who, bucket).await {
            Some(0) => Ok(()),
            Some(retry_after_ms) => Err(TooMany { retry_after_ms }),
            None => self.take_alone(class, who, cost),
        }
    }

    pub fn counters(&self) -> &ClusterRateCounters {
        &self.counters
    }

    /// When to retry, ms, 0 for what passes; `None` without an answer from Redis.
    async fn ask(&self, class: Class, who: Who, bucket: Bucket) -> Option<u32> {
        let permit = self.breaker().ask(self.now_ms()).ok()?;
        let mut invocation = self.script.key(self.key(class, who));
        invocation
            .arg(bucket.cost_ns.div_ceil(NS_PER_US))
            .arg(bucket.depth_ns.div_ceil(NS_PER_US));
        let answer = self
            .commands
            .run(self.answer_within, |mut connection| async move {
                invocation.invoke_async::<u32>(&mut connection).await
            });
        match answer.await {
            Ok(retry_after_ms) => {
                self.breaker().succeeded(permit);
                self.counters.shared.add(1);
                Some(retry_after_ms)
            }
            Err(error) => {
                if let CommandError::Refused(said) = &error {
                    tracing::warn!("rate limits are counted here alone: Redis refused: {said}");
                }
                let now_ms = self.now_ms();
                self.breaker().failed(permit, now_ms, random());
                None
            }
        }
    }

    fn take_alone(&self, class: Class, who: Who, cost: u32) -> Result<(), TooMany> {
        self.counters.alone.add(1);
        let nodes = self.nodes.load(Ordering::Relaxed);
        let now_ms = self.now_ms();
        self.fallback().take(nodes, class, who, cost, now_ms)
    }

    /// `PREFIX:rate:CLASS:WHO`.
    fn key(&self, class: Class, who: Who) -> String {
        format!("{}:rate:{}:{who}", self.prefix, class.name())
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fallback(&self) -> MutexGuard<'_, Fallback> {
        self.fallback.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const NS_PER_US: u64 = 1_000;
