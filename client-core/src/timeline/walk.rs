//! Walking the column: from row to row inside a block, over whole blocks in one
//! step, and by division where nothing is held.

use super::block::{BLOCK_ROWS, Block};
use super::heights::Heights;

enum Stretch<'a> {
    /// Rows of one block.
    Block(&'a Block),
    /// Rows of which nothing is known.
    Gap,
}

impl Heights {
    /// The row that holds the point `units` below the top of `seq`, and how far
    /// below that row's top the point is. `(last + 1, rest)` when it lies beyond
    /// the last row's bottom.
    pub(super) fn below(&self, mut seq: u64, mut units: u64, last: u64) -> (u64, u64) {
        while seq <= last {
            let (stretch, end) = self.stretch_down(seq, last);
            (seq, units) = match stretch {
                Stretch::Gap => self.gap_below(seq, units, end),
                Stretch::Block(block) => {
                    let total = block.total(self.estimate());
                    let whole = end - seq == BLOCK_ROWS && total <= units;
                    if whole {
                        (end, units - total)
                    } else {
                        self.rows_below(seq, units, end)
                    }
                }
            };
            if seq < end {
                break;
            }
        }
        (seq, units)
    }

    /// The row that holds the point `units` above the top of `seq`, and how far
    /// below that row's top the point is; `Err` with the units that lack when
    /// it lies above the top of `first`.
    pub(super) fn above(&self, mut seq: u64, units: u64, first: u64) -> Result<(u64, u64), u64> {
        let mut short = i128::from(units);
        while short > 0 && seq > first {
            let (stretch, start) = self.stretch_up(seq, first);
            (seq, short) = match stretch {
                Stretch::Gap => self.gap_above(seq, short, start),
                Stretch::Block(block) => {
                    let total = i128::from(block.total(self.estimate()));
                    let whole = seq - start == BLOCK_ROWS && total <= short;
                    if whole {
                        (start, short - total)
                    } else {
                        self.rows_above(seq, short, start)
                    }
                }
            };
        }
        // Passed by so much: the point is that far below the row's top.
        if short <= 0 {
            Ok((seq, short.unsigned_abs() as u64))
        } else {
            Err(short as u64)
        }
    }

    /// What `seq` is part of, and the seq after its last row up to `last`.
    fn stretch_down(&self, seq: u64, last: u64) -> (Stretch<'_>, u64) {
        self.step();
        match self.blocks.range(seq / BLOCK_ROWS..).next() {
            Some((&at, block)) if at == seq / BLOCK_ROWS => {
                (Stretch::Block(block), ((at + 1) * BLOCK_ROWS).min(last + 1))
            }
            Some((&at, _)) => (Stretch::Gap, (at * BLOCK_ROWS).min(last + 1)),
            None => (Stretch::Gap, last + 1),
        }
    }

    /// What the row above `seq` is part of, and its first seq from `first` on.
    fn stretch_up(&self, seq: u64, first: u64) -> (Stretch<'_>, u64) {
        self.step();
        match self.blocks.range(..=(seq - 1) / BLOCK_ROWS).next_back() {
            Some((&at, block)) if at == (seq - 1) / BLOCK_ROWS => {
                (Stretch::Block(block), (at * BLOCK_ROWS).max(first))
            }
            Some((&at, _)) => (Stretch::Gap, ((at + 1) * BLOCK_ROWS).max(first)),
            None => (Stretch::Gap, first),
        }
    }

    fn gap_below(&self, seq: u64, units: u64, end: u64) -> (u64, u64) {
        let estimate = u64::from(self.estimate());
        let total = (end - seq) * estimate;
        if units < total {
            (seq + units / estimate, units % estimate)
        } else {
            (end, units - total)
        }
    }

    fn gap_above(&self, seq: u64, short: i128, start: u64) -> (u64, i128) {
        let estimate = i128::from(self.estimate());
        let rows = (short + estimate - 1) / estimate;
        let rows = u64::try_from(rows).unwrap_or(u64::MAX).min(seq - start);
        (seq - rows, short - i128::from(rows) * estimate)
    }

    fn rows_below(&self, mut seq: u64, mut units: u64, end: u64) -> (u64, u64) {
        while seq < end {
            let height = u64::from(self.height(seq));
            if units < height {
                break;
            }
            units -= height;
            seq += 1;
        }
        (seq, units)
    }

    fn rows_above(&self, mut seq: u64, mut short: i128, start: u64) -> (u64, i128) {
        while seq > start && short > 0 {
            seq -= 1;
            short -= i128::from(self.height(seq));
        }
        (seq, short)
    }
}
