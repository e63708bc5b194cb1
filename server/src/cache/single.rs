//! Identical loads run once: who comes first loads, who comes meanwhile waits for that.
//!
//! A load that fails fails for all who wait, and the next one tries anew. Where the first goes away
//! in the middle (its link broke), one of those who wait goes on in its place.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// Loads under way, and those who wait for one of them. Beyond that each loads by itself: the
/// database has bounds of its own.
const LOADS: usize = 4_096;
const WAITING: usize = 4_096;

type Outcome<T> = watch::Sender<Option<T>>;

#[derive(Debug)]
pub(super) struct Single<K, T> {
    under_way: Mutex<HashMap<K, Arc<Outcome<T>>>>,
}

impl<K, T> Default for Single<K, T> {
    fn default() -> Self {
        Self {
            under_way: Mutex::default(),
        }
    }
}

/// One's part in a load.
enum Part<'a, K: Hash + Eq + Clone, T> {
    First(Lead<'a, K, T>),
    Waits(watch::Receiver<Option<T>>),
    Alone,
}

/// Who loads for all. Dropped without an outcome, it leaves the load to the next.
struct Lead<'a, K: Hash + Eq + Clone, T> {
    single: &'a Single<K, T>,
    key: K,
    outcome: Arc<Outcome<T>>,
}

impl<K: Hash + Eq + Clone, T> Drop for Lead<'_, K, T> {
    fn drop(&mut self) {
        self.single.under_way().remove(&self.key);
    }
}

impl<K: Hash + Eq + Clone, T: Clone> Single<K, T> {
    /// What a load gives that began for this caller or for another one of the same key, and whether
    /// it was another's.
    pub(super) async fn run<F: Future<Output = T>>(
        &self,
        key: K,
        load: impl Fn() -> F,
    ) -> (T, bool) {
        loop {
            match self.join(key.clone()) {
                Part::Alone => return (load().await, false),
                Part::First(lead) => {
                    let loaded = load().await;
                    lead.outcome.send_replace(Some(loaded.clone()));
                    return (loaded, false);
                }
                Part::Waits(mut outcome) => {
                    if let Ok(loaded) = outcome.wait_for(Option::is_some).await
                        && let Some(loaded) = &*loaded
                    {
                        return (loaded.clone(), true);
                    }
                }
            }
        }
    }

    fn join(&self, key: K) -> Part<'_, K, T> {
        let mut under_way = self.under_way();
        let full = under_way.len() >= LOADS;
        match under_way.entry(key) {
            Entry::Occupied(load) if load.get().receiver_count() >= WAITING => Part::Alone,
            Entry::Occupied(load) => Part::Waits(load.get().subscribe()),
            Entry::Vacant(_) if full => Part::Alone,
            Entry::Vacant(place) => {
                let key = place.key().clone();
                let outcome = Arc::new(watch::Sender::new(None));
                place.insert(outcome.clone());
                Part::First(Lead {
                    single: self,
                    key,
                    outcome,
                })
            }
        }
    }
}

impl<K, T> Single<K, T> {
    fn under_way(&self) -> MutexGuard<'_, HashMap<K, Arc<Outcome<T>>>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;
    use tokio::task::JoinSet;

    use super::*;

    type Loads = Single<u8, Result<usize, String>>;

    /// Waits until so many wait for the load of a key.
    async fn waiting(loads: &Loads, key: u8, count: usize) {
        let here = || {
            let under_way = loads.under_way();
            under_way.get(&key).map(|load| load.receiver_count())
        };
        while here() != Some(count) {
            tokio::task::yield_now().await;
        }
    }

    /// So many ask for the same at once; the load ends when it is let go.
    async fn together(
        askers: usize,
        gives: Result<usize, String>,
    ) -> (usize, Vec<Result<usize, String>>) {
        let (loads, ran) = (Arc::new(Loads::default()), Arc::new(AtomicUsize::new(0)));
        let go = Arc::new(Notify::new());
        let mut asked = JoinSet::new();
        for _ in 0..askers {
            let (loads, ran, go, gives) = (loads.clone(), ran.clone(), go.clone(), gives.clone());
            asked.spawn(async move {
                let load = || async {
                    ran.fetch_add(1, Ordering::SeqCst);
                    go.notified().await;
                    gives.clone()
                };
                loads.run(1, load).await.0
            });
        }
        waiting(&loads, 1, askers - 1).await;
        go.notify_one();
        let answers = asked.join_all().await;
        assert!(loads.under_way().is_empty());
        (ran.load(Ordering::SeqCst), answers)
    }

    #[tokio::test]
    async fn of_a_hundred_identical_loads_one_runs() {
        let (ran, answers) = together(100, Ok(7)).await;
        assert_eq!((ran, answers), (1, vec![Ok(7); 100]));
    }

    #[tokio::test]
    async fn a_failure_is_told_to_all_and_not_kept() {
        let (ran, answers) = together(3, Err("away".to_owned())).await;
        assert_eq!((ran, answers), (1, vec![Err("away".to_owned()); 3]));
    }

    #[tokio::test]
    async fn who_goes_away_in_the_middle_hands_over() {
        let loads = Arc::new(Loads::default());
        let first = loads.clone();
        let first = tokio::spawn(async move { first.run(1, std::future::pending).await });
        waiting(&loads, 1, 0).await;
        let mut others = JoinSet::new();
        for number in 0..5 {
            let loads = loads.clone();
            others.spawn(async move { loads.run(1, || async move { Ok(number) }).await.0 });
        }
        waiting(&loads, 1, 5).await;
        first.abort();
        let answers = others.join_all().await;
        assert_eq!(answers.len(), 5);
        assert!(
            answers.iter().all(Result::is_ok),
            "somebody loaded for the rest"
        );
    }

    #[tokio::test]
    async fn other_keys_do_not_wait() {
        let loads = Loads::default();
        let one = loads.run(1, || async { loads.run(2, || async { Ok(2) }).await.0 });
        assert_eq!(one.await, (Ok(2), false));
    }
}
