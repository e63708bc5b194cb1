//! The part of the cache that the nodes of a cluster share, in Redis.
//!
//! **Versions.** A group's version is a random word under a key of its own. A look-up gives an entry
//! only if it carries the version that is there now, and makes one where there is none; what is
//! loaded is stored only if the version from before the load is still there. A change deletes the
//! version. So a writer that was overtaken by a change loses, and so does one that was overtaken by
//! a change and a FLUSHALL, since no version comes twice.
//!
//! **Changes that Redis did not confirm** are owed: this node asks Redis nothing about those groups
//! until it has told them, and tells them as soon as Redis answers again.
//!
//! **Sessions** decide who gets in, so owing is not enough. Their versions live for a lease of two
//! seconds and are never prolonged: an entry lets somebody in only within the lease after the
//! database knew the session; afterwards the database is asked and the entry renewed. Many short
//! visits (`parlor send` in a loop) cost one query every two seconds so. Who ends a session deletes the version before it is acknowledged; where Redis does not confirm that, they
//! wait until every lease is over. So an ended session that was acknowledged never comes back,
//! whatever becomes of Redis. For the same reason no node of a cluster keeps sessions in its own
//! memory; a lone node does, since every change passes through it. Password hashes never go to Redis.

mod owed;
mod session;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use parlor_protocol::{Epoch, RoomId};
use redis::aio::MultiplexedConnection;
use redis::{RedisResult, Script};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::key::{Group, Key, Kind, Names};
use super::value::Value;
use crate::config;
use crate::guard::backoff::random;
use crate::guard::breaker::Breaker;
use crate::ops::Metrics;
use crate::redis::{CommandError, Commands};
use owed::Owed;
pub(super) use session::Looked;

/// Longest that a read or a commit waits for Redis here: several times what Redis takes, and less
/// than anybody notices.
const ANSWER_WITHIN: Duration = Duration::from_millis(20);
/// Largest entry, bytes: Redis serves one at a time, and the longest page fits.
const ENTRY_BYTES: usize = 512 * 1024;
/// How often changes that are owed are told, and the time that has: nobody waits for it.
const REPAY_EVERY: Duration = Duration::from_millis(100);
const REPAY_WITHIN: Duration = Duration::from_secs(1);
/// Names deleted by one command when many are owed.
const REPAY_TOGETHER: usize = 1_000;
/// A version outlives its entries: times their life.
const VERSION_LIVES: u64 = 2;

/// Pairs of version and entry; gives version and what the entry holds, or nothing, for each.
const READ: &str = r"
local out = {}
for i = 1, #KEYS, 2 do
  local version = redis.call('GET', KEYS[i])
  local held = false
  if version then
    local entry = redis.call('GET', KEYS[i + 1])
    local begin = version .. ':'
    if entry and string.sub(entry, 1, #begin) == begin then
      held = string.sub(entry, #begin + 1)
    end
  else
    version = ARGV[1] .. '.' .. i
    redis.call('SET', KEYS[i], version, 'PX', ARGV[2])
  end
  out[i] = version
  out[i + 1] = held
end
return out
";

/// Pairs of version and entry with the version from before the load and the bytes of each.
const STORE: &str = r"
for i = 1, #KEYS, 2 do
  local version = ARGV[i + 2]
  if redis.call('GET', KEYS[i]) == version then
    redis.call('SET', KEYS[i + 1], version .. ':' .. ARGV[i + 3], 'PX', ARGV[1])
    redis.call('PEXPIRE', KEYS[i], ARGV[2])
  end
end
return 0
";

/// What a look-up found of one entry.
#[derive(Debug)]
pub(super) struct Slot {
    /// To be given back with what is loaded.
    pub(super) version: Vec<u8>,
    pub(super) held: Option<Value>,
}

/// A Redis in which nodes share what they read.
#[derive(Debug)]
pub struct SharedCache {
    redis: Arc<Redis>,
    repayer: JoinHandle<()>,
}

#[derive(Debug)]
struct Redis {
    commands: Arc<Commands>,
    names: Names,
    read: Script,
    store: Script,
    session: session::Scripts,
    breaker: Mutex<Breaker>,
    owed: Owed,
    settings: config::Cache,
    metrics: Arc<Metrics>,
    began: Instant,
    answer_within: Duration,
}

impl Drop for SharedCache {
    fn drop(&mut self) {
        self.repayer.abort();
    }
}

impl SharedCache {
    /// Must be called within a runtime. `prefix`: the installation's, for all its keys.
    pub fn start(
        commands: Arc<Commands>,
        prefix: &str,
        epoch: Epoch,
        settings: config::Cache,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self::start_with(commands, prefix, epoch, settings, metrics, ANSWER_WITHIN)
    }

    /// The same with another patience than 20 ms.
    pub fn start_with(
        commands: Arc<Commands>,
        prefix: &str,
        epoch: Epoch,
        settings: config::Cache,
        metrics: Arc<Metrics>,
        answer_within: Duration,
    ) -> Self {
        let redis = Arc::new(Redis {
            commands,
            names: Names::new(prefix, epoch),
            read: Script::new(READ),
            store: Script::new(STORE),
            session: session::Scripts::default(),
            breaker: Mutex::default(),
            owed: Owed::default(),
            settings,
            metrics,
            began: Instant::now(),
            answer_within,
        });
        let repayer = tokio::spawn(redis.clone().repay());
        Self { redis, repayer }
    }

    /// Looks entries of one kind up; `None` where Redis cannot be asked.
    pub(super) async fn read(&self, kind: Kind, wanted: &[(Group, Key)]) -> Option<Vec<Slot>> {
        let redis = &*self.redis;
        let mut ask = redis.read.prepare_invoke();
        for (group, key) in wanted {
            let version = redis.names.version(*group);
            if redis.owed.has(&version) {
                return None;
            }
            ask.key(version).key(redis.names.entry(key));
        }
        let life_ms = VERSION_LIVES * kind.life_ms(&redis.settings);
        ask.arg(word()?).arg(life_ms);
        let found: Vec<Option<Vec<u8>>> = redis
            .ask(|mut connection| async move { ask.invoke_async(&mut connection).await })
            .await?;
        let slot = |(pair, (_, key)): (&[Option<Vec<u8>>], &(Group, Key))| {
            let [version, held] = pair else { return None };
            let held = held.as_ref().and_then(|it| Value::decode(key, it));
            Some(Slot {
                version: version.clone()?,
                held,
            })
        };
        found.chunks(2).zip(wanted).map(slot).collect()
    }

    /// Leaves what was loaded for the others, unless something changed since the look-up.
    pub(super) async fn store(&self, kind: Kind, loaded: Vec<(Group, Key, Vec<u8>, Value)>) {
        let redis = &*self.redis;
        let life_ms = kind.life_ms(&redis.settings);
        let mut ask = redis.store.prepare_invoke();
        ask.arg(life_ms).arg(VERSION_LIVES * life_ms);
        let mut any = false;
        for (group, key, version, value) in loaded {
            let bytes = value.encode().filter(|it| it.len() <= ENTRY_BYTES);
            let Some(bytes) = bytes else { continue };
            ask.key(redis.names.version(group))
                .key(redis.names.entry(&key))
                .arg(version)
                .arg(bytes);
            any = true;
        }
        if any {
            redis
                .ask(|mut connection| async move { ask.invoke_async::<i64>(&mut connection).await })
                .await;
        }
    }

    /// The newest page of a room as some node left it: whether it is new enough is the asker's to see.
    pub(super) async fn page(&self, room: RoomId) -> Option<Value> {
        let (redis, key) = (&*self.redis, Key::Page(room));
        let mut get = redis::cmd("GET");
        get.arg(redis.names.entry(&key));
        let found: Option<Vec<u8>> = redis
            .ask(|mut connection| async move { get.query_async(&mut connection).await })
            .await?;
        Value::decode(&key, &found?)
    }

    pub(super) async fn store_page(&self, room: RoomId, page: &Value) {
        let redis = &*self.redis;
        let bytes = page.encode().filter(|it| it.len() <= ENTRY_BYTES);
        let Some(bytes) = bytes else { return };
        let mut set = redis::cmd("SET");
        set.arg(redis.names.entry(&Key::Page(room))).arg(bytes);
        set.arg("PX").arg(Kind::Pages.life_ms(&redis.settings));
        redis
            .ask(|mut connection| async move { set.query_async::<()>(&mut connection).await })
            .await;
    }

    /// These changed, and the database has it: after this nobody finds them as they were. One round
    /// trip for all.
    pub(super) async fn changed(&self, groups: &[Group]) {
        let redis = &*self.redis;
        let shared = groups.iter().copied().filter(|it| it.is_shared());
        let names: Vec<String> = shared.map(|it| redis.names.version(it)).collect();
        if names.is_empty() {
            return;
        }
        redis.owed.add(&names);
        let told = redis.ask(|connection| delete(connection, &names)).await;
        if told.is_some() {
            redis.owed.remove(&names);
        } else if groups.iter().any(|it| it.guards_entry()) {
            sleep(redis.longest_lease()).await;
        }
        redis.metrics.cache_owed.set(redis.owed.len() as i64);
    }
}

impl Redis {
    /// Asks within the deadline, unless Redis is left alone; `None` without an answer.
    async fn ask<T, F>(&self, ask: impl FnOnce(MultiplexedConnection) -> F) -> Option<T>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let permit = self.breaker().ask(self.now_ms()).ok()?;
        match self.commands.run(self.answer_within, ask).await {
            Ok(answer) => {
                self.breaker().succeeded(permit);
                Some(answer)
            }
            Err(error) => {
                if let CommandError::Refused(said) = &error {
                    tracing::warn!("the cache goes without Redis, which refused: {said}");
                }
                self.metrics.cache_shared_failures.add(1);
                let now_ms = self.now_ms();
                self.breaker().failed(permit, now_ms, random());
                None
            }
        }
    }

    /// Tells what is owed as soon as Redis answers. It knocks by itself: the breaker may rest for
    /// longer than others should find what is no longer true.
    async fn repay(self: Arc<Self>) {
        loop {
            self.owed.wait().await;
            // Whoever made the change tells it first.
            sleep(REPAY_EVERY).await;
            let names = self.owed.some(REPAY_TOGETHER);
            if names.is_empty() {
                continue;
            }
            let told = self
                .commands
                .run(REPAY_WITHIN, |connection| delete(connection, &names));
            if told.await.is_ok() {
                self.owed.remove(&names);
                self.metrics.cache_owed.set(self.owed.len() as i64);
            }
        }
    }

    /// After so long no lease given before now is in force. Redis counts it by its own clock, which
    /// may go a little slower.
    fn longest_lease(&self) -> Duration {
        let lease = Duration::from_secs(self.settings.session_lease_s.into());
        lease + lease / 20
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn delete(mut connection: MultiplexedConnection, names: &[String]) -> RedisResult<()> {
    redis::cmd("DEL")
        .arg(names)
        .query_async(&mut connection)
        .await
}

/// A word that never comes twice; `None` where the system gives no random bytes.
fn word() -> Option<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    Some(data_encoding::HEXLOWER.encode(&bytes))
}
