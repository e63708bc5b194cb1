//! The marks inside one line: emphasis, code, links, mentions.

mod link;
mod mention;
mod scan;
mod token;

use super::message::{Line, Span};

pub use link::MAX_URL_BYTES;

/// Most spans of one message. Past it lines are plain: a megabyte of stars is
/// not worth more.
pub const MAX_SPANS: usize = 16_384;

/// Most marks read in one line; what follows is plain.
const MAX_TOKENS: usize = 4_096;

/// How many spans the message may still have.
pub(super) struct Budget {
    spans: usize,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self { spans: MAX_SPANS }
    }
}

/// One safe line, read.
pub(super) fn line_of(line: &str, knows: &dyn Fn(&str) -> bool, budget: &mut Budget) -> Line {
    if line.is_empty() {
        return Line::default();
    }
    let marks = |byte: u8| b"`*_~[<@\\:".contains(&byte);
    if !line.bytes().any(marks) {
        return Line {
            spans: vec![Span::plain(line)],
        };
    }
    let spans = token::spans(line, &scan::tokens(line, knows));
    if spans.len() > budget.spans {
        return Line {
            spans: vec![Span::plain(line)],
        };
    }
    budget.spans -= spans.len();
    Line { spans }
}
