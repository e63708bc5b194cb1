//! `?`: what the keys and commands do.

use std::cell::Cell;

use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::chord::chord;
use super::command::COMMANDS;
use super::layer::{Answer, Canvas, Input, Layer, Stage};
use super::popup;
use crate::theme::Token;

const COLUMNS: u16 = 66;
/// Columns of the keys.
const KEYS: u16 = 22;

const PAGES: [(&str, &[(&str, &str)]); 4] = [
    (
        "Everywhere",
        &[
            ("Ctrl-K", "go to a room"),
            ("Tab, Shift-Tab", "next pane, pane before"),
            ("Alt-Up, Alt-Down", "room above, room below"),
            ("PgUp, PgDn", "scroll the room"),
            ("Ctrl-L", "draw the screen again"),
            ("Ctrl-C twice, /quit", "leave"),
        ],
    ),
    (
        "Writing",
        &[
            ("Enter", "send"),
            ("Alt-Enter, Ctrl-J", "new line"),
            ("Up, Down", "what you sent before"),
            ("Tab", "complete @name or /command"),
            ("Ctrl-A E, Alt-B F", "line and word, as in the shell"),
            ("Ctrl-W U Y, Alt-D K", "cut and bring back"),
            ("Ctrl-X Ctrl-E", "write in your editor"),
            ("Esc", "read: the keys below work then"),
        ],
    ),
    (
        "Reading",
        &[
            ("j k, arrows", "a line down, up"),
            ("g, G", "first message, newest message"),
            ("u", "first unread message"),
            ("n", "next room with something unread"),
            ("h, l", "rooms, members"),
            ("m", "show or hide the members"),
            ("o", "load the rest of a long message"),
            ("r, x", "retry a refused message, take it back"),
            ("i, Enter", "write"),
        ],
    ),
    ("Commands", &[]),
];

#[derive(Default)]
pub(crate) struct Help {
    scroll: usize,
    /// How far it can be scrolled, as of the last draw.
    most: Cell<usize>,
}

impl Layer for Help {
    fn input(&mut self, input: &Input, _stage: &mut Stage<'_>) -> Answer {
        let Input::Key(key) = input else {
            return Answer::Consumed;
        };
        match chord(key).as_str() {
            "j" | "down" => self.scroll += 1,
            "k" | "up" => self.scroll = self.scroll.saturating_sub(1),
            "pagedown" | " " => self.scroll += 10,
            "pageup" => self.scroll = self.scroll.saturating_sub(10),
            "g" | "home" => self.scroll = 0,
            "G" | "end" => self.scroll = usize::MAX,
            "esc" | "q" | "?" | "enter" => return Answer::Close,
            "C-c" | "C-l" => return Answer::Ignored,
            // F1, which opened it.
            "other" => return Answer::Close,
            // Letters typed by mistake are nobody's message.
            _ => {}
        }
        self.scroll = self.scroll.min(self.most.get());
        Answer::Consumed
    }

    fn draw(&self, area: Rect, canvas: &mut Canvas<'_>) {
        let lines = lines();
        let height = u16::try_from(lines.len()).unwrap_or(u16::MAX) + 2;
        let inside = popup::open(
            area,
            COLUMNS,
            height,
            "Help · j k scroll, Esc closes",
            canvas,
        );
        let most = lines.len().saturating_sub(inside.height.into());
        self.most.set(most);
        let shown = lines.iter().skip(self.scroll.min(most));
        for (y, (keys, does)) in (inside.y..inside.bottom()).zip(shown) {
            let bold = Style::new().add_modifier(Modifier::BOLD);
            match does {
                None => _ = canvas.text(inside.x, y, inside.width, keys, bold),
                Some(does) => {
                    let accent = canvas.theme.style(Token::Accent);
                    let taken = canvas.text(inside.x, y, inside.width, keys, accent);
                    let x = inside.x + KEYS.max(taken + 1);
                    let room = inside.right().saturating_sub(x);
                    canvas.text(x, y, room, does, Style::new());
                }
            }
        }
    }
}

/// Headings without a meaning, keys with theirs.
fn lines() -> Vec<(String, Option<String>)> {
    let mut lines = Vec::new();
    for (title, keys) in PAGES {
        if !lines.is_empty() {
            lines.push((String::new(), None));
        }
        lines.push((title.to_owned(), None));
        let keys = keys
            .iter()
            .map(|(keys, does)| ((*keys).to_owned(), Some((*does).to_owned())));
        lines.extend(keys);
    }
    lines.extend(COMMANDS.iter().map(|command| {
        let typed = format!("{} {}", command.name, command.arguments);
        (typed.trim_end().to_owned(), Some(command.does.to_owned()))
    }));
    lines
}

#[cfg(test)]
mod tests {
    use parlor_client_core::text::display_width;

    use super::*;

    #[test]
    fn every_line_fits() {
        // A border and a blank at each side.
        let room = usize::from(COLUMNS) - 4;
        for (keys, does) in lines() {
            let taken = match &does {
                Some(does) => {
                    display_width(&keys).max(usize::from(KEYS) - 1) + 1 + display_width(does)
                }
                None => display_width(&keys),
            };
            assert!(
                taken <= room,
                "{keys} {does:?} takes {taken} of {room} columns"
            );
        }
    }
}
