//! The text broken into rows of the screen.

use std::borrow::Cow;
use std::ops::Range;

use parlor_client_core::text::{display_width, safe};
use unicode_segmentation::UnicodeSegmentation;

use super::Composer;

/// Byte ranges of the text, one a row, line breaks left out.
pub(super) fn rows(text: &str, width: u16) -> Vec<Range<usize>> {
    let width = usize::from(width.max(1));
    let mut rows = Vec::new();
    let (mut start, mut used) = (0, 0);
    for (at, cluster) in text.grapheme_indices(true) {
        if cluster.ends_with('\n') {
            rows.push(start..at);
            (start, used) = (at + cluster.len(), 0);
            continue;
        }
        let columns = display_width(&shown(cluster));
        if used + columns > width && used > 0 {
            rows.push(start..at);
            (start, used) = (at, 0);
        }
        used += columns;
    }
    rows.push(start..text.len());
    rows
}

/// A cluster as the screen may show it.
pub(super) fn shown(cluster: &str) -> Cow<'_, str> {
    match cluster {
        "\t" => Cow::Borrowed("    "),
        _ => safe(cluster),
    }
}

/// Columns of a stretch of text as shown.
pub(super) fn columns(text: &str) -> usize {
    let clusters = text.graphemes(true);
    clusters.map(|cluster| display_width(&shown(cluster))).sum()
}

impl Composer {
    /// Rows that the text takes, at least one.
    pub(crate) fn height(&self, width: u16) -> usize {
        let (row, column) = self.place(width);
        let rows = rows(self.text.as_str(), width).len();
        // The cursor behind a full row stands on the next one.
        rows.max(row + 1 + usize::from(column >= usize::from(width.max(1))))
    }

    /// Row and column of the cursor.
    pub(super) fn place(&self, width: u16) -> (usize, usize) {
        let (text, cursor) = (self.text.as_str(), self.text.cursor());
        let rows = rows(text, width);
        let row = rows
            .iter()
            .rposition(|row| row.start <= cursor)
            .unwrap_or(0);
        (
            row,
            columns(&text[rows[row].start..cursor.min(rows[row].end)]),
        )
    }

    /// Moves the cursor by so many rows, keeping its column; `false` where there is none.
    pub(super) fn move_row(&mut self, width: u16, by: isize) -> bool {
        let (row, column) = self.place(width);
        let rows = rows(self.text.as_str(), width);
        let Some(to) = row.checked_add_signed(by).and_then(|row| rows.get(row)) else {
            return false;
        };
        let line = &self.text.as_str()[to.clone()];
        let mut used = 0;
        let mut at = to.end;
        for (offset, cluster) in line.grapheme_indices(true) {
            if used >= column {
                at = to.start + offset;
                break;
            }
            used += display_width(&shown(cluster));
        }
        self.text.move_to(at);
        true
    }
}
