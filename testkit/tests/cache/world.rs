//! One database, and nodes that read it through caches.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use parlor_protocol::{SessionId, UserId};
use parlor_server::cache::{Cache, CachedStore, SharedCache};
use parlor_server::config;
use parlor_server::ops::Metrics;
use parlor_server::redis::Commands;
use parlor_server::shard::now_ms;
use parlor_server::store::conformance::{Hand, World};
use parlor_server::store::sqlite::SqliteStore;
use parlor_server::store::{NewSession, Store, TokenHash};
use parlor_testkit::redis::Redis;
use tempfile::TempDir;
use tokio::time::timeout;

use crate::gate::Gate;

pub(crate) const WITHIN: Duration = Duration::from_secs(30);

/// The truth.
pub(crate) struct Database {
    pub(crate) gate: Arc<Gate>,
    pub(crate) hand: Hand,
    _folder: TempDir,
}

impl Database {
    pub(crate) async fn new() -> Self {
        Self::with(Hand::new()).await
    }

    pub(crate) async fn with(hand: Hand) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = hand.clone();
        let file = folder.path().join("parlor.db");
        let opened = SqliteStore::open_with(&file, Arc::new(move || clock.now_ms()));
        let opened = opened.await.unwrap();
        Self {
            gate: Gate::new(Arc::new(opened)),
            hand,
            _folder: folder,
        }
    }

    /// Without any cache.
    pub(crate) fn bare(&self) -> &dyn Store {
        &*self.gate
    }

    fn node(&self, cache: Cache, metrics: Arc<Metrics>) -> Node {
        let store = Arc::new(CachedStore::new(self.gate.clone(), Arc::new(cache)));
        Node {
            world: World::with(store.clone(), self.hand.clone()),
            store,
            metrics,
        }
    }

    pub(crate) fn lone(&self) -> Node {
        let metrics = Arc::new(Metrics::default());
        let cache = Cache::new(config::Cache::default(), metrics.clone());
        self.node(cache, metrics)
    }

    /// A node that shares its cache in the Redis, patient on a machine that is busy.
    pub(crate) async fn shared(&self, redis: &Redis) -> Node {
        self.shared_with(redis, config::Cache::default(), WITHIN)
            .await
    }

    pub(crate) async fn shared_with(
        &self,
        redis: &Redis,
        settings: config::Cache,
        answer_within: Duration,
    ) -> Node {
        let commands = Arc::new(Commands::start(redis.url().parse().unwrap()));
        let mut up = commands.up();
        let up = up.wait_for(|up| *up);
        timeout(WITHIN, up).await.unwrap().unwrap();
        let metrics = Arc::new(Metrics::default());
        let shared = SharedCache::start_with(
            commands,
            "parlor",
            self.bare().epoch(),
            settings.clone(),
            metrics.clone(),
            answer_within,
        );
        let cache = Cache::shared(shared, settings, metrics.clone());
        self.node(cache, metrics)
    }
}

/// A node, and ways to say what people do at it.
pub(crate) struct Node {
    pub(crate) world: World,
    pub(crate) store: Arc<CachedStore>,
    pub(crate) metrics: Arc<Metrics>,
}

impl Deref for Node {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl Node {
    /// A session of a person, found by this token.
    pub(crate) async fn session(&self, user: UserId, number: u8) -> (SessionId, TokenHash) {
        let (id, token) = (SessionId(self.world.id()), [number; 32]);
        let now = now_ms();
        let session = NewSession {
            id,
            user,
            token,
            device: "a test".to_owned(),
            address: "::1".to_owned(),
            made_at_ms: now,
            expires_at_ms: now + 1_000_000_000,
        };
        self.store.create_session(session).await.unwrap();
        (id, token)
    }

    pub(crate) async fn finds(&self, token: &TokenHash) -> bool {
        let found = self.store.session_by_token(token).await;
        found.unwrap().is_some()
    }
}
