use std::ops::Range;
use std::sync::Arc;

use crate::text::message::{Kind, Span, Style};

/// What a delimiter switches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Bold,
    Italic,
    Strike,
}

/// What became of a delimiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Found no partner: shown as typed.
    Literal,
    On,
    Off,
}

/// A piece of a line, as ranges of it.
#[derive(Clone, Debug)]
pub(super) enum Token {
    Text(Range<usize>),
    Code(Range<usize>),
    Link {
        label: Range<usize>,
        url: Range<usize>,
    },
    Mention(Range<usize>),
    RoomMention(Range<usize>),
    Delimiter {
        range: Range<usize>,
        mark: Mark,
        role: Role,
    },
}

/// The spans that the tokens of `line` make.
pub(super) fn spans(line: &str, tokens: &[Token]) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let mut depths = [0u32; 3];
    for token in tokens {
        let style = Style {
            bold: depths[Mark::Bold as usize] > 0,
            italic: depths[Mark::Italic as usize] > 0,
            strike: depths[Mark::Strike as usize] > 0,
        };
        let (range, kind) = match token {
            Token::Text(range)
            | Token::Delimiter {
                range,
                role: Role::Literal,
                ..
            } => (range, Kind::Text),
            Token::Delimiter {
                mark,
                role: Role::On,
                ..
            } => {
                depths[*mark as usize] += 1;
                continue;
            }
            Token::Delimiter {
                mark,
                role: Role::Off,
                ..
            } => {
                depths[*mark as usize] -= 1;
                continue;
            }
            Token::Code(range) => (range, Kind::Code),
            Token::Link { label, url } => (label, Kind::Link(Arc::from(&line[url.clone()]))),
            // The name without its @.
            Token::Mention(range) => (
                range,
                Kind::Mention(Arc::from(&line[range.start + 1..range.end])),
            ),
            Token::RoomMention(range) => (range, Kind::RoomMention),
        };
        push(&mut spans, &line[range.clone()], style, kind);
    }
    spans
}

fn push(spans: &mut Vec<Span>, text: &str, style: Style, kind: Kind) {
    if text.is_empty() {
        return;
    }
    match spans.last_mut() {
        Some(last) if last.style == style && last.kind == Kind::Text && kind == Kind::Text => {
            last.text.push_str(text)
        }
        _ => spans.push(Span {
            text: text.to_owned(),
            style,
            kind,
        }),
    }
}
