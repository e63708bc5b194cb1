//! The first screen of an empty profile: come in by a link, or log in.

mod draw;
mod form;

#[cfg(test)]
mod tests;

use parlor_client_core::api::{AccountView, JoinLink, Pin, ServerAddress};
use ratatui::layout::Rect;

use super::action::{Action, Entry};
use super::chord::{chord, written};
use super::layer::{Answer, Canvas, Entered, Input, Layer, Stage};
use crate::enter::Key;
use form::{Field, Form, Way};

/// What the screen waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// The person.
    Filling,
    /// The server.
    Entering,
    /// The person's word on a key that nobody vouches for.
    Confirming(Pin),
}

pub(crate) struct Entrance {
    form: Form,
    state: State,
    error: Option<String>,
}

impl Entrance {
    /// For nobody yet, or for somebody whose session has ended.
    pub(crate) fn new(account: &AccountView) -> Self {
        let mut entrance = Self {
            form: Form::new(Way::Join),
            state: State::Filling,
            error: None,
        };
        if let AccountView::Ended { me, why } = account {
            entrance.form = Form::log_in_again(&me.server.to_string(), &me.name);
            entrance.error = Some(format!(
                "{why} Log in again to go on; nothing unsent is lost."
            ));
        }
        entrance
    }

    fn submit(&mut self, stage: &mut Stage<'_>) {
        match self.form.entry(Key::Ask) {
            Ok(entry) => self.go(entry, stage),
            Err((field, error)) => {
                self.form.focus(field);
                self.error = Some(error);
            }
        }
    }

    fn go(&mut self, entry: Entry, stage: &mut Stage<'_>) {
        self.error = None;
        self.state = State::Entering;
        stage.actions.push(Action::Enter(entry));
    }

    fn confirm(&mut self, pin: Pin, name: &str, stage: &mut Stage<'_>) {
        match name {
            "y" => {
                if let Ok(entry) = self.form.entry(Key::Pinned(pin)) {
                    self.go(entry, stage);
                }
            }
            "n" | "esc" => {
                self.state = State::Filling;
                self.error = Some("Nothing was sent. Ask the operator for a join link.".to_owned());
            }
            _ => {}
        }
    }

    fn key(&mut self, key: &crossterm::event::KeyEvent, name: &str, stage: &mut Stage<'_>) {
        match name {
            "enter" if self.form.is_last() => self.submit(stage),
            "enter" => {
                self.error = self.form.mistake();
                if self.error.is_none() {
                    self.form.step(1);
                }
            }
            "tab" | "down" => self.form.step(1),
            "S-tab" | "up" => self.form.step(-1),
            "C-t" => {
                self.form = Form::new(self.form.way.other());
                self.error = None;
            }
            _ => {
                let text = self.form.text();
                match name {
                    "backspace" | "C-h" => _ = text.delete_before(),
                    "delete" | "C-d" => _ = text.delete_after(),
                    "C-u" => _ = text.cut_to_line_start(),
                    "C-w" => _ = text.cut_to_space(),
                    "left" | "C-b" => text.left(),
                    "right" | "C-f" => text.right(),
                    "home" | "C-a" => text.line_start(),
                    "end" | "C-e" => text.line_end(),
                    _ => {
                        if let Some(char) = written(key) {
                            text.insert(char.encode_utf8(&mut [0; 4]));
                        }
                    }
                }
            }
        }
    }
}

impl Layer for Entrance {
    fn input(&mut self, input: &Input, stage: &mut Stage<'_>) -> Answer {
        match (input, &self.state) {
            (Input::Paste(text), State::Filling) => {
                self.form.paste(text);
            }
            (Input::Key(key), state) => {
                let name = chord(key);
                if matches!(name.as_str(), "C-c" | "C-l" | "C-z") {
                    return Answer::Ignored;
                }
                match state {
                    State::Filling => self.key(key, &name, stage),
                    State::Confirming(pin) => self.confirm(*pin, &name, stage),
                    State::Entering => {}
                }
            }
            _ => {}
        }
        Answer::Consumed
    }

    fn draw(&self, area: Rect, canvas: &mut Canvas<'_>) {
        draw::draw(self, area, canvas);
    }

    fn entering_ended(&mut self, outcome: Entered) {
        self.state = State::Filling;
        match outcome {
            Entered::In => {}
            Entered::UnknownKey(pin) => self.state = State::Confirming(pin),
            Entered::Refused(why) => self.error = Some(why),
        }
    }

    fn is_entrance(&self) -> bool {
        true
    }
}

/// A field's text as what it must be.
fn link(text: &str) -> Result<JoinLink, String> {
    text.parse()
        .map_err(|error: parlor_client_core::api::LinkError| error.to_string())
}

fn server(text: &str) -> Result<ServerAddress, String> {
    text.parse()
        .map_err(|error: parlor_client_core::api::LinkError| error.to_string())
}

fn filled(field: Field, text: &str) -> Result<String, String> {
    match text.is_empty() {
        true => Err(format!("{} is missing.", field.label())),
        false => Ok(text.to_owned()),
    }
}
