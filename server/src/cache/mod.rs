//! What is read often, kept close: an in-process part, and in a cluster a part that all nodes share
//! in Redis. The database is the truth; whoever loses a cache reads slower, and nothing else.
//!
//! - [`CachedStore`] is a [`crate::store::Store`] around another one: whoever reads through it needs
//!   to know of no cache. Whether somebody may read is never answered from here: `access`, `summary`
//!   and `heads` always ask the database, and handlers ask it before they read content.
//! - An entry is bound to *groups*: what it shows of a room, of a person. A change makes its groups
//!   unreadable after the commit and before the acknowledgement. A reader takes the version before it
//!   loads, and what it loaded is kept only under that version: a slow reader cannot bring back what
//!   a change has swept away (`version`, `redis`).
//! - The newest page of a room is bound to the room's rev instead: it is good as long as its `as_of`
//!   reaches the highest rev known, which each look at the asker's access renews from the database.
//!   So a post sweeps nothing.
//! - Identical loads run once (`single`).
//! - In a cluster a node's own memory learns of other nodes' changes by the bus, which is a hint and
//!   brings only what the node has taken channels for. So lists and profiles stay there for a second
//!   at most; beyond that Redis is asked, which every change has swept.
//! - Sessions: see `redis`.

mod heard;
mod key;
mod layers;
mod lru;
mod redis;
mod revs;
mod single;
mod store;
mod value;
mod version;
mod warm;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::config;
use crate::ops::Metrics;
use crate::redis::Commands;
use crate::store::Store;

pub use self::redis::SharedCache;
pub use key::Kind;
pub use layers::Cache;
pub use store::CachedStore;

/// The store of a node that is alone, behind its cache, which begins to fill. Must be called within
/// a runtime.
pub fn of_lone_node(
    store: Arc<dyn Store>,
    settings: &config::Cache,
    metrics: &Arc<Metrics>,
) -> Arc<dyn Store> {
    if !settings.on {
        return store;
    }
    let cache = Arc::new(Cache::new(settings.clone(), metrics.clone()));
    let store = Arc::new(CachedStore::new(store, cache));
    let warming = store.clone();
    tokio::spawn(async move { warming.warm().await });
    store
}

/// The store of a node of a cluster, behind a cache that it shares with the others. What the bus says
/// goes to [`Cache::heard`] of [`CachedStore::cache`], before the shard gets it; [`CachedStore::warm`]
/// is worth its while after the first [`crate::bus::Event::Back`]. Must be called within a runtime.
pub fn of_cluster_node(
    store: Arc<dyn Store>,
    commands: Arc<Commands>,
    prefix: &str,
    settings: &config::Cache,
    metrics: &Arc<Metrics>,
) -> Arc<CachedStore> {
    let (epoch, settings) = (store.epoch(), settings.clone());
    let shared = SharedCache::start(commands, prefix, epoch, settings.clone(), metrics.clone());
    let cache = Cache::shared(shared, settings, metrics.clone());
    Arc::new(CachedStore::new(store, Arc::new(cache)))
}
