//! An LRU whose entries age: fresh, then shown while one reload runs, then gone.
//!
//! The clock is passed in. [`Loads`] sees to it that concurrent identical loads
//! run once.

mod loads;

#[cfg(test)]
mod tests;

use std::hash::Hash;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use lru::LruCache;

pub use loads::{Finished, Load, Loads, MAX_LOADS, MAX_WAITERS, Waiter};

/// A reload that has not come back by then counts as lost, and the next reader
/// may start another. Longer than any request's own time-out.
pub const RELOAD_LOST_AFTER: Duration = Duration::from_secs(30);

/// How long values of one kind may be used.
#[derive(Clone, Copy, Debug)]
pub struct Ages {
    /// Younger than this is used as it is.
    pub fresh: Duration,
    /// From `fresh` to here the value is used and reloaded; older is dropped.
    pub usable: Duration,
}

/// What the cache knows of a key at this moment.
#[derive(Debug, PartialEq, Eq)]
pub enum Lookup<'a, V> {
    /// Use it.
    Fresh(&'a V),
    /// Use it; the reader who is told `revalidate` loads it anew, once.
    Stale {
        /// The value as last loaded.
        value: &'a V,
        /// Whether this reader is the one to reload it.
        revalidate: bool,
    },
    /// Not here, or too old to show.
    Missing,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    loaded_at: Instant,
    reload_began: Option<Instant>,
}

/// At most `capacity` values, the least recently read leaving first.
#[derive(Debug)]
pub struct AgedLru<K: Hash + Eq, V> {
    entries: LruCache<K, Entry<V>>,
    ages: Ages,
}

impl<K: Hash + Eq, V> AgedLru<K, V> {
    /// An empty cache of at most `capacity` entries.
    pub fn new(capacity: NonZeroUsize, ages: Ages) -> Self {
        Self {
            entries: LruCache::new(capacity),
            ages,
        }
    }

    /// Reads a value as of `now` and counts as a use of it.
    pub fn get(&mut self, key: &K, now: Instant) -> Lookup<'_, V> {
        let Some(age) = self
            .entries
            .peek(key)
            .map(|entry| now.saturating_duration_since(entry.loaded_at))
        else {
            return Lookup::Missing;
        };
        if age >= self.ages.usable.max(self.ages.fresh) {
            self.entries.pop(key);
            return Lookup::Missing;
        }
        match self.entries.get_mut(key) {
            Some(entry) if age < self.ages.fresh => Lookup::Fresh(&entry.value),
            Some(entry) => {
                let revalidate = entry.may_reload(now);
                Lookup::Stale {
                    value: &entry.value,
                    revalidate,
                }
            }
            None => Lookup::Missing,
        }
    }

    /// Stores a value loaded at `now`. Returns what had to leave for it.
    pub fn put(&mut self, key: K, value: V, now: Instant) -> Option<(K, V)> {
        let entry = Entry {
            value,
            loaded_at: now,
            reload_began: None,
        };
        self.entries
            .push(key, entry)
            .map(|(key, entry)| (key, entry.value))
    }

    /// The server says the value has not changed: it is fresh again.
    pub fn still_valid(&mut self, key: &K, now: Instant) {
        if let Some(entry) = self.entries.peek_mut(key) {
            entry.loaded_at = now;
            entry.reload_began = None;
        }
    }

    /// A reload failed: the next reader may try again.
    pub fn reload_failed(&mut self, key: &K) {
        if let Some(entry) = self.entries.peek_mut(key) {
            entry.reload_began = None;
        }
    }

    /// The value is known to be wrong: it is gone at once.
    pub fn invalidate(&mut self, key: &K) -> Option<V> {
        self.entries.pop(key).map(|entry| entry.value)
    }

    /// Drops everything, as on another epoch.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// How many values are held, of any age.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl<V> Entry<V> {
    fn may_reload(&mut self, now: Instant) -> bool {
        let running = self
            .reload_began
            .is_some_and(|began| now.saturating_duration_since(began) < RELOAD_LOST_AFTER);
        if !running {
            self.reload_began = Some(now);
        }
        !running
    }
}
