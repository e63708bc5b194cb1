use std::iter::Peekable;
use std::ops::Range;

use unicode_linebreak::{BreakOpportunity, linebreaks};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::message::{Line, Span};
use super::work;

/// Narrowest wrapping; the widest single character takes 3 columns.
pub const MIN_WRAP_WIDTH: usize = 4;

/// Breaks a line into lines of at most `width` columns (of [`MIN_WRAP_WIDTH`]
/// where that is more), by the Unicode rules where a break may stand, inside a
/// word where nothing else fits, never inside a cluster that fits on a line.
/// Spaces at a break are dropped. An empty line is one empty line.
pub fn wrap(spans: &[Span], width: usize) -> Vec<Line> {
    let text: String = spans.iter().map(|span| &*span.text).collect();
    let mut fill = Fill {
        width: width.max(MIN_WRAP_WIDTH),
        start: 0,
        used: 0,
        may_break: None,
        lines: Vec::new(),
    };
    let mut breaks = linebreaks(&text).peekable();
    for (at, cluster) in text.grapheme_indices(true) {
        work::step();
        match break_at(&mut breaks, at) {
            Some(BreakOpportunity::Mandatory) => fill.end_line(at),
            Some(BreakOpportunity::Allowed) => fill.may_break = Some((at, fill.used)),
            None => {}
        }
        fill.add(at, cluster);
    }
    fill.end_line(text.len());
    let mut cutter = Cutter {
        spans,
        at: 0,
        skipped: 0,
    };
    fill.lines
        .into_iter()
        .map(|range| cutter.cut(trimmed(&text, range)))
        .collect()
}

/// The break that may stand at `at`; those inside clusters are passed over.
fn break_at(
    breaks: &mut Peekable<impl Iterator<Item = (usize, BreakOpportunity)>>,
    at: usize,
) -> Option<BreakOpportunity> {
    while breaks.next_if(|(place, _)| *place < at).is_some() {}
    breaks
        .next_if(|(place, _)| *place == at)
        .map(|(_, kind)| kind)
}

/// Lines as ranges of the text, filled greedily.
struct Fill {
    width: usize,
    start: usize,
    /// Columns of the line so far.
    used: usize,
    /// The last place where the line may end, and its columns up to there.
    may_break: Option<(usize, usize)>,
    lines: Vec<Range<usize>>,
}

impl Fill {
    fn add(&mut self, at: usize, cluster: &str) {
        let columns = cluster.width();
        // Spaces hang over the edge; what follows them breaks.
        if self.used + columns > self.width && !cluster.trim().is_empty() {
            self.make_room(at, columns);
        }
        if columns <= self.width {
            self.used += columns;
        } else {
            self.add_by_character(at, cluster);
        }
    }

    fn make_room(&mut self, at: usize, columns: usize) {
        if let Some((place, before)) = self.may_break.take() {
            self.lines.push(self.start..place);
            self.start = place;
            self.used -= before;
        }
        if self.used + columns > self.width && self.start < at {
            self.end_line(at);
        }
    }

    /// A cluster wider than a whole line: scripts of endless ligatures.
    fn add_by_character(&mut self, at: usize, cluster: &str) {
        for (offset, char) in cluster.char_indices() {
            work::step();
            let columns = char.width().unwrap_or(0);
            if self.used + columns > self.width {
                self.end_line(at + offset);
            }
            self.used += columns;
        }
    }

    fn end_line(&mut self, at: usize) {
        self.lines.push(self.start..at);
        self.start = at;
        self.used = 0;
        self.may_break = None;
    }
}

/// Without the spaces (and the line break) it ends in, unless it is all spaces
/// for the sake of indentation, which then shows as nothing anyway.
fn trimmed(text: &str, line: Range<usize>) -> Range<usize> {
    line.start..line.start + text[line.clone()].trim_end().len()
}

/// Cuts ranges, in rising order, out of the joined text of some spans.
struct Cutter<'a> {
    spans: &'a [Span],
    /// The span in hand, and the bytes of those before it.
    at: usize,
    skipped: usize,
}

impl Cutter<'_> {
    fn cut(&mut self, range: Range<usize>) -> Line {
        let mut line = Line::default();
        while let Some(span) = self.spans.get(self.at) {
            work::step();
            let end = self.skipped + span.text.len();
            let from = range.start.max(self.skipped);
            let to = range.end.min(end);
            if from < to {
                let text = span.text[from - self.skipped..to - self.skipped].to_owned();
                line.spans.push(Span {
                    text,
                    style: span.style,
                    kind: span.kind.clone(),
                });
            }
            // The next line may begin in this span.
            if end > range.end {
                break;
            }
            self.skipped = end;
            self.at += 1;
        }
        line
    }
}
