//! What is kept in this process: the used last, within bounds of entries and of bytes, each for its
//! lifetime. No clock: the time is passed in.

use std::hash::Hash;
use std::num::NonZeroUsize;

use lru::LruCache;

/// What an entry takes beside its value and key: links, hash, counts.
const ENTRY_BYTES: usize = 160;

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) entries: NonZeroUsize,
    pub(super) bytes: usize,
}

#[derive(Debug)]
pub(super) struct Lru<K: Hash + Eq, V> {
    entries: LruCache<K, Kept<V>>,
    bytes: usize,
    bounds: Bounds,
}

#[derive(Debug)]
struct Kept<V> {
    value: V,
    bytes: usize,
    until_ms: u64,
}

impl<K: Hash + Eq, V: Clone> Lru<K, V> {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            // Grows as it is filled: a small installation takes little.
            entries: LruCache::sparse(bounds.entries),
            bytes: 0,
            bounds,
        }
    }

    /// The value, as just used; one that has outlived its time is dropped.
    pub(super) fn get(&mut self, key: &K, now_ms: u64) -> Option<V> {
        let kept = self.entries.get(key)?;
        if now_ms < kept.until_ms {
            return Some(kept.value.clone());
        }
        self.remove(key);
        None
    }

    /// Keeps a value of about so many bytes until then. One larger than all bounds is not kept.
    pub(super) fn put(&mut self, key: K, value: V, bytes: usize, until_ms: u64) {
        let bytes = bytes + ENTRY_BYTES;
        self.remove(&key);
        if bytes > self.bounds.bytes {
            return;
        }
        let kept = Kept {
            value,
            bytes,
            until_ms,
        };
        if let Some((_, gone)) = self.entries.push(key, kept) {
            self.bytes -= gone.bytes;
        }
        self.bytes += bytes;
        while self.bytes > self.bounds.bytes {
            let Some((_, gone)) = self.entries.pop_lru() else {
                break;
            };
            self.bytes -= gone.bytes;
        }
    }

    pub(super) fn remove(&mut self, key: &K) {
        if let Some(gone) = self.entries.pop(key) {
            self.bytes -= gone.bytes;
        }
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.bytes = 0;
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn bounds(entries: usize, bytes: usize) -> Bounds {
        Bounds {
            entries: NonZeroUsize::new(entries).unwrap(),
            bytes,
        }
    }

    #[test]
    fn an_entry_is_gone_when_its_time_is_over() {
        let mut lru = Lru::new(bounds(10, 10_000));
        lru.put(1, "one", 3, 30_000);
        assert_eq!(lru.get(&1, 29_999), Some("one"));
        assert_eq!(lru.get(&1, 30_000), None);
        assert_eq!((lru.len(), lru.bytes()), (0, 0));
    }

    #[test]
    fn the_one_used_longest_ago_goes_first() {
        let mut lru = Lru::new(bounds(2, 10_000));
        lru.put(1, 1, 1, 100);
        lru.put(2, 2, 1, 100);
        assert_eq!(lru.get(&1, 0), Some(1));
        lru.put(3, 3, 1, 100);
        assert_eq!(
            [1, 2, 3].map(|key| lru.get(&key, 0)),
            [Some(1), None, Some(3)]
        );
    }

    #[test]
    fn what_is_larger_than_everything_displaces_nothing() {
        let mut lru = Lru::new(bounds(10, 1_000));
        lru.put(1, 1, 100, 100);
        lru.put(2, 2, 5_000, 100);
        assert_eq!([1, 2].map(|key| lru.get(&key, 0)), [Some(1), None]);
        lru.put(1, 1, 5_000, 100);
        assert_eq!(lru.get(&1, 0), None, "the older value is not shown for it");
    }

    proptest! {
        /// Whatever is put in, the bounds hold, the count of bytes is true, and what is found was the
        /// last put under its key.
        #[test]
        fn bounds_hold(
            steps in prop::collection::vec((0_u8..20, 0_usize..900, any::<bool>()), 1..200),
        ) {
            let mut lru = Lru::new(bounds(8, 3_000));
            let mut last = std::collections::HashMap::new();
            for (now, (key, bytes, put)) in steps.into_iter().enumerate() {
                let now = now as u64;
                if put {
                    lru.put(key, now, bytes, now + 20);
                    last.insert(key, now);
                } else if let Some(found) = lru.get(&key, now) {
                    prop_assert_eq!(Some(&found), last.get(&key));
                    prop_assert!(now < found + 20);
                }
                prop_assert!(lru.len() <= 8 && lru.bytes() <= 3_000);
                let sum: usize = lru.entries.iter().map(|(_, kept)| kept.bytes).sum();
                prop_assert_eq!(sum, lru.bytes());
            }
        }
    }
}
