//! A text with a cursor that never stands inside a character as people see it.

use std::ops::Range;

use parlor_protocol::limit::TEXT_BYTES;
use unicode_segmentation::UnicodeSegmentation;

/// Lines by `\n`; no other control character is ever in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text {
    text: String,
    /// Byte offset of a grapheme's start, or the end.
    cursor: usize,
}

impl Text {
    pub(crate) fn new(text: &str) -> Self {
        let mut new = Self::default();
        new.insert(text);
        new
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn cursor(&self) -> usize {
        self.cursor
    }

    /// Writes at the cursor: line breaks become `\n`, tabs stay, other controls go. What is above
    /// the longest message is left out.
    pub(crate) fn insert(&mut self, text: &str) {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let mut kept: String = text
            .chars()
            .filter(|char| !char.is_control() || matches!(char, '\n' | '\t'))
            .collect();
        let room = TEXT_BYTES.saturating_sub(self.text.len());
        kept.truncate(kept.floor_char_boundary(room));
        self.text.insert_str(self.cursor, &kept);
        self.cursor += kept.len();
        self.settle();
    }

    pub(crate) fn left(&mut self) {
        self.cursor = self.before(self.cursor);
    }

    pub(crate) fn right(&mut self) {
        self.cursor = self.after(self.cursor);
    }

    pub(crate) fn word_left(&mut self) {
        self.cursor = self.word_before();
    }

    pub(crate) fn word_right(&mut self) {
        self.cursor = self.word_after();
    }

    pub(crate) fn line_start(&mut self) {
        self.cursor = self.line().start;
    }

    pub(crate) fn line_end(&mut self) {
        self.cursor = self.line().end;
    }

    pub(crate) fn end(&mut self) {
        self.cursor = self.text.len();
    }

    /// Moves to another place, at the start of the character there.
    pub(crate) fn move_to(&mut self, at: usize) {
        self.cursor = at.min(self.text.len());
        self.settle();
    }

    pub(crate) fn delete_before(&mut self) -> bool {
        !self
            .remove(self.before(self.cursor)..self.cursor)
            .is_empty()
    }

    pub(crate) fn delete_after(&mut self) -> bool {
        !self.remove(self.cursor..self.after(self.cursor)).is_empty()
    }

    pub(crate) fn cut_word_before(&mut self) -> String {
        self.remove(self.word_before()..self.cursor)
    }

    /// Back to white space, as the shell's Ctrl-W.
    pub(crate) fn cut_to_space(&mut self) -> String {
        let before = &self.text[..self.cursor];
        let words = before.trim_end().len();
        let start = before[..words]
            .char_indices()
            .rfind(|(_, char)| char.is_whitespace())
            .map_or(0, |(at, char)| at + char.len_utf8());
        self.remove(start..self.cursor)
    }

    pub(crate) fn cut_word_after(&mut self) -> String {
        self.remove(self.cursor..self.word_after())
    }

    pub(crate) fn cut_to_line_start(&mut self) -> String {
        self.remove(self.line().start..self.cursor)
    }

    /// To the line's end; at the end the line break.
    pub(crate) fn cut_to_line_end(&mut self) -> String {
        let end = self.line().end;
        match end == self.cursor {
            true => self.remove(self.cursor..self.after(self.cursor)),
            false => self.remove(self.cursor..end),
        }
    }

    /// Swaps the two characters around the cursor.
    pub(crate) fn swap(&mut self) -> bool {
        let middle = match self.cursor == self.line().end {
            true => self.before(self.cursor),
            false => self.cursor,
        };
        let (start, end) = (self.before(middle), self.after(middle));
        if start == middle || middle == end || start < self.line().start {
            return false;
        }
        let swapped = format!("{}{}", &self.text[middle..end], &self.text[start..middle]);
        self.text.replace_range(start..end, &swapped);
        self.cursor = end;
        self.settle();
        true
    }

    /// Replaces what stands from `start` to the cursor.
    pub(crate) fn complete(&mut self, start: usize, with: &str) {
        self.remove(start..self.cursor);
        self.insert(with);
    }

    /// Where the word under the cursor starts: back to white space.
    pub(crate) fn word_start(&self) -> usize {
        let before = &self.text[..self.cursor];
        before
            .char_indices()
            .rfind(|(_, char)| char.is_whitespace())
            .map_or(0, |(at, char)| at + char.len_utf8())
    }

    fn remove(&mut self, range: Range<usize>) -> String {
        let taken = self.text[range.clone()].to_owned();
        self.text.replace_range(range.clone(), "");
        self.cursor = range.start;
        // What is left may have grown together around the cut.
        self.settle();
        taken
    }

    /// The line that the cursor is in, without its break.
    fn line(&self) -> Range<usize> {
        let start = self.text[..self.cursor].rfind('\n').map_or(0, |at| at + 1);
        let end = self.text[self.cursor..]
            .find('\n')
            .map_or(self.text.len(), |at| self.cursor + at);
        start..end
    }

    fn before(&self, at: usize) -> usize {
        let last = self.text[..at].grapheme_indices(true).next_back();
        last.map_or(0, |(start, _)| start)
    }

    fn after(&self, at: usize) -> usize {
        let next = self.text[at..].graphemes(true).next();
        at + next.map_or(0, str::len)
    }

    fn word_before(&self) -> usize {
        let mut words = self.text[..self.cursor].unicode_word_indices();
        words.next_back().map_or(0, |(start, _)| start)
    }

    fn word_after(&self) -> usize {
        let next = self.text[self.cursor..].unicode_word_indices().next();
        next.map_or(self.text.len(), |(at, word)| self.cursor + at + word.len())
    }

    /// Brings the cursor to the start of the character it has come to stand in.
    fn settle(&mut self) {
        let at = self.cursor;
        let line = self.text[..self.text.floor_char_boundary(at)].rfind('\n');
        let line = line.map_or(0, |at| at + 1);
        let starts = self.text[line..].grapheme_indices(true);
        let start = starts
            .map(|(start, _)| line + start)
            .take_while(|start| *start <= at);
        self.cursor = match at >= self.text.len() {
            true => self.text.len(),
            false => start.last().unwrap_or(line),
        };
    }
}
