#![allow(clippy::unwrap_used)]

mod corpus;
mod marks;
mod printable;
mod wrapping;

use super::*;

/// A room where these people are.
fn knows(name: &str) -> bool {
    ["ada", "bob", "dr.who", "zoë", "roommate"].contains(&name)
}

/// A line in a notation of its own: `b(…)`, `i(…)`, `s(…)`, `c(…)` for styles
/// and code, `l(words|address)`, `@(name)`, `@room()`; words as they are.
fn sketch(line: &Line) -> String {
    line.spans.iter().map(sketch_of).collect()
}

fn sketch_of(span: &Span) -> String {
    let mut sketch = match &span.kind {
        Kind::Text => span.text.clone(),
        Kind::Code => format!("c({})", span.text),
        Kind::Link(url) => format!("l({}|{url})", span.text),
        Kind::Mention(name) => format!("@({name})"),
        Kind::RoomMention => "@room()".to_owned(),
    };
    for (on, letter) in [
        (span.style.bold, 'b'),
        (span.style.italic, 'i'),
        (span.style.strike, 's'),
    ] {
        if on {
            sketch = format!("{letter}({sketch})");
        }
    }
    sketch
}

/// The one line of a one-line message.
fn line(text: &str) -> String {
    match render(text, &knows).blocks.as_slice() {
        [Block::Text(lines)] if lines.len() == 1 => sketch(&lines[0]),
        other => panic!("{text:?} is not one line: {other:?}"),
    }
}

fn is_harmless(char: char) -> bool {
    !char.is_control()
        && !matches!(char, '\u{61C}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{E0000}'..='\u{E007F}')
}

/// Every text a face would get of a message.
fn texts(message: &Message) -> Vec<&str> {
    let code = message.blocks.iter().flat_map(|block| match block {
        Block::Code { lines, .. } => lines.as_slice(),
        Block::Text(_) | Block::Quote { .. } => &[],
    });
    let urls = message.spans().filter_map(|span| match &span.kind {
        Kind::Link(url) => Some(&**url),
        _ => None,
    });
    message
        .spans()
        .map(|span| &*span.text)
        .chain(code.map(|line| &**line))
        .chain(urls)
        .collect()
}
