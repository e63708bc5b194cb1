//! The composer: a text, a cursor and what keys do to them.

mod draw;
mod edit;
mod history;
mod keys;
mod rows;

#[cfg(test)]
mod tests;

pub(crate) use edit::Text;
use history::History;

/// What is being written.
#[derive(Debug, Default)]
pub(crate) struct Composer {
    pub(crate) text: Text,
    history: History,
    /// What the last cuts took away, for Ctrl-Y.
    cut: String,
    /// A chord of two keys has begun.
    prefix: bool,
}

/// What a key came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Ignored,
    /// The cursor moved, or nothing happened.
    Moved,
    /// The text is another one.
    Changed,
    /// Enter: this is to go; the composer is empty.
    Submitted(String),
    /// Ctrl-X Ctrl-E.
    EditOutside,
}

impl Composer {
    /// Puts a text there, the cursor at its end.
    pub(crate) fn set(&mut self, text: &str) {
        self.text = Text::new(text);
        self.history.leave();
    }

    pub(crate) fn paste(&mut self, pasted: &str) {
        self.text.insert(pasted);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.text.as_str().is_empty()
    }

    /// Remembers what could not be sent, so that Up brings it back.
    pub(crate) fn remember(&mut self, text: &str) {
        self.history.add(text);
    }

    fn submit(&mut self) -> Outcome {
        let text = self.text.as_str().trim_end().to_owned();
        if text.trim().is_empty() {
            return Outcome::Moved;
        }
        self.history.add(&text);
        self.set("");
        Outcome::Submitted(text)
    }
}
