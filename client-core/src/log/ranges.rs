use std::ops::Range;

use super::SeqRange;

/// Most ranges one timeline keeps. A person makes a new one only by jumping to
/// a place they have not read around, so hundreds mean a very long session; the
/// list is 16 bytes a range and is scanned once when it is full.
pub const MAX_RANGES: usize = 512;

/// Disjoint runs of seqs in rising order, never two that touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeqRanges {
    ranges: Vec<SeqRange>,
    count: u64,
}

impl SeqRanges {
    /// Holds nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a run, merging it with what it overlaps or touches.
    ///
    /// A list that would grow past [`MAX_RANGES`] forgets its smallest run,
    /// never the one just added nor the newest, which live messages extend. The
    /// forgotten run is returned so that the caller can let its rows go.
    #[must_use = "rows of a forgotten run must be let go"]
    pub fn insert(&mut self, range: SeqRange) -> Option<SeqRange> {
        let touched = self.touching(range);
        let merged = match self.ranges.get(touched.clone()) {
            Some([first, .., last]) => join(join(range, *first), *last),
            Some([only]) => join(range, *only),
            _ => range,
        };
        let before: u64 = self.ranges[touched.clone()]
            .iter()
            .map(SeqRange::count)
            .sum();
        self.count = self.count - before + merged.count();
        let at = touched.start;
        self.ranges.splice(touched, [merged]);
        if self.ranges.len() <= MAX_RANGES {
            None
        } else {
            self.forget_smallest_but(at)
        }
    }

    /// Removes one run; a range that reaches over it on both sides is cut in
    /// two, and when that would pass [`MAX_RANGES`] the lower part goes as well.
    /// Returns whatever was forgotten beyond `range`.
    #[must_use = "rows of a forgotten run must be let go"]
    pub fn remove(&mut self, range: SeqRange) -> Option<SeqRange> {
        let cut = self.overlapping(range);
        let lowest = self
            .ranges
            .get(cut.start)
            .copied()
            .filter(|_| !cut.is_empty())?;
        let highest = self.ranges[cut.end - 1];
        let mut below = range
            .first()
            .checked_sub(1)
            .and_then(|last| SeqRange::new(lowest.first(), last));
        let above = range
            .last()
            .checked_add(1)
            .and_then(|first| SeqRange::new(first, highest.last()));
        let full = self.ranges.len() == MAX_RANGES && cut.len() == 1 && above.is_some();
        let forgotten = if full { below.take() } else { None };
        self.ranges.splice(cut, below.into_iter().chain(above));
        self.recount();
        forgotten
    }

    /// Drops every seq below `floor`: retention has removed them everywhere.
    pub fn remove_below(&mut self, floor: u64) {
        if let Some(range) = floor.checked_sub(1).and_then(|last| SeqRange::new(0, last)) {
            // Nothing lies below the cut, so nothing is split and forgotten.
            let _ = self.remove(range);
        }
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        self.ranges.clear();
        self.count = 0;
    }

    /// Whether `seq` is held.
    pub fn contains(&self, seq: u64) -> bool {
        self.range_of(seq).is_some()
    }

    /// Whether all of `range` is held.
    pub fn covers(&self, range: SeqRange) -> bool {
        self.range_of(range.first())
            .is_some_and(|held| range.last() <= held.last())
    }

    /// The run that holds `seq`.
    pub fn range_of(&self, seq: u64) -> Option<SeqRange> {
        let at = self.ranges.partition_point(|held| held.last() < seq);
        self.ranges
            .get(at)
            .copied()
            .filter(|held| held.first() <= seq)
    }

    /// The parts of `range` that are not held, upwards.
    pub fn missing(&self, range: SeqRange) -> impl Iterator<Item = SeqRange> + '_ {
        let held = &self.ranges[self.overlapping(range)];
        let starts = std::iter::once(Some(range.first()))
            .chain(held.iter().map(|run| run.last().checked_add(1)));
        let ends = held
            .iter()
            .map(|run| run.first().checked_sub(1))
            .chain(std::iter::once(Some(range.last())));
        starts
            .zip(ends)
            .filter_map(|(first, last)| SeqRange::new(first?, last?))
    }

    /// The held seq nearest to `seq`; of two equally near the greater, which is
    /// the one more likely to be on its way to the reader.
    pub fn nearest(&self, seq: u64) -> Option<u64> {
        let at = self.ranges.partition_point(|held| held.last() < seq);
        let below = at.checked_sub(1).and_then(|below| self.ranges.get(below));
        match (below, self.ranges.get(at)) {
            (Some(below), Some(above)) if below.distance(seq) < above.distance(seq) => {
                Some(below.last())
            }
            (Some(below), None) => Some(below.last()),
            (_, Some(above)) => Some(seq.max(above.first())),
            (None, None) => None,
        }
    }

    /// How many seqs are held.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How many runs they form, at most [`MAX_RANGES`].
    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The run with the smallest seqs.
    pub fn oldest(&self) -> Option<SeqRange> {
        self.ranges.first().copied()
    }

    /// The run with the greatest seqs.
    pub fn newest(&self) -> Option<SeqRange> {
        self.ranges.last().copied()
    }

    /// The runs, upwards.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = SeqRange> + ExactSizeIterator + '_ {
        self.ranges.iter().copied()
    }

    /// Places of the runs that share a seq with `range`.
    fn overlapping(&self, range: SeqRange) -> Range<usize> {
        let from = self
            .ranges
            .partition_point(|held| held.last() < range.first());
        let reach = self.ranges[from..].partition_point(|held| held.first() <= range.last());
        from..from + reach
    }

    /// As `overlapping`, with the neighbours that only touch.
    fn touching(&self, range: SeqRange) -> Range<usize> {
        let wide = SeqRange::new(
            range.first().saturating_sub(1),
            range.last().saturating_add(1),
        );
        self.overlapping(wide.unwrap_or(range))
    }

    fn forget_smallest_but(&mut self, kept: usize) -> Option<SeqRange> {
        let newest = self.ranges.len().checked_sub(1)?;
        let may_go = self
            .ranges
            .iter()
            .enumerate()
            .filter(|(at, _)| *at != kept && *at != newest);
        let (at, _) = may_go.min_by_key(|(_, run)| run.count())?;
        let forgotten = self.ranges.remove(at);
        self.count -= forgotten.count();
        Some(forgotten)
    }

    fn recount(&mut self) {
        self.count = self.ranges.iter().map(SeqRange::count).sum();
    }
}

impl FromIterator<SeqRange> for SeqRanges {
    /// Collects runs as the store hands them out; beyond [`MAX_RANGES`] the
    /// smallest are left out, as if they had never been fetched.
    fn from_iter<I: IntoIterator<Item = SeqRange>>(runs: I) -> Self {
        let mut held = Self::new();
        for run in runs {
            let _ = held.insert(run);
        }
        held
    }
}

fn join(one: SeqRange, other: SeqRange) -> SeqRange {
    SeqRange::new(one.first().min(other.first()), one.last().max(other.last())).unwrap_or(one)
}
