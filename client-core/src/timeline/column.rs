use super::heights::Heights;

/// Greatest seq a column reaches to. A million messages a second for ten days;
/// heights then still sum up within 64 bits.
pub const MAX_SEQ: u64 = 1 << 40;

/// A place in the column: `hidden` units below the top of row `seq`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) seq: u64,
    pub(super) hidden: u64,
}

/// All rows from floor to head, one below the other, and the tail: what a face
/// shows below the newest message (unsent ones, who is typing).
///
/// `head + 1` stands for the tail wherever a seq is asked for.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) heights: Heights,
    pub(super) floor: u64,
    pub(super) head: u64,
    pub(super) tail: u32,
}

impl Column {
    /// Rows in the column.
    pub(super) fn rows(&self) -> u64 {
        (self.head + 1).saturating_sub(self.floor)
    }

    /// The place at the screen's top when the top of `seq` stands at `y`; `Err`
    /// with the units of blank above the first row when there are any.
    pub(super) fn top_edge(&self, seq: u64, y: i64) -> Result<Edge, u64> {
        let units = y.unsigned_abs();
        let (seq, hidden) = if y > 0 {
            self.heights.above(seq, units, self.floor)?
        } else {
            self.heights.below(seq, units, self.head)
        };
        Ok(Edge { seq, hidden })
    }

    /// The place `units` below `edge`.
    pub(super) fn down(&self, edge: Edge, units: u64) -> Edge {
        let (seq, hidden) =
            self.heights
                .below(edge.seq, edge.hidden.saturating_add(units), self.head);
        Edge { seq, hidden }
    }

    /// Whether a screen of `height` units below `top` reaches the column's end.
    pub(super) fn ends_within(&self, top: Edge, height: u32) -> bool {
        let bottom = self.down(top, u64::from(height));
        bottom.seq > self.head && bottom.hidden >= u64::from(self.tail)
    }

    /// How far into a row a place is, 0 to 1.
    pub(super) fn part(&self, edge: Edge) -> f64 {
        let height = if edge.seq > self.head {
            0
        } else {
            self.heights.height(edge.seq)
        };
        if height == 0 {
            0.0
        } else {
            (edge.hidden as f64 / f64::from(height)).min(1.0)
        }
    }
}
