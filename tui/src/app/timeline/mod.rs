//! A room's messages on screen: how a message becomes rows, and the rows that are visible.

mod draw;
mod paragraph;

#[cfg(test)]
mod tests;

pub(crate) use draw::draw;
pub(crate) use paragraph::height;

/// Terminal width from which names stand in a column of their own.
const COLUMN_FROM: u16 = 100;
/// Columns of that column: most names fit.
const NAME_COLUMNS: u16 = 14;
/// Columns before the text: a mark and a space.
const GUTTER: u16 = 2;
/// Columns of `10:42` and the space before it.
const TIME_COLUMNS: u16 = 6;
/// Width of the pane below which times are dropped.
const TIME_FROM: u16 = 44;
/// Longest line that an eye likes to follow, columns.
const MAX_BODY: u16 = 88;

/// How the columns of the pane are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Columns for names beside the text; `None`: names stand above it.
    names: Option<u16>,
    times: bool,
    /// Columns of the text.
    body: u16,
}

impl Shape {
    /// For a pane of `pane` columns in a terminal of `terminal` columns.
    pub(crate) fn new(pane: u16, terminal: u16) -> Self {
        let names = (terminal >= COLUMN_FROM).then_some(NAME_COLUMNS);
        let times = pane >= TIME_FROM;
        let beside = GUTTER
            + names.map_or(0, |columns| columns + 2)
            // Above the text a time needs no columns of the text's.
            + if times && names.is_some() { TIME_COLUMNS + 1 } else { 1 };
        Self {
            names,
            times,
            body: pane.saturating_sub(beside).clamp(1, MAX_BODY),
        }
    }

    /// Where the text begins, from the pane's left edge.
    fn text_at(self) -> u16 {
        GUTTER + self.names.map_or(0, |columns| columns + 2)
    }
}
