use super::inline::{Budget, line_of};
use super::message::{Block, Message};
use super::{safe, work};

/// Longest text shown, bytes; the protocol carries no more.
pub const MAX_TEXT_BYTES: usize = 1 << 20;

/// Most lines shown of one message; a log of more is for reading elsewhere.
pub const MAX_LINES: usize = 50_000;

/// Deepest quotation told apart; further `>` are shown as they are.
pub const MAX_QUOTE_DEPTH: u8 = 5;

/// Longest language name behind a fence, bytes.
const MAX_LANGUAGE_BYTES: usize = 32;

const FENCE: &str = "```";

/// Reads the text of a message. `knows` says whether a name after `@` is one of
/// the room's. Never fails: what is no mark is shown as typed.
pub fn render(text: &str, knows: &dyn Fn(&str) -> bool) -> Message {
    let shown = &text[..text.floor_char_boundary(MAX_TEXT_BYTES)];
    let text_was_cut = shown.len() < text.len();
    let printable = safe(shown);
    let body = printable.trim_end();
    let (action, body) = match body.strip_prefix("/me ") {
        Some(deed) => (true, deed),
        None => (false, body),
    };
    let mut reader = Reader {
        blocks: Vec::new(),
        fence: None,
        budget: Budget::new(),
        knows,
    };
    let mut lines = body.split('\n').peekable();
    for _ in 0..MAX_LINES {
        let Some(line) = lines.next() else { break };
        work::step();
        reader.read(line, lines.peek().is_none());
    }
    Message {
        action,
        blocks: reader.blocks,
        cut: text_was_cut || lines.peek().is_some(),
    }
}

/// The code block being read: as many backticks close it.
struct Fence {
    backticks: usize,
}

struct Reader<'a> {
    blocks: Vec<Block>,
    fence: Option<Fence>,
    budget: Budget,
    knows: &'a dyn Fn(&str) -> bool,
}

impl Reader<'_> {
    fn read(&mut self, line: &str, is_last: bool) {
        if let Some(fence) = &self.fence {
            let closes = fence.closes(line);
            if let Some(rest) = closes.unwrap_or(Some(line))
                && let Some(Block::Code { lines, .. }) = self.blocks.last_mut()
            {
                lines.push(rest.to_owned());
            }
            if closes.is_some() {
                self.fence = None;
            }
            return;
        }
        match opening_fence(line) {
            // A fence with nothing behind it would make its text vanish.
            Some((backticks, info)) if !is_last => {
                self.fence = Some(Fence { backticks });
                let language = is_language(info).then(|| info.to_owned());
                let first = (language.is_none() && !info.is_empty()).then(|| info.to_owned());
                self.blocks.push(Block::Code {
                    language,
                    lines: first.into_iter().collect(),
                });
            }
            _ => self.read_words(line),
        }
    }

    fn read_words(&mut self, line: &str) {
        let (depth, rest) = quoted(line);
        let line = line_of(rest, self.knows, &mut self.budget);
        match (self.blocks.last_mut(), depth) {
            (Some(Block::Text(lines)), 0) => lines.push(line),
            (Some(Block::Quote { depth: open, lines }), depth) if *open == depth => {
                lines.push(line)
            }
            (_, 0) => self.blocks.push(Block::Text(vec![line])),
            (_, depth) => self.blocks.push(Block::Quote {
                depth,
                lines: vec![line],
            }),
        }
    }
}

impl Fence {
    /// `None` while the block goes on; at its end what is left of the last line,
    /// for people close a fence behind their last word.
    fn closes<'a>(&self, line: &'a str) -> Option<Option<&'a str>> {
        let code = line.trim_end().trim_end_matches('`');
        let ticks = line.trim_end().len() - code.len();
        if ticks < self.backticks || code.contains('`') {
            return None;
        }
        Some((!code.trim().is_empty()).then_some(code))
    }
}

/// The backticks of an opening fence and what stands behind them.
fn opening_fence(line: &str) -> Option<(usize, &str)> {
    let fence = line.trim_start_matches(' ');
    if line.len() - fence.len() > 3 || !fence.starts_with(FENCE) {
        return None;
    }
    let info = fence.trim_start_matches('`');
    let closed_in_line = info.contains('`');
    (!closed_in_line).then(|| (fence.len() - info.len(), info.trim()))
}

fn is_language(info: &str) -> bool {
    let named = |byte: u8| byte.is_ascii_alphanumeric() || b"+#._-".contains(&byte);
    !info.is_empty() && info.len() <= MAX_LANGUAGE_BYTES && info.bytes().all(named)
}

/// How often a line is quoted, and the line without its marks. A `>` without a
/// space behind it is a face or an arrow.
fn quoted(line: &str) -> (u8, &str) {
    let (mut depth, mut rest) = (0, line);
    while depth < MAX_QUOTE_DEPTH
        && let Some(inner) = rest.strip_prefix('>')
        && (inner.is_empty() || inner.starts_with([' ', '>']))
    {
        depth += 1;
        rest = inner.strip_prefix(' ').unwrap_or(inner);
    }
    (depth, rest)
}
