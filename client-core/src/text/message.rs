use std::sync::Arc;

/// A message ready to be shown. No control character, no bidirectional control
/// and no line break is in any of its texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Written with `/me`: shown as "name does something".
    pub action: bool,
    /// From top to bottom.
    pub blocks: Vec<Block>,
    /// The text was longer than faces show; the rest is in the stored text.
    pub cut: bool,
}

/// Lines that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// Ordinary lines, empty ones and list items as they were typed.
    Text(Vec<Line>),
    /// Lines quoted `depth` times, from 1 on.
    Quote {
        /// How many `>` stood before them.
        depth: u8,
        /// The lines without their `>`.
        lines: Vec<Line>,
    },
    /// A fenced block: nothing in it is a mark.
    Code {
        /// The word behind the fence, as typed.
        language: Option<String>,
        /// The lines between the fences, indentation kept.
        lines: Vec<String>,
    },
}

/// One line of spans, from left to right as stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// Neighbours differ in style or kind.
    pub spans: Vec<Span>,
}

/// A stretch of text shown alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// What to show.
    pub text: String,
    /// How.
    pub style: Style,
    /// What it is.
    pub kind: Kind,
}

/// How a span looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// `**bold**`, `__bold__`
    pub bold: bool,
    /// `*italic*`, `_italic_`
    pub italic: bool,
    /// `~~struck~~`
    pub strike: bool,
}

/// What a span is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Words.
    #[default]
    Text,
    /// Inline code.
    Code,
    /// A link; the address is http or https and as safe to show as the text.
    Link(Arc<str>),
    /// A person's name, without the `@`, that the resolver knows.
    Mention(Arc<str>),
    /// `@room`
    RoomMention,
}

impl Span {
    /// A span of plain words.
    pub fn plain(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            style: Style::default(),
            kind: Kind::Text,
        }
    }
}

impl Message {
    /// The spans of all lines but code blocks, in order.
    pub fn spans(&self) -> impl Iterator<Item = &Span> {
        let lines = self.blocks.iter().flat_map(|block| match block {
            Block::Text(lines) | Block::Quote { lines, .. } => lines.as_slice(),
            Block::Code { .. } => &[],
        });
        lines.flat_map(|line| &line.spans)
    }

    /// The names mentioned outside of quotes and code, as typed: quoting a
    /// mention is not mentioning again.
    pub fn mentions(&self) -> impl Iterator<Item = &str> {
        self.said().filter_map(|span| match &span.kind {
            Kind::Mention(name) => Some(&**name),
            _ => None,
        })
    }

    /// Whether the room is mentioned outside of quotes and code.
    pub fn mentions_room(&self) -> bool {
        self.said().any(|span| span.kind == Kind::RoomMention)
    }

    fn said(&self) -> impl Iterator<Item = &Span> {
        let lines = self.blocks.iter().flat_map(|block| match block {
            Block::Text(lines) => lines.as_slice(),
            Block::Quote { .. } | Block::Code { .. } => &[],
        });
        lines.flat_map(|line| &line.spans)
    }
}
