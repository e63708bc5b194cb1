use std::collections::VecDeque;

/// Most notifications on show at a time. Desktops stack a handful; past this
/// the oldest is withdrawn for the new one.
pub const MAX_SHOWN: usize = 64;

/// The notifications on show, by timeline and seq, so that they can be taken
/// back when the message is read anywhere.
#[derive(Clone, Debug)]
pub struct Shown<T> {
    by_age: VecDeque<(T, u64)>,
}

impl<T> Default for Shown<T> {
    fn default() -> Self {
        Self {
            by_age: VecDeque::new(),
        }
    }
}

impl<T: Copy + Eq> Shown<T> {
    /// Nothing on show.
    pub fn new() -> Self {
        Self::default()
    }

    /// One was raised for the message `seq` of `timeline`. Returns the oldest
    /// when [`MAX_SHOWN`] is passed: withdraw it. Raising the same again changes
    /// nothing.
    pub fn raised(&mut self, timeline: T, seq: u64) -> Option<(T, u64)> {
        if self.by_age.contains(&(timeline, seq)) {
            return None;
        }
        self.by_age.push_back((timeline, seq));
        if self.by_age.len() > MAX_SHOWN {
            self.by_age.pop_front()
        } else {
            None
        }
    }

    /// The read marker of `timeline` now stands at `marker`: returns the seqs to
    /// withdraw, oldest first.
    pub fn read(&mut self, timeline: T, marker: u64) -> Vec<u64> {
        self.take(|(of, seq)| *of == timeline && *seq <= marker)
    }

    /// The message was deleted, or its sender blocked: whether to withdraw it.
    pub fn removed(&mut self, timeline: T, seq: u64) -> bool {
        !self.take(|shown| *shown == (timeline, seq)).is_empty()
    }

    /// The person left `timeline` or muted it: returns the seqs to withdraw.
    pub fn left(&mut self, timeline: T) -> Vec<u64> {
        self.take(|(of, _)| *of == timeline)
    }

    /// How many are on show, at most [`MAX_SHOWN`].
    pub fn len(&self) -> usize {
        self.by_age.len()
    }

    /// Whether none is on show.
    pub fn is_empty(&self) -> bool {
        self.by_age.is_empty()
    }

    fn take(&mut self, goes: impl Fn(&(T, u64)) -> bool) -> Vec<u64> {
        let seqs = self
            .by_age
            .iter()
            .filter(|shown| goes(shown))
            .map(|(_, seq)| *seq)
            .collect();
        self.by_age.retain(|shown| !goes(shown));
        seqs
    }
}
