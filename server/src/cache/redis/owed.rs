//! Versions that this node should have deleted and that Redis may still hold.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Names remembered, about 150 bytes each: hours of changes without Redis. Beyond that an entry may
/// be shown for the rest of its life; sessions do not rest on this.
const NAMES: usize = 65_536;

#[derive(Debug, Default)]
pub(super) struct Owed {
    names: Mutex<HashSet<String>>,
    added: Notify,
}

impl Owed {
    /// From before the deletion is asked for, so that one that is cancelled half-way is made up for.
    pub(super) fn add(&self, names: &[String]) {
        let mut owed = self.names();
        for name in names {
            if owed.len() < NAMES {
                owed.insert(name.clone());
            }
        }
        drop(owed);
        self.added.notify_one();
    }

    pub(super) fn remove(&self, names: &[String]) {
        let mut owed = self.names();
        for name in names {
            owed.remove(name);
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        let owed = self.names();
        !owed.is_empty() && owed.contains(name)
    }

    pub(super) fn len(&self) -> usize {
        self.names().len()
    }

    /// At most so many of them.
    pub(super) fn some(&self, most: usize) -> Vec<String> {
        self.names().iter().take(most).cloned().collect()
    }

    /// Ends when something is owed.
    pub(super) async fn wait(&self) {
        while self.len() == 0 {
            self.added.notified().await;
        }
    }

    fn names(&self) -> MutexGuard<'_, HashSet<String>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_owed_is_known_until_it_is_told_and_bounded() {
        let owed = Owed::default();
        let names: Vec<String> = (0..NAMES + 10).map(|n| n.to_string()).collect();
        owed.add(&names);
        assert_eq!(owed.len(), NAMES);
        assert!(owed.has("0"));
        assert_eq!(owed.some(3).len(), 3);
        owed.remove(&names);
        assert_eq!((owed.len(), owed.has("0")), (0, false));
    }
}
