use std::ops::Range;

use super::token::{Mark, Role, Token};
use super::{MAX_TOKENS, link, mention};
use crate::text::work;

/// Characters a backslash takes the meaning from. Not the backslash itself: two
/// of them begin a network path.
const ESCAPABLE: &[u8] = b"*_~`[@<>";

/// Longest run of backticks that opens inline code.
const MAX_CODE_TICKS: usize = 3;

/// Reads a line once from left to right. Delimiters find their partners on the
/// way: each is put on a stack once and taken off once.
pub(super) fn tokens(line: &str, knows: &dyn Fn(&str) -> bool) -> Vec<Token> {
    let mut scan = Scan {
        line,
        at: 0,
        plain_from: 0,
        tokens: Vec::new(),
        open: Vec::new(),
        open_of: [0; Pair::COUNT],
        unclosed: [false; MAX_CODE_TICKS + 1],
        knows,
    };
    while scan.at < line.len() && scan.tokens.len() < MAX_TOKENS {
        work::step();
        scan.step(line.as_bytes()[scan.at]);
    }
    scan.take_plain(line.len());
    scan.tokens
}

struct Scan<'a> {
    line: &'a str,
    at: usize,
    /// Start of the plain text not yet made a token.
    plain_from: usize,
    tokens: Vec<Token>,
    /// Delimiters that wait for a partner: their tokens, and how many of each.
    open: Vec<(usize, Pair)>,
    open_of: [usize; Pair::COUNT],
    /// Runs of so many backticks are known not to come again.
    unclosed: [bool; MAX_CODE_TICKS + 1],
    knows: &'a dyn Fn(&str) -> bool,
}

impl Scan<'_> {
    fn step(&mut self, byte: u8) {
        match byte {
            b'\\' => self.escape(),
            b'`' => self.code(),
            b'*' | b'_' | b'~' => self.delimiters(byte),
            b'[' => self.found(link::masked(self.line, self.at)),
            b'<' => self.found(link::bracketed(self.line, self.at)),
            b'h' | b'H' => self.bare_link(),
            b'@' => self.found(mention::at(self.line, self.at, self.knows)),
            _ => self.at += 1,
        }
    }

    /// Takes a token that ends where the next step begins, or goes on.
    fn found(&mut self, token: Option<(Token, usize)>) {
        match token {
            Some((token, end)) => self.take(token, end),
            None => self.at += 1,
        }
    }

    fn take(&mut self, token: Token, end: usize) {
        self.take_plain(self.at);
        self.tokens.push(token);
        self.at = end;
        self.plain_from = end;
    }

    fn take_plain(&mut self, end: usize) {
        if self.plain_from < end {
            self.tokens.push(Token::Text(self.plain_from..end));
        }
        self.plain_from = end;
    }

    fn escape(&mut self) {
        let escaped = self.line.as_bytes().get(self.at + 1);
        if escaped.is_some_and(|byte| ESCAPABLE.contains(byte)) {
            self.take(Token::Text(self.at + 1..self.at + 2), self.at + 2);
        } else {
            self.at += 1;
        }
    }

    fn bare_link(&mut self) {
        match link::bare(self.line, self.at) {
            link::Bare::Link(end) => self.take(
                Token::Link {
                    label: self.at..end,
                    url: self.at..end,
                },
                end,
            ),
            // Passed over whole, so that a long one is not looked at twice.
            link::Bare::Words(end) => self.at = end,
        }
    }

    fn code(&mut self) {
        let ticks = run_of(self.line, self.at);
        let content = self.at + ticks;
        match self.closing_ticks(content, ticks) {
            Some(end) => {
                let code = without_padding(self.line, content..end);
                self.take(Token::Code(code), end + ticks);
            }
            None => self.at = content,
        }
    }

    /// Where the next run of just so many backticks begins.
    fn closing_ticks(&mut self, from: usize, ticks: usize) -> Option<usize> {
        if ticks > MAX_CODE_TICKS || self.unclosed[ticks] {
            return None;
        }
        let mut at = from;
        while let Some(gap) = self.line[at..].find('`') {
            work::step();
            at += gap;
            let run = run_of(self.line, at);
            if run == ticks {
                return Some(at);
            }
            at += run;
        }
        self.unclosed[ticks] = true;
        None
    }

    fn delimiters(&mut self, byte: u8) {
        let run = run_of(self.line, self.at);
        let before = self.line[..self.at].chars().next_back();
        let after = self.line[self.at + run..].chars().next();
        let touches = |char: Option<char>| char.is_some_and(|char| !char.is_whitespace());
        // A single star inside a word is a product, an underscore a file name.
        let in_word = |char: Option<char>| match (byte, run) {
            (b'_', _) => char.is_some_and(char::is_alphanumeric),
            (b'*', 1) => char.is_some_and(|char| char.is_ascii_alphanumeric()),
            _ => false,
        };
        let opens = touches(after) && !in_word(before);
        let closes = touches(before) && !in_word(after);
        match Pair::of(byte, run) {
            Some(pair) => self.delimiter(pair, opens, closes),
            None if run == 3 && byte != b'~' => self.both(byte, opens, closes),
            None => self.at += run,
        }
    }

    /// Three stars are two and one, in the order that what is open asks for.
    fn both(&mut self, byte: u8, opens: bool, closes: bool) {
        let (Some(one), Some(two)) = (Pair::of(byte, 1), Pair::of(byte, 2)) else {
            return;
        };
        let inner_is_one = self.open.last().is_some_and(|(_, pair)| *pair == one);
        let order = if closes && inner_is_one {
            [one, two]
        } else {
            [two, one]
        };
        order
            .into_iter()
            .for_each(|pair| self.delimiter(pair, opens, closes));
    }

    fn delimiter(&mut self, pair: Pair, opens: bool, closes: bool) {
        let range = self.at..self.at + pair.bytes();
        let end = range.end;
        let opener = if closes { self.opener_of(pair) } else { None };
        let role = match opener.and_then(|token| self.tokens.get_mut(token)) {
            Some(Token::Delimiter { role, .. }) => {
                *role = Role::On;
                Role::Off
            }
            _ => Role::Literal,
        };
        self.take(
            Token::Delimiter {
                range,
                mark: pair.mark(),
                role,
            },
            end,
        );
        if role == Role::Literal && opens {
            self.open.push((self.tokens.len() - 1, pair));
            self.open_of[pair as usize] += 1;
        }
    }

    /// The nearest waiting opener of the pair; those opened after it lose their
    /// chance, so that emphasis never overlaps crosswise.
    fn opener_of(&mut self, pair: Pair) -> Option<usize> {
        while self.open_of[pair as usize] > 0
            && let Some((token, opened)) = self.open.pop()
        {
            work::step();
            self.open_of[opened as usize] -= 1;
            if opened == pair {
                return Some(token);
            }
        }
        None
    }
}

/// Delimiters that close each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pair {
    Star,
    Stars,
    Underscore,
    Underscores,
    Tildes,
}

impl Pair {
    const COUNT: usize = 5;

    fn of(byte: u8, run: usize) -> Option<Self> {
        match (byte, run) {
            (b'*', 1) => Some(Self::Star),
            (b'*', 2) => Some(Self::Stars),
            (b'_', 1) => Some(Self::Underscore),
            (b'_', 2) => Some(Self::Underscores),
            (b'~', 2) => Some(Self::Tildes),
            _ => None,
        }
    }

    fn bytes(self) -> usize {
        match self {
            Self::Star | Self::Underscore => 1,
            Self::Stars | Self::Underscores | Self::Tildes => 2,
        }
    }

    fn mark(self) -> Mark {
        match self {
            Self::Star | Self::Underscore => Mark::Italic,
            Self::Stars | Self::Underscores => Mark::Bold,
            Self::Tildes => Mark::Strike,
        }
    }
}

/// How often the byte at `at` is repeated there.
fn run_of(line: &str, at: usize) -> usize {
    let bytes = &line.as_bytes()[at..];
    bytes.iter().take_while(|byte| **byte == bytes[0]).count()
}

/// One space on either side is there to keep backticks apart.
fn without_padding(line: &str, code: Range<usize>) -> Range<usize> {
    let text = &line[code.clone()];
    let padded =
        text.len() > 2 && text.starts_with(' ') && text.ends_with(' ') && !text.trim().is_empty();
    if padded {
        code.start + 1..code.end - 1
    } else {
        code
    }
}
