use std::borrow::Cow;

use unicode_normalization::char::is_combining_mark;
use unicode_width::UnicodeWidthChar;

use super::work;

/// Most accents on one character. Vietnamese needs two, phonetic script three;
/// what stacks more is there to climb out of its line.
pub const MAX_ACCENTS: usize = 3;

/// Most marks of any kind on one character: Tibetan stacks and pointed Hebrew
/// stay below.
pub const MAX_MARKS: usize = 6;

/// Most joiners in one cluster; the longest emoji of a family or a kiss has 3.
pub const MAX_JOINS: usize = 4;

/// Columns between tab stops.
const TAB: usize = 4;

/// Stands for what has no picture of its own.
const REPLACED: char = '\u{FFFD}';

/// Carries marks that have nothing to stand on, lest they sit on the frame.
const DOTTED_CIRCLE: char = '\u{25CC}';

/// The text as it may be printed: every line break is `\n`, tabs are spaces,
/// controls are pictures (`␛`), what is invisible or reorders its surroundings
/// is gone, stacks of marks are cut. Grows at most fourfold.
pub fn safe(text: &str) -> Cow<'_, str> {
    if text
        .bytes()
        .all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte))
    {
        return Cow::Borrowed(text);
    }
    let mut printed = Printer::with_room(text.len());
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        work::step();
        match char {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\r' | '\n' | '\u{2028}' | '\u{2029}' => printed.line_break(),
            '\t' => printed.tab(),
            '\u{200C}' | '\u{200D}' => printed.joiner(char),
            _ if is_invisible(char) => {}
            _ => printed.visible(picture(char)),
        }
    }
    Cow::Owned(printed.text)
}

/// Controls and non-characters as something to see; overrides, which turn text
/// against its reader, as a sign that they were there.
fn picture(char: char) -> char {
    match char {
        '\0'..='\u{1F}' => char::from_u32(0x2400 + u32::from(char)).unwrap_or(REPLACED),
        '\u{7F}' => '\u{2421}',
        '\u{85}' => '\u{2424}',
        '\u{9B}' => '\u{241B}',
        '\u{80}'..='\u{9F}' | '\u{202D}' | '\u{202E}' => REPLACED,
        '\u{FDD0}'..='\u{FDEF}' => REPLACED,
        _ if u32::from(char) & 0xFFFE == 0xFFFE => REPLACED,
        _ => char,
    }
}

/// Directional marks, embeddings and isolates; tags; fillers; and whatever else
/// takes no room and is not needed to write a language.
fn is_invisible(char: char) -> bool {
    matches!(char,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{180E}' | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}'
        | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202C}' | '\u{2060}'..='\u{206F}'
        | '\u{FFF0}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}'
        | '\u{E0000}'..='\u{E00FF}' | '\u{E01F0}'..='\u{E0FFF}')
}

fn is_accent(char: char) -> bool {
    matches!(char, '\u{300}'..='\u{36F}' | '\u{483}'..='\u{489}' | '\u{1AB0}'..='\u{1AFF}'
        | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}')
}

fn is_selector(char: char) -> bool {
    matches!(char, '\u{180B}'..='\u{180D}' | '\u{180F}' | '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}')
}

fn is_skin_tone(char: char) -> bool {
    matches!(char, '\u{1F3FB}'..='\u{1F3FF}')
}

/// The text so far and the character that marks and joiners would attach to.
struct Printer {
    text: String,
    column: usize,
    /// There is a character to attach to.
    based: bool,
    accents: usize,
    marks: usize,
    joins: usize,
    /// Kept back until it is known to stand between two characters.
    joiner: Option<char>,
}

impl Printer {
    fn with_room(bytes: usize) -> Self {
        Self {
            text: String::with_capacity(bytes),
            column: 0,
            based: false,
            accents: 0,
            marks: 0,
            joins: 0,
            joiner: None,
        }
    }

    fn line_break(&mut self) {
        self.text.push('\n');
        self.column = 0;
        self.start_cluster(false);
    }

    fn tab(&mut self) {
        for _ in 0..TAB - self.column % TAB {
            self.text.push(' ');
            self.column += 1;
        }
        self.start_cluster(false);
    }

    fn joiner(&mut self, char: char) {
        if self.based && self.joiner.is_none() && self.joins < MAX_JOINS {
            self.joiner = Some(char);
        }
    }

    fn visible(&mut self, char: char) {
        let width = char.width().unwrap_or(0);
        if is_combining_mark(char) || is_selector(char) {
            self.mark(char);
        } else if self.based && (width == 0 || is_skin_tone(char)) {
            self.attach(char);
        } else {
            self.base(char, width);
        }
    }

    fn base(&mut self, char: char, width: usize) {
        let joined = self.joiner.take().filter(|_| !char.is_whitespace());
        self.text.extend(joined);
        self.text.push(char);
        self.column += width;
        let joins = joined.map_or(0, |_| self.joins + 1);
        self.start_cluster(!char.is_whitespace());
        self.joins = joins;
    }

    fn mark(&mut self, char: char) {
        if !self.based {
            if is_selector(char) {
                return;
            }
            self.base(DOTTED_CIRCLE, 1);
        }
        if is_accent(char) {
            self.accents += 1;
            if self.accents > MAX_ACCENTS {
                return;
            }
        }
        self.attach(char);
    }

    fn attach(&mut self, char: char) {
        self.marks += 1;
        if self.marks <= MAX_MARKS {
            self.text.extend(self.joiner.take());
            self.text.push(char);
        }
    }

    fn start_cluster(&mut self, based: bool) {
        self.based = based;
        self.accents = 0;
        self.marks = 0;
        self.joins = 0;
        self.joiner = None;
    }
}
