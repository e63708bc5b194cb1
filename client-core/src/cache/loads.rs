use std::collections::HashMap;
use std::hash::Hash;

/// Who waits for a load: the caller's own number.
pub type Waiter = u64;

/// Most different loads at one time. A screen asks for tens; past this the
/// caller waits for one to finish before it asks again.
pub const MAX_LOADS: usize = 256;

/// Most waiters on one load, so that a loop that asks without end cannot grow
/// the list.
pub const MAX_WAITERS: usize = 64;

/// What a caller that wants a value is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// Load it and call [`Loads::finish`], whatever the outcome.
    Start,
    /// Somebody is loading it: wait to be named by `finish`.
    Join,
    /// [`MAX_LOADS`] or [`MAX_WAITERS`] is reached: show what there is and ask
    /// again later.
    Refused,
}

/// The end of a load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Who waits for the outcome, the one who started it first.
    pub waiters: Vec<Waiter>,
    /// The value changed while it was being loaded: do not keep it, begin again
    /// for these waiters.
    pub outdated: bool,
}

#[derive(Debug)]
struct Running {
    waiters: Vec<Waiter>,
    outdated: bool,
}

/// The loads under way, each run once however many want it.
#[derive(Debug)]
pub struct Loads<K> {
    running: HashMap<K, Running>,
}

impl<K> Default for Loads<K> {
    fn default() -> Self {
        Self {
            running: HashMap::new(),
        }
    }
}

impl<K: Hash + Eq> Loads<K> {
    /// Nothing under way.
    pub fn new() -> Self {
        Self::default()
    }

    /// `waiter` wants the value of `key`. Asking twice is waiting once.
    pub fn begin(&mut self, key: K, waiter: Waiter) -> Load {
        let full = self.running.len() >= MAX_LOADS;
        match self.running.get_mut(&key) {
            Some(load) if load.waiters.contains(&waiter) => Load::Join,
            Some(load) if load.waiters.len() >= MAX_WAITERS => Load::Refused,
            Some(load) => {
                load.waiters.push(waiter);
                Load::Join
            }
            None if full => Load::Refused,
            None => {
                self.running.insert(
                    key,
                    Running {
                        waiters: vec![waiter],
                        outdated: false,
                    },
                );
                Load::Start
            }
        }
    }

    /// The load of `key` ended, well or badly. `None` when there was none.
    pub fn finish(&mut self, key: &K) -> Option<Finished> {
        let Running { waiters, outdated } = self.running.remove(key)?;
        Some(Finished { waiters, outdated })
    }

    /// `waiter` no longer wants `key`; the load itself goes on.
    pub fn leave(&mut self, key: &K, waiter: Waiter) {
        if let Some(load) = self.running.get_mut(key) {
            load.waiters.retain(|waiting| *waiting != waiter);
        }
    }

    /// The value of `key` changed: what is being loaded is old already.
    pub fn invalidate(&mut self, key: &K) {
        if let Some(load) = self.running.get_mut(key) {
            load.outdated = true;
        }
    }

    /// How many loads are under way, at most [`MAX_LOADS`].
    pub fn len(&self) -> usize {
        self.running.len()
    }

    /// Whether none is under way.
    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }
}
