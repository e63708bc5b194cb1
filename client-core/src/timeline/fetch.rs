use super::block::RowState;
use super::viewport::{Travel, Viewport};
use crate::log::{SeqRange, SeqRanges};

/// Most rows asked for at once; a page the server answers inline.
pub const MAX_FETCH_ROWS: u64 = 100;

/// Most ranges named by one plan; what lacks beyond them comes with the next.
pub const MAX_FETCHES: usize = 8;

/// How far ahead of the reader rows are wanted, in screens: a flick passes two
/// or three before an answer from far away is there.
const AHEAD_SCREENS: u64 = 4;

/// Bounds of the same in rows: a screen of one tall message still wants a page,
/// a screen of placeholders one unit high does not want thousands.
const AHEAD_ROWS: std::ops::RangeInclusive<u64> = 50..=400;

/// Why a range is wanted; in rising order of patience.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// On screen as placeholders.
    Visible,
    /// Where the reader is heading.
    Ahead,
    /// Where they come from.
    Behind,
}

/// A range to be had from the store or the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// At most [`MAX_FETCH_ROWS`] rows.
    pub range: SeqRange,
    /// How urgent.
    pub need: Need,
}

impl Viewport {
    /// What must be had now: rows on screen first, then ahead, then behind, the
    /// nearest first, without what is `in_flight`. At most [`MAX_FETCHES`].
    ///
    /// Nothing is asked ahead while half of that stretch is here, so that a
    /// slow scroll asks for pages and not for single rows.
    pub fn fetches(&self, in_flight: &SeqRanges) -> Vec<Fetch> {
        let Some(screen) = self.visible_seqs() else {
            return Vec::new();
        };
        let depth = (screen.count() * AHEAD_SCREENS).clamp(*AHEAD_ROWS.start(), *AHEAD_ROWS.end());
        let back = match self.travel() {
            Travel::Up => Travel::Down,
            Travel::Down => Travel::Up,
        };
        let mut plan = Plan {
            viewport: self,
            in_flight,
            fetches: Vec::new(),
        };
        plan.add(screen, Travel::Down, Need::Visible);
        plan.add_beyond(screen, self.travel(), depth, Need::Ahead);
        plan.add_beyond(screen, back, depth / AHEAD_SCREENS, Need::Behind);
        plan.fetches
    }
}

struct Plan<'a> {
    viewport: &'a Viewport,
    in_flight: &'a SeqRanges,
    fetches: Vec<Fetch>,
}

impl Plan<'_> {
    fn add_beyond(&mut self, screen: SeqRange, towards: Travel, depth: u64, need: Need) {
        let (floor, head) = self.viewport.bounds();
        let stretch = |rows: u64| match towards {
            Travel::Up => SeqRange::new(
                floor.max(screen.first().saturating_sub(rows)),
                screen.first().checked_sub(1)?,
            ),
            Travel::Down => SeqRange::new(screen.last() + 1, head.min(screen.last() + rows)),
        };
        let near = stretch(depth / 2);
        if near.is_some_and(|near| near.iter().any(|seq| self.lacks(seq)))
            && let Some(all) = stretch(depth)
        {
            self.add(all, towards, need);
        }
    }

    /// Adds the missing runs of `range`, starting from the end `towards` leaves.
    fn add(&mut self, range: SeqRange, towards: Travel, need: Need) {
        let mut open: Option<SeqRange> = None;
        let (mut up, mut down) = (range.iter().rev(), range.iter());
        let mut next = || match towards {
            Travel::Up => up.next(),
            Travel::Down => down.next(),
        };
        while let Some(seq) = next() {
            let grown =
                open.and_then(|run| SeqRange::new(run.first().min(seq), run.last().max(seq)));
            open = match (self.lacks(seq), grown) {
                (true, Some(run)) if run.count() <= MAX_FETCH_ROWS => Some(run),
                (lacks, _) => {
                    self.close(open, need);
                    lacks.then_some(SeqRange::one(seq))
                }
            };
        }
        self.close(open, need);
    }

    fn close(&mut self, run: Option<SeqRange>, need: Need) {
        if self.fetches.len() < MAX_FETCHES {
            self.fetches.extend(run.map(|range| Fetch { range, need }));
        }
    }

    fn lacks(&self, seq: u64) -> bool {
        self.viewport.row_state(seq) == RowState::Missing && !self.in_flight.contains(seq)
    }
}
