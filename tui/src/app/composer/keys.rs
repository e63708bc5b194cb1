//! What keys do: those of readline, as far as a terminal sends them.

use crossterm::event::KeyEvent;

use super::{Composer, Outcome};
use crate::app::chord::{chord, written};

impl Composer {
    /// `width`: columns of the text, for Up and Down between the rows on screen.
    pub(crate) fn key(&mut self, key: &KeyEvent, width: u16) -> Outcome {
        if std::mem::take(&mut self.prefix) {
            return match chord(key).as_str() {
                "C-e" => Outcome::EditOutside,
                _ => Outcome::Moved,
            };
        }
        if let Some(char) = written(key) {
            self.text.insert(char.encode_utf8(&mut [0; 4]));
            return Outcome::Changed;
        }
        let chord = chord(key);
        match chord.as_str() {
            "enter" => self.submit(),
            "A-enter" | "S-enter" | "C-j" => {
                self.text.insert("\n");
                Outcome::Changed
            }
            "C-x" => {
                self.prefix = true;
                Outcome::Moved
            }
            "up" | "C-p" => self.up(width),
            "down" | "C-n" => self.down(width),
            chord => match self.moves(chord) {
                true => Outcome::Moved,
                false => self.changes(chord),
            },
        }
    }

    fn moves(&mut self, chord: &str) -> bool {
        match chord {
            "left" | "C-b" => self.text.left(),
            "right" | "C-f" => self.text.right(),
            "A-b" | "C-left" | "A-left" => self.text.word_left(),
            "A-f" | "C-right" | "A-right" => self.text.word_right(),
            "home" | "C-a" => self.text.line_start(),
            "end" | "C-e" => self.text.line_end(),
            "C-home" | "A-<" => self.text.move_to(0),
            "C-end" | "A->" => self.text.end(),
            _ => return false,
        }
        true
    }

    fn changes(&mut self, chord: &str) -> Outcome {
        let changed = match chord {
            "backspace" | "C-h" => self.text.delete_before(),
            "delete" | "C-d" => self.text.delete_after(),
            "C-t" => self.text.swap(),
            "C-w" => self.keep(|text| text.cut_to_space()),
            "A-backspace" => self.keep(|text| text.cut_word_before()),
            "A-d" => self.keep(|text| text.cut_word_after()),
            "C-u" => self.keep(|text| text.cut_to_line_start()),
            "A-k" => self.keep(|text| text.cut_to_line_end()),
            "C-y" => {
                self.text.insert(&self.cut);
                !self.cut.is_empty()
            }
            _ => return Outcome::Ignored,
        };
        match changed {
            true => Outcome::Changed,
            false => Outcome::Moved,
        }
    }

    fn keep(&mut self, cut: impl FnOnce(&mut super::Text) -> String) -> bool {
        let taken = cut(&mut self.text);
        if taken.is_empty() {
            return false;
        }
        self.cut = taken;
        true
    }

    /// A row up; from the first one to what was sent before.
    fn up(&mut self, width: u16) -> Outcome {
        if self.move_row(width, -1) {
            return Outcome::Moved;
        }
        match self.history.older(self.text.as_str()) {
            Some(line) => {
                self.text = super::Text::new(&line);
                Outcome::Changed
            }
            None => Outcome::Moved,
        }
    }

    fn down(&mut self, width: u16) -> Outcome {
        if self.move_row(width, 1) {
            return Outcome::Moved;
        }
        match self.history.newer() {
            Some(line) => {
                self.text = super::Text::new(&line);
                Outcome::Changed
            }
            None => Outcome::Moved,
        }
    }
}
