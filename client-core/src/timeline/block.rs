/// Rows of one block: small enough to walk, large enough to skip much.
pub(super) const BLOCK_ROWS: u64 = 64;

/// What the viewport knows of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowState {
    /// Not here yet: draw a placeholder of the given height.
    Missing,
    /// Here, its height a guess: draw it, measure it, report the height.
    Unmeasured,
    /// Here, its height as reported.
    Measured,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Missing,
    Guessed(u32),
    Measured(u32),
}

impl Slot {
    pub(super) fn state(self) -> RowState {
        match self {
            Slot::Missing => RowState::Missing,
            Slot::Guessed(_) => RowState::Unmeasured,
            Slot::Measured(_) => RowState::Measured,
        }
    }

    fn known(self) -> Option<u32> {
        match self {
            Slot::Missing => None,
            Slot::Guessed(height) | Slot::Measured(height) => Some(height),
        }
    }
}

/// A run of rows with the sum of what is known of them, so that it can be
/// passed over in one step.
#[derive(Clone, Debug)]
pub(super) struct Block {
    slots: [Slot; BLOCK_ROWS as usize],
    known: u64,
    missing: u64,
}

impl Block {
    pub(super) fn new() -> Self {
        Self {
            slots: [Slot::Missing; BLOCK_ROWS as usize],
            known: 0,
            missing: BLOCK_ROWS,
        }
    }

    pub(super) fn get(&self, seq: u64) -> Slot {
        self.slots[(seq % BLOCK_ROWS) as usize]
    }

    pub(super) fn set(&mut self, seq: u64, slot: Slot) -> Slot {
        let old = std::mem::replace(&mut self.slots[(seq % BLOCK_ROWS) as usize], slot);
        for (slot, add) in [(old, false), (slot, true)] {
            match (slot.known(), add) {
                (Some(height), true) => self.known += u64::from(height),
                (Some(height), false) => self.known -= u64::from(height),
                (None, true) => self.missing += 1,
                (None, false) => self.missing -= 1,
            }
        }
        old
    }

    /// Heights are no longer true, but better than nothing.
    pub(super) fn doubt(&mut self) {
        for slot in &mut self.slots {
            if let Slot::Measured(height) = *slot {
                *slot = Slot::Guessed(height);
            }
        }
    }

    pub(super) fn total(&self, estimate: u32) -> u64 {
        self.known + self.missing * u64::from(estimate)
    }
}
