//! The first screen on cells.

use parlor_client_core::text::{Span, display_width, safe, wrap};
use ratatui::layout::{Position, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::widgets::{Clear, Widget};

use super::form::{Field, Way};
use super::{Entrance, State};
use crate::app::layer::Canvas;
use crate::theme::Token;

/// Columns of the form.
const COLUMNS: u16 = 64;
/// Columns of a field's label.
const LABEL: u16 = 12;
/// Lines of the form without its errors.
const LINES: u16 = 14;

pub(super) fn draw(entrance: &Entrance, area: Rect, canvas: &mut Canvas<'_>) {
    Clear.render(area, canvas.buffer);
    let width = COLUMNS.min(area.width.saturating_sub(4));
    let mut page = Page {
        x: area.x + (area.width.saturating_sub(width)) / 2,
        y: area.y + area.height.saturating_sub(LINES) / 3,
        width,
        bottom: area.bottom(),
        canvas,
    };
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let quiet = page.canvas.theme.style(Token::Quiet);
    page.line("Parlor", bold);
    page.line("A calm room for talk.", quiet);
    page.y += 1;
    page.ways(entrance.form.way);
    page.y += 1;
    page.fields(entrance);
    page.y += 1;
    let bad = page.canvas.theme.style(Token::Bad);
    match &entrance.state {
        State::Entering => page.line("Connecting…", quiet),
        State::Confirming(pin) => {
            page.words(
                "No authority vouches for this server. Its key has the fingerprint",
                Style::new(),
            );
            page.words(&pin.to_string(), bold);
            page.words(
                "Is that what its operator says? y: yes, n: no",
                Style::new(),
            );
        }
        State::Filling => match &entrance.error {
            Some(error) => page.words(error, bad),
            None => page.words(hint(entrance.form.way), quiet),
        },
    }
    page.y = page.bottom.saturating_sub(1);
    page.line(keys(entrance.form.way), quiet);
}

fn hint(way: Way) -> &'static str {
    match way {
        Way::Join => {
            "Somebody who is in has sent you a link that begins with parlor://. Paste it, and choose a name and a password (at least 8 characters)."
        }
        Way::LogIn => {
            "The server's HOST or HOST:PORT, and the name and password that you have there."
        }
    }
}

/// At most 56 columns: a terminal of 60 shows them whole.
fn keys(way: Way) -> &'static str {
    match way {
        Way::Join => "Enter on  Tab next  Ctrl-T log in  Ctrl-C twice leaves",
        Way::LogIn => "Enter on  Tab next  Ctrl-T join  Ctrl-C twice leaves",
    }
}

struct Page<'a, 'b> {
    x: u16,
    y: u16,
    width: u16,
    bottom: u16,
    canvas: &'a mut Canvas<'b>,
}

impl Page<'_, '_> {
    fn line(&mut self, text: &str, style: Style) {
        if self.y < self.bottom {
            self.canvas.text(self.x, self.y, self.width, text, style);
        }
        self.y += 1;
    }

    /// Text that may take several lines.
    fn words(&mut self, text: &str, style: Style) {
        let text = safe(text).replace('\n', " ");
        for line in wrap(&[Span::plain(text)], self.width.into()) {
            self.line(&line.plain(), style);
        }
    }

    fn ways(&mut self, way: Way) {
        let chosen = self
            .canvas
            .theme
            .style(Token::Accent)
            .add_modifier(Modifier::BOLD | Modifier::UNDERLINED);
        let quiet = self.canvas.theme.style(Token::Quiet);
        let style = |this| if way == this { chosen } else { quiet };
        let (join, log_in) = (style(Way::Join), style(Way::LogIn));
        if self.y < self.bottom {
            let taken = self
                .canvas
                .text(self.x, self.y, self.width, "Join by a link", join);
            let left = self.width.saturating_sub(taken + 4);
            self.canvas
                .text(self.x + taken + 4, self.y, left, "Log in", log_in);
        }
        self.y += 1;
    }

    fn fields(&mut self, entrance: &Entrance) {
        let filling = entrance.state == State::Filling;
        for (field, text, focused) in entrance.form.fields() {
            if self.y >= self.bottom {
                return;
            }
            let focused = focused && filling;
            let theme = self.canvas.theme;
            let label = if focused {
                theme.style(Token::Accent)
            } else {
                theme.style(Token::Quiet)
            };
            self.canvas
                .text(self.x, self.y, LABEL, field.label(), label);
            let x = self.x + LABEL;
            let room = self.width.saturating_sub(LABEL);
            let before = shown(field, &text.as_str()[..text.cursor()]);
            let whole = shown(field, text.as_str());
            // The cursor stays visible: what does not fit is cut off at the left.
            let over = (display_width(&before) + 1).saturating_sub(room.into());
            let visible = skip_columns(&whole, over);
            self.canvas.text(x, self.y, room, &visible, Style::new());
            if focused {
                let column = (display_width(&before) - over.min(display_width(&before))) as u16;
                self.canvas.cursor =
                    Some(Position::new((x + column).min(x + room.max(1) - 1), self.y));
            }
            self.y += 1;
        }
    }
}

fn shown(field: Field, text: &str) -> String {
    match field.is_secret() {
        true => "•".repeat(text.chars().count()),
        false => safe(text).replace('\n', " "),
    }
}

fn skip_columns(text: &str, columns: usize) -> String {
    use unicode_segmentation::UnicodeSegmentation;
    let mut left = columns;
    let clusters = text.graphemes(true).skip_while(|cluster| {
        let skip = left > 0;
        left = left.saturating_sub(display_width(cluster));
        skip
    });
    clusters.collect()
}
