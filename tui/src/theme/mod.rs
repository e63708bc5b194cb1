//! What things look like: the tokens of the house in as many colours as the terminal has.
//!
//! The terminal's own background and ink stay: only what carries a meaning is coloured, so that a
//! wrong guess of light or dark costs no more than a pale accent.

mod detect;
mod palette;

#[cfg(test)]
mod tests;

use parlor_client_core::api::UserId;
use ratatui::style::{Color, Modifier, Style};

pub(crate) use detect::{Wish, detect};
use palette::{DARK, LIGHT, Palette};

/// How many colours the terminal shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    None,
    Sixteen,
    Indexed,
    True,
}

/// Ink on paper, or the other way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shade {
    Light,
    Dark,
}

/// What a piece of the screen means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// Words that recede: topics, times.
    Quiet,
    /// Marks that are not for reading: placeholders.
    Mark,
    /// Lines between panes.
    Line,
    /// Unread, focus, links.
    Accent,
    Good,
    Warn,
    Bad,
}

/// Tokens to styles, for one terminal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Theme {
    pub(crate) depth: Depth,
    pub(crate) shade: Shade,
}

impl Theme {
    pub(crate) fn style(&self, token: Token) -> Style {
        let style = match self.depth {
            Depth::None => return plain(token),
            Depth::Sixteen => Style::new().fg(palette::sixteen(self.shade, token)),
            Depth::Indexed => Style::new().fg(palette::indexed(self.palette().token(token))),
            Depth::True => Style::new().fg(rgb(self.palette().token(token))),
        };
        // Sixteen colours have no quiet ink of their own that both grounds carry.
        match (self.depth, token) {
            (Depth::Sixteen, Token::Quiet | Token::Mark | Token::Line) => {
                style.add_modifier(Modifier::DIM)
            }
            _ => style,
        }
    }

    /// The style of a person's name: one hue of twelve, from the id.
    pub(crate) fn person(&self, user: UserId) -> Style {
        let bold = Style::new().add_modifier(Modifier::BOLD);
        let hue = (u128::from_be_bytes(user.0) % palette::HUES as u128) as usize;
        match self.depth {
            Depth::None => bold,
            Depth::Sixteen => bold.fg(palette::sixteen_hue(self.shade, hue)),
            Depth::Indexed => bold.fg(palette::indexed(self.palette().hues[hue])),
            Depth::True => bold.fg(rgb(self.palette().hues[hue])),
        }
    }

    /// The line that the person has chosen.
    pub(crate) fn selected(&self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    fn palette(&self) -> &'static Palette {
        match self.shade {
            Shade::Light => &LIGHT,
            Shade::Dark => &DARK,
        }
    }
}

fn rgb([red, green, blue]: [u8; 3]) -> Color {
    Color::Rgb(red, green, blue)
}

/// Without colour: weight, underline and dim carry the meaning.
fn plain(token: Token) -> Style {
    match token {
        Token::Quiet | Token::Mark | Token::Line => Style::new().add_modifier(Modifier::DIM),
        Token::Accent | Token::Warn | Token::Bad => Style::new().add_modifier(Modifier::BOLD),
        Token::Good => Style::new(),
    }
}
