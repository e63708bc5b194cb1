//! The screen is a stack of layers: each takes a key or lets it through to the one below.

use crossterm::event::{KeyEvent, MouseEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::action::Action;
use super::views::Views;
use crate::theme::Theme;

/// What a person did.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    Key(KeyEvent),
    /// Text pasted as one piece: line breaks in it send nothing.
    Paste(String),
    Mouse(MouseEvent),
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Not mine: the layer below may take it.
    Ignored,
    Consumed,
    /// Consumed, and the layer is done.
    Close,
}

/// What a layer sees and what it asks for.
pub(crate) struct Stage<'a> {
    pub(crate) views: &'a Views,
    pub(crate) actions: &'a mut Vec<Action>,
}

/// Where a layer draws.
pub(crate) struct Canvas<'a> {
    pub(crate) buffer: &'a mut Buffer,
    pub(crate) theme: &'a Theme,
    pub(crate) views: &'a Views,
    /// Where the next character goes; the topmost layer's counts.
    pub(crate) cursor: Option<Position>,
}

pub(crate) trait Layer: Send {
    fn input(&mut self, input: &Input, stage: &mut Stage<'_>) -> Answer;

    fn draw(&self, area: Rect, canvas: &mut Canvas<'_>);

    /// An attempt to enter ended. For the layer that asked.
    fn entering_ended(&mut self, _outcome: Entered) {}

    /// Whether it is in place of what is below, and wants the account to change.
    fn is_entrance(&self) -> bool {
        false
    }
}

/// How an attempt to enter ended.
#[derive(Clone, Debug)]
pub(crate) enum Entered {
    In,
    /// The key is to be confirmed by the person.
    UnknownKey(parlor_client_core::api::Pin),
    Refused(String),
}

impl Canvas<'_> {
    /// Writes at most `width` columns of safe text and says how many it took.
    pub(crate) fn text(
        &mut self,
        x: u16,
        y: u16,
        width: u16,
        text: &str,
        style: ratatui::style::Style,
    ) -> u16 {
        let text =
            parlor_client_core::text::truncate(&parlor_client_core::text::safe(text), width.into());
        let (end, _) = self.buffer.set_stringn(x, y, &text, width.into(), style);
        end - x
    }
}
