use super::block::RowState;
use super::column::Edge;
use super::scrollbar::Scrollbar;
use super::viewport::{Position, Viewport};
use crate::log::SeqRange;

/// A row on screen, wholly or in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VisibleRow {
    /// The message's place in the timeline.
    pub seq: u64,
    /// Its top, in units below the screen's top; negative when cut off there.
    pub y: i64,
    /// Its height as known or estimated, never 0.
    pub height: u32,
    /// Whether to draw it, measure it or stand a placeholder in for it.
    pub state: RowState,
}

/// What is to be drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Screen {
    /// Rows from top to bottom, without a gap between them.
    pub rows: Vec<VisibleRow>,
    /// The top of the tail below the newest message, if that is on screen.
    pub tail_y: Option<i64>,
}

impl Viewport {
    /// What is to be drawn now.
    pub fn screen(&self) -> Screen {
        let mut screen = Screen::default();
        let (seq, mut y) = self.first_on_screen();
        let bottom = i64::from(self.height);
        for seq in seq..=self.column.head {
            if y >= bottom {
                return screen;
            }
            let height = self.column.heights.height(seq);
            if height > 0 {
                screen.rows.push(VisibleRow {
                    seq,
                    y,
                    height,
                    state: self.row_state(seq),
                });
            }
            y += i64::from(height);
        }
        screen.tail_y = (self.column.tail > 0 && y < bottom).then_some(y);
        screen
    }

    /// Whether the end is on screen, so that new messages appear at once.
    pub fn at_end(&self) -> bool {
        self.position == Position::End
    }

    /// Messages that came below the lowest row that has been on screen.
    pub fn new_below(&self) -> u64 {
        if self.at_end() {
            0
        } else {
            self.column.head.saturating_sub(self.seen)
        }
    }

    /// Where the screen stands in the timeline.
    pub fn scrollbar(&self) -> Scrollbar {
        let total = self.column.rows();
        let (Ok(top), true) = (self.top(), total > 0) else {
            return Scrollbar {
                total,
                first: 0.0,
                visible: total as f64,
            };
        };
        let rows_above = |edge: Edge| {
            (edge.seq.min(self.column.head + 1) - self.column.floor) as f64 + self.column.part(edge)
        };
        let first = rows_above(top);
        let bottom = self.column.down(top, u64::from(self.height));
        Scrollbar {
            total,
            first,
            visible: rows_above(bottom) - first,
        }
    }

    /// The row that stays where it is and the place of its top on screen; none
    /// at the end, where the end stays. For tests and for saving a place.
    pub fn anchor(&self) -> Option<(u64, i64)> {
        match self.position {
            Position::End => None,
            Position::Row { .. } | Position::Target { .. } => Some(self.place()),
        }
    }

    /// Whether the row is here and its height known.
    pub fn row_state(&self, seq: u64) -> RowState {
        self.column.heights.slot(seq).state()
    }

    /// Floor and head.
    pub fn bounds(&self) -> (u64, u64) {
        (self.column.floor, self.column.head)
    }

    /// The seqs on screen, rows of no height at the edges included.
    pub(super) fn visible_seqs(&self) -> Option<SeqRange> {
        let top = self.top().unwrap_or(Edge {
            seq: self.column.floor,
            hidden: 0,
        });
        let bottom = self.column.down(top, u64::from(self.height.max(1)) - 1);
        SeqRange::new(
            top.seq.min(self.column.head),
            bottom.seq.min(self.column.head),
        )
        .filter(|_| self.column.rows() > 0)
    }
}
