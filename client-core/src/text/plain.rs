use super::message::{Block, Line, Message};
use super::{safe, truncate};

/// Most bytes of a name or topic looked at; no screen is wider.
const MAX_LINE_BYTES: usize = 16 * 1024;

/// A name, topic or file name as one safe line of at most `max_width` columns:
/// runs of white space are one space, what does not fit ends in `…`.
pub fn sanitize_line(text: &str, max_width: usize) -> String {
    let looked_at = &text[..text.floor_char_boundary(MAX_LINE_BYTES)];
    let mut line = String::with_capacity(looked_at.len());
    for word in safe(looked_at).split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    truncate(&line, max_width)
}

impl Message {
    /// The words without their marks, a line per line: for notifications, the
    /// room list, copying and screen readers.
    pub fn plain(&self) -> String {
        let mut plain = String::new();
        for block in &self.blocks {
            match block {
                Block::Text(lines) | Block::Quote { lines, .. } => {
                    lines.iter().for_each(|line| {
                        push_line(&mut plain, line.spans.iter().map(|span| &*span.text))
                    });
                }
                Block::Code { lines, .. } => {
                    lines
                        .iter()
                        .for_each(|line| push_line(&mut plain, std::iter::once(&**line)));
                }
            }
        }
        plain.truncate(plain.trim_end().len());
        plain
    }
}

impl Line {
    /// The words of the line without their marks.
    pub fn plain(&self) -> String {
        self.spans.iter().map(|span| &*span.text).collect()
    }
}

fn push_line<'a>(plain: &mut String, texts: impl Iterator<Item = &'a str>) {
    plain.extend(texts);
    plain.push('\n');
}
