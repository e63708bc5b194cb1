use std::collections::BTreeMap;

use super::block::{BLOCK_ROWS, Block, Slot};
use crate::log::SeqRange;

/// Most rows whose heights are kept, in blocks of 64: enough for dozens of
/// screens to either side, 35 KiB. Past it the block farthest from the reader
/// goes, at whichever end.
pub const MAX_HELD_ROWS: u64 = 64 * BLOCK_ROWS;

/// Tallest row believed: a message of 1 MB in large type is below it, and the
/// height of the longest timeline stays far within 64 bits.
pub const MAX_ROW_HEIGHT: u32 = 1 << 20;

/// Samples after which older ones count half, so that the mean follows the place
/// a person has moved to.
const MEAN_WINDOW: u64 = 2_048;

/// Heights by seq: measured or guessed where held, the running mean elsewhere.
#[derive(Clone, Debug)]
pub(super) struct Heights {
    pub(super) blocks: BTreeMap<u64, Block>,
    sum: u64,
    samples: u64,
    /// Rows and blocks looked at, for the tests that bound the work of a call.
    #[cfg(test)]
    pub(super) steps: std::cell::Cell<u64>,
}

impl Heights {
    /// `estimate` stands for every row until one has been measured.
    pub(super) fn new(estimate: u32) -> Self {
        Self {
            blocks: BTreeMap::new(),
            sum: u64::from(estimate.clamp(1, MAX_ROW_HEIGHT)),
            samples: 1,
            #[cfg(test)]
            steps: std::cell::Cell::new(0),
        }
    }

    /// The height of a row that is not here, at least 1.
    pub(super) fn estimate(&self) -> u32 {
        let mean = (self.sum + self.samples / 2) / self.samples;
        u32::try_from(mean)
            .unwrap_or(MAX_ROW_HEIGHT)
            .clamp(1, MAX_ROW_HEIGHT)
    }

    pub(super) fn slot(&self, seq: u64) -> Slot {
        self.step();
        self.blocks
            .get(&(seq / BLOCK_ROWS))
            .map_or(Slot::Missing, |block| block.get(seq))
    }

    pub(super) fn height(&self, seq: u64) -> u32 {
        match self.slot(seq) {
            Slot::Missing => self.estimate(),
            Slot::Guessed(height) | Slot::Measured(height) => height,
        }
    }

    /// A row is here; without a height it keeps the one it had as a guess.
    pub(super) fn arrive(&mut self, seq: u64, height: Option<u32>) {
        let slot = match height {
            Some(height) => Slot::Measured(height.min(MAX_ROW_HEIGHT)),
            None => match self.slot(seq) {
                Slot::Missing => Slot::Guessed(self.estimate()),
                held => held,
            },
        };
        let old = self
            .blocks
            .entry(seq / BLOCK_ROWS)
            .or_insert_with(Block::new)
            .set(seq, slot);
        self.sample(old, slot);
    }

    /// A held row was measured; one that is not held is none of our business.
    pub(super) fn measure(&mut self, seq: u64, height: u32) {
        let slot = Slot::Measured(height.min(MAX_ROW_HEIGHT));
        if let Some(block) = self.blocks.get_mut(&(seq / BLOCK_ROWS))
            && block.get(seq) != Slot::Missing
        {
            let old = block.set(seq, slot);
            self.sample(old, slot);
        }
    }

    /// Width, type or density changed: every height is but a guess.
    pub(super) fn doubt_all(&mut self) {
        self.sum = u64::from(self.estimate());
        self.samples = 1;
        self.blocks.values_mut().for_each(Block::doubt);
    }

    pub(super) fn clear(&mut self) {
        self.blocks.clear();
    }

    /// Drops rows outside `floor..=head`.
    pub(super) fn retain(&mut self, floor: u64, head: u64) {
        let (lowest, highest) = (floor / BLOCK_ROWS, head / BLOCK_ROWS);
        self.blocks.retain(|at, _| (lowest..=highest).contains(at));
        for (at, outside) in [
            (lowest, lowest * BLOCK_ROWS..floor),
            (highest, head + 1..(highest + 1) * BLOCK_ROWS),
        ] {
            if let Some(block) = self.blocks.get_mut(&at) {
                for seq in outside {
                    block.set(seq, Slot::Missing);
                }
            }
        }
    }

    /// Lets blocks go, the farthest from `near` first, down to the bound; the
    /// seqs whose rows need not be kept any longer.
    pub(super) fn evict(&mut self, near: u64) -> Vec<SeqRange> {
        let near = near / BLOCK_ROWS;
        let mut gone = Vec::new();
        while self.blocks.len() as u64 * BLOCK_ROWS > MAX_HELD_ROWS {
            let (Some((&lowest, _)), Some((&highest, _))) =
                (self.blocks.first_key_value(), self.blocks.last_key_value())
            else {
                break;
            };
            let far = if near.abs_diff(lowest) > near.abs_diff(highest) {
                lowest
            } else {
                highest
            };
            self.blocks.remove(&far);
            gone.extend(SeqRange::new(
                far * BLOCK_ROWS,
                far * BLOCK_ROWS + BLOCK_ROWS - 1,
            ));
        }
        gone
    }

    fn sample(&mut self, old: Slot, new: Slot) {
        let Slot::Measured(height @ 1..) = new else {
            return;
        };
        if let Slot::Measured(before @ 1..) = old {
            self.sum = self.sum.saturating_sub(u64::from(before)) + u64::from(height);
            return;
        }
        self.sum += u64::from(height);
        self.samples += 1;
        if self.samples > MEAN_WINDOW {
            self.sum /= 2;
            self.samples /= 2;
        }
    }

    pub(super) fn step(&self) {
        #[cfg(test)]
        self.steps.set(self.steps.get() + 1);
    }
}
