//! A message as rows of cells.

use jiff::civil::Date;
use parlor_client_core::api::{Delivery, MessageView, Surroundings};
use parlor_client_core::text::{Block, Kind, Line, Span, wrap};

use super::Shape;

/// Columns before each level of a quote.
const QUOTE_COLUMNS: usize = 2;

/// A row of a message.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Row {
    Blank,
    Day(Date),
    Unread,
    /// The author's name above the text.
    Name,
    Words {
        quoted: u8,
        line: Line,
    },
    Code(String),
    /// About the message, not in it.
    Aside(String),
    /// Why it was refused.
    Refused(String),
}

/// Rows that a message takes with what stands above it.
pub(crate) fn height(message: &MessageView, around: Surroundings, shape: Shape) -> u32 {
    rows(message, around, shape).len() as u32
}

pub(super) fn rows(message: &MessageView, around: Surroundings, shape: Shape) -> Vec<Row> {
    let mut rows = Vec::new();
    above(&mut rows, around, shape);
    if shape.names.is_none() && !around.continues && !message.body.action {
        rows.push(Row::Name);
    }
    let before = rows.len();
    body(&mut rows, message, shape.body.into());
    asides(&mut rows, message, shape.body.into());
    if rows.len() == before {
        // Nothing printable in it; the row still stands for the message.
        rows.push(Row::Aside("(nothing to show)".to_owned()));
    }
    rows
}

fn above(rows: &mut Vec<Row>, around: Surroundings, shape: Shape) {
    if let Some(day) = around.day {
        rows.push(Row::Blank);
        rows.push(Row::Day(day));
    }
    if around.first_unread {
        rows.push(Row::Unread);
    }
    // Beside names in a column the text needs no air; below a line there is some.
    let lines = around.day.is_some() || around.first_unread;
    if shape.names.is_none() && !around.continues && !lines {
        rows.push(Row::Blank);
    }
}

fn body(rows: &mut Vec<Row>, message: &MessageView, width: usize) {
    if message.deleted {
        return rows.push(Row::Aside("message deleted".to_owned()));
    }
    let mut doer = message.body.action.then(|| {
        Span::plain(format!(
            "{} ",
            parlor_client_core::text::safe(&message.author_name)
        ))
    });
    if let Some(span) = &mut doer {
        span.style.bold = true;
    }
    for block in &message.body.blocks {
        match block {
            Block::Text(lines) => {
                for line in lines {
                    let spans: Vec<Span> = doer
                        .take()
                        .into_iter()
                        .chain(line.spans.iter().cloned())
                        .collect();
                    words(rows, &spans, 0, width);
                }
            }
            Block::Quote { depth, lines } => {
                // Deep quotes in a narrow pane: the bars may not eat the words.
                let most = width / (2 * QUOTE_COLUMNS);
                let quoted = (*depth).min(u8::try_from(most).unwrap_or(u8::MAX));
                for line in lines {
                    words(rows, &line.spans, quoted, width);
                }
            }
            Block::Code { lines, .. } => code(rows, lines, width),
        }
    }
}

fn words(rows: &mut Vec<Row>, spans: &[Span], quoted: u8, width: usize) {
    let left = width.saturating_sub(QUOTE_COLUMNS * usize::from(quoted));
    let lines = wrap(spans, left);
    rows.extend(lines.into_iter().map(|line| Row::Words { quoted, line }));
}

fn code(rows: &mut Vec<Row>, lines: &[String], width: usize) {
    for line in lines {
        let span = Span {
            kind: Kind::Code,
            ..Span::plain(line.as_str())
        };
        let wrapped = wrap(&[span], width.saturating_sub(QUOTE_COLUMNS));
        rows.extend(wrapped.iter().map(|line| Row::Code(line.plain())));
    }
}

fn asides(rows: &mut Vec<Row>, message: &MessageView, width: usize) {
    let mut aside = |text: String| rows.extend(plain(&text, width).map(Row::Aside));
    if message.body.cut {
        aside("… cut here: longer than is shown".to_owned());
    }
    if let Some(bytes) = message.more_bytes {
        aside(format!("… {} more: o loads it", bytes_text(bytes)));
    }
    if message.edited && !message.deleted {
        aside("(edited)".to_owned());
    }
    if let Delivery::Failed { why, help } = &message.delivery {
        let text = match help.is_empty() {
            true => format!("not sent: {why}"),
            false => format!("not sent: {why}; {help}"),
        };
        let keys = format!("{text} (Esc, then r: try again, x: take it back)");
        rows.extend(plain(&keys, width).map(Row::Refused));
    }
}

fn plain(text: &str, width: usize) -> impl Iterator<Item = String> {
    let text = parlor_client_core::text::safe(text).replace('\n', " ");
    let lines = wrap(&[Span::plain(text)], width);
    lines.into_iter().map(|line| line.plain())
}

fn bytes_text(bytes: u32) -> String {
    match bytes {
        0..1_024 => format!("{bytes} bytes"),
        1_024..1_048_576 => format!("{} KB", bytes / 1_024),
        _ => format!("{} MB", bytes / 1_048_576),
    }
}
