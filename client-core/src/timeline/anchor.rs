//! Where the screen stands in the column, and how it stays there.

use super::block::RowState;
use super::column::{Column, Edge};
use super::screen::VisibleRow;
use super::viewport::{Align, Position, Viewport};

impl Viewport {
    /// A row near the screen with the place of its top: the position, resolved.
    pub(super) fn place(&self) -> (u64, i64) {
        match self.position {
            Position::End => (
                self.column.head + 1,
                i64::from(self.height) - i64::from(self.column.tail),
            ),
            Position::Row { seq, y } => (seq, y),
            Position::Target { seq, align } => {
                let room = i64::from(self.height) - i64::from(self.column.heights.height(seq));
                let y = match align {
                    Align::Top => 0,
                    Align::Centre => (room / 2).max(0),
                };
                match self.held_at(seq, y) {
                    Position::Row { seq, y } => (seq, y),
                    _ => (
                        self.column.head + 1,
                        i64::from(self.height) - i64::from(self.column.tail),
                    ),
                }
            }
        }
    }

    /// The position with the top of `seq` at `y`, moved no more than it takes to
    /// leave no blank at an end.
    pub(super) fn held_at(&self, seq: u64, y: i64) -> Position {
        let (y, top) = match self.column.top_edge(seq, y) {
            Ok(top) => (y, top),
            Err(blank) => (
                y.saturating_sub_unsigned(blank),
                Edge {
                    seq: self.column.floor,
                    hidden: 0,
                },
            ),
        };
        if self.column.ends_within(top, self.height) {
            Position::End
        } else {
            Position::Row { seq, y }
        }
    }

    pub(super) fn top(&self) -> Result<Edge, u64> {
        let (seq, y) = self.place();
        self.column.top_edge(seq, y)
    }

    /// The first row on screen and the place of its top.
    pub(super) fn first_on_screen(&self) -> (u64, i64) {
        match self.top() {
            Ok(top) => (top.seq, -i64::try_from(top.hidden).unwrap_or(i64::MAX)),
            Err(blank) => (self.column.floor, i64::try_from(blank).unwrap_or(i64::MAX)),
        }
    }

    pub(super) fn anchor_seq(&self) -> u64 {
        match self.position {
            Position::End => self.column.head,
            Position::Row { seq, .. } | Position::Target { seq, .. } => seq,
        }
    }

    /// Changes the column and sees to it that what is on screen stays.
    pub(super) fn keeping_place<T>(&mut self, change: impl FnOnce(&mut Column) -> T) -> T {
        let anchor = self.anchor_seq();
        let before = (self.row_state(anchor), self.column.heights.height(anchor));
        let outcome = change(&mut self.column);
        match self.position {
            Position::End => {}
            Position::Row { seq, y } => {
                let y = self.within_anchor(seq, y, before);
                self.position = self.held_at(seq, y);
                self.keep_anchor_on_screen();
            }
            Position::Target { .. } => self.settle_target(),
        }
        self.look();
        outcome
    }

    /// When the anchor's own top is above the screen and its height turns out to
    /// be another, the reader stays at the same part of it.
    pub(super) fn within_anchor(&self, seq: u64, y: i64, (state, before): (RowState, u32)) -> i64 {
        if y >= 0 || seq > self.column.head {
            return y;
        }
        let now = i64::from(self.column.heights.height(seq));
        let guessed = state != RowState::Measured && before > 0 && i64::from(before) > -y;
        let y = if guessed {
            y * now / i64::from(before)
        } else {
            y
        };
        y.max(1 - now).min(0)
    }

    /// A jump is over once all it shows is measured: from then on the target is
    /// an ordinary anchor.
    pub(super) fn settle_target(&mut self) {
        if self
            .screen()
            .rows
            .iter()
            .all(|row| row.state == RowState::Measured)
        {
            let (seq, y) = self.place();
            self.position = self.held_at(seq, y);
        }
    }

    /// A smaller screen, or rows that shrank, may have left the anchor outside.
    pub(super) fn keep_anchor_on_screen(&mut self) {
        if let Position::Row { seq, y } = self.position {
            let height = if seq > self.column.head {
                self.column.tail
            } else {
                self.column.heights.height(seq)
            };
            if y >= i64::from(self.height) || (y < 0 && y + i64::from(height) <= 0) {
                self.choose_anchor();
            }
        }
    }

    /// Holds on to what a person is most likely reading: the first measured row
    /// that begins on screen, so that rows above it, cut off or not here yet,
    /// grow upwards.
    pub(super) fn choose_anchor(&mut self) {
        if !matches!(self.position, Position::Row { .. }) {
            return;
        }
        let rows = self.screen().rows;
        let rank = |row: &&VisibleRow| (row.state != RowState::Measured, row.y < 0);
        let (seq, y) = match rows.iter().min_by_key(rank) {
            Some(row) => (row.seq, row.y),
            None => self.first_on_screen(),
        };
        self.position = Position::Row { seq, y };
    }

    /// Notes how far down the person has seen.
    pub(super) fn look(&mut self) {
        let lowest = match self.position {
            Position::End => self.column.head,
            _ => self.visible_seqs().map_or(0, |seqs| seqs.last()),
        };
        self.seen = self.seen.max(lowest);
    }
}
