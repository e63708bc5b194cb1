use super::column::{Column, MAX_SEQ};
use super::heights::Heights;
use crate::log::SeqRange;

/// Where a jump puts its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// At the screen's top.
    Top,
    /// In the middle; a row taller than the screen at its top.
    Centre,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Travel {
    Up,
    Down,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// The column's end stands at the screen's bottom and stays there.
    End,
    /// The top of row `seq` stands at `y` and stays there.
    Row { seq: u64, y: i64 },
    /// A jump whose surroundings are not all measured: placed anew until they
    /// are, so that a wrong estimate does not push the target off the screen.
    Target { seq: u64, align: Align },
}

/// The visible part of one timeline.
///
/// What a person reads stays put: only scrolling and jumping move it, and an end
/// of the timeline that would otherwise leave a blank. A timeline shorter than
/// the screen stands at its bottom, next to the composer.
#[derive(Clone, Debug)]
pub struct Viewport {
    pub(super) column: Column,
    pub(super) height: u32,
    pub(super) position: Position,
    pub(super) travel: Travel,
    pub(super) seen: u64,
}

impl Viewport {
    /// An empty timeline on a screen of `height` units; `estimate` is the height
    /// of a row until some have been measured.
    pub fn new(height: u32, estimate: u32) -> Self {
        Self {
            column: Column {
                heights: Heights::new(estimate),
                floor: 1,
                head: 0,
                tail: 0,
            },
            height,
            position: Position::End,
            travel: Travel::Up,
            seen: 0,
        }
    }

    /// Starts over at the end of another content: on opening, on another epoch. An
    /// empty timeline has `head < floor`.
    pub fn reset(&mut self, floor: u64, head: u64) {
        self.column.heights.clear();
        self.position = Position::End;
        self.travel = Travel::Up;
        self.seen = 0;
        self.set_bounds(floor, head);
        self.seen = self.column.head;
    }

    /// What was known of the rows is void, the timeline is the same: after a
    /// `reset` of the room. The reader stays at the seq they look at.
    pub fn forget_rows(&mut self, floor: u64, head: u64) {
        self.column.heights.clear();
        self.set_bounds(floor, head);
    }

    /// The newest seq is now `head`. At the end the screen follows it, elsewhere
    /// it counts as new below.
    pub fn set_head(&mut self, head: u64) {
        self.set_bounds(self.column.floor, head);
    }

    /// Retention removed everything below `floor`.
    pub fn set_floor(&mut self, floor: u64) {
        self.set_bounds(floor, self.column.head);
    }

    /// Rows have come, with their heights where the face knows them already.
    /// Returns the seqs whose rows need not be held any longer. Rows outside
    /// floor and head are ignored: bounds first, then rows.
    #[must_use = "rows no longer held must be let go"]
    pub fn rows_arrived(
        &mut self,
        rows: impl IntoIterator<Item = (u64, Option<u32>)>,
    ) -> Vec<SeqRange> {
        let within = self.column.floor..=self.column.head;
        let near = self.anchor_seq();
        self.keeping_place(|column| {
            for (seq, height) in rows.into_iter().filter(|(seq, _)| within.contains(seq)) {
                column.heights.arrive(seq, height);
            }
            column.heights.evict(near)
        })
    }

    /// The face measured a row or its content changed. Rows not held are ignored.
    pub fn height_changed(&mut self, seq: u64, height: u32) {
        self.heights_changed([(seq, height)]);
    }

    /// The same for many rows: one look at the layout instead of one each.
    pub fn heights_changed(&mut self, heights: impl IntoIterator<Item = (u64, u32)>) {
        self.keeping_place(|column| {
            for (seq, height) in heights {
                column.heights.measure(seq, height);
            }
        });
    }

    /// A row is no longer shown (hidden, or its sender blocked); its seq stays.
    pub fn removed(&mut self, seq: u64) {
        self.height_changed(seq, 0);
    }

    /// Width, type or density changed: old heights serve as guesses until the
    /// face has measured anew.
    pub fn heights_unknown(&mut self) {
        self.keeping_place(|column| column.heights.doubt_all());
    }

    /// The screen is now `height` units high.
    pub fn set_height(&mut self, height: u32) {
        self.height = height;
        self.keeping_place(|_| ());
    }

    /// Units shown below the newest message: unsent ones, who is typing.
    pub fn set_tail(&mut self, units: u32) {
        self.keeping_place(|column| column.tail = units);
    }

    /// The person moved by `units`, downwards when positive.
    pub fn scroll(&mut self, units: i64) {
        self.travel = if units < 0 { Travel::Up } else { Travel::Down };
        let (seq, y) = self.place();
        self.position = self.held_at(seq, y.saturating_sub(units));
        self.look();
        self.choose_anchor();
    }

    /// One screen up, less a little to read on from.
    pub fn page_up(&mut self) {
        self.scroll(-self.page());
    }

    /// One screen down, less a little to read on from.
    pub fn page_down(&mut self) {
        self.scroll(self.page());
    }

    /// Shows `seq`, or the nearest row there is.
    pub fn jump_to(&mut self, seq: u64, align: Align) {
        if self.column.rows() == 0 {
            return;
        }
        let seq = seq.clamp(self.column.floor, self.column.head);
        self.travel = if seq < self.anchor_seq() {
            Travel::Up
        } else {
            Travel::Down
        };
        self.position = Position::Target { seq, align };
        self.keeping_place(|_| ());
    }

    /// Shows the oldest row.
    pub fn jump_to_start(&mut self) {
        self.jump_to(self.column.floor, Align::Top);
    }

    /// Shows the newest row and stays with it.
    pub fn jump_to_end(&mut self) {
        self.travel = Travel::Up;
        self.position = Position::End;
        self.look();
    }

    /// The scrollbar was dragged so that `rows` rows lie above the screen.
    /// Dragged to its very end, call [`Self::jump_to_end`].
    pub fn drag_to(&mut self, rows: f64) {
        let total = self.column.rows();
        if total == 0 {
            return;
        }
        let above = rows.clamp(0.0, (total - 1) as f64);
        let seq = self.column.floor + above as u64;
        let hidden = above.fract() * f64::from(self.column.heights.height(seq));
        self.travel = if seq < self.anchor_seq() {
            Travel::Up
        } else {
            Travel::Down
        };
        self.position = self.held_at(seq, -(hidden as i64));
        self.look();
        self.choose_anchor();
    }

    pub(super) fn travel(&self) -> Travel {
        self.travel
    }

    #[cfg(test)]
    pub(super) fn take_steps(&self) -> u64 {
        self.column.heights.steps.take()
    }

    fn set_bounds(&mut self, floor: u64, head: u64) {
        let floor = floor.clamp(1, MAX_SEQ);
        let head = head.clamp(floor - 1, MAX_SEQ);
        if !self.at_end() && !(floor..=head + 1).contains(&self.anchor_seq()) {
            let rows = self.screen().rows;
            let left = rows.iter().find(|row| (floor..=head).contains(&row.seq));
            let (seq, y) = left.map_or((floor, 0), |row| (row.seq, row.y));
            self.position = Position::Row { seq, y };
        }
        self.keeping_place(|column| {
            (column.floor, column.head) = (floor, head);
            column.heights.retain(floor, head);
        });
        self.seen = self.seen.min(self.column.head);
    }

    fn page(&self) -> i64 {
        let overlap = (self.height / 8).min(self.column.heights.estimate());
        i64::from((self.height - overlap).max(1))
    }
}
