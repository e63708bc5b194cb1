/// A run of seqs, both ends included. Never empty: `first <= last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeqRange {
    first: u64,
    last: u64,
}

impl SeqRange {
    /// The run `first..=last`, or `None` when that is empty.
    pub fn new(first: u64, last: u64) -> Option<Self> {
        (first <= last).then_some(Self { first, last })
    }

    /// The run that holds `seq` alone.
    pub fn one(seq: u64) -> Self {
        Self {
            first: seq,
            last: seq,
        }
    }

    /// The smallest seq of the run.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// The greatest seq of the run.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// How many seqs the run holds, at least 1; the run of all 2^64 saturates.
    pub fn count(&self) -> u64 {
        (self.last - self.first).saturating_add(1)
    }

    /// Whether `seq` is in the run.
    pub fn contains(&self, seq: u64) -> bool {
        self.first <= seq && seq <= self.last
    }

    /// What both runs hold.
    pub fn intersection(&self, other: Self) -> Option<Self> {
        Self::new(self.first.max(other.first), self.last.min(other.last))
    }

    /// Every seq of the run, upwards.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = u64> + use<> {
        self.first..=self.last
    }

    /// How far `seq` is from the run; 0 inside it.
    pub(super) fn distance(&self, seq: u64) -> u64 {
        if seq < self.first {
            self.first - seq
        } else {
            seq.saturating_sub(self.last)
        }
    }
}
