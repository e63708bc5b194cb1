//! Ctrl-K: go to a room by some letters of its name.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use parlor_client_core::api::{RoomId, RoomView};
use parlor_client_core::text::sanitize_line;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Modifier, Style};

use super::action::Action;
use super::chord::{chord, written};
use super::composer::Text;
use super::layer::{Answer, Canvas, Input, Layer, Stage};
use super::popup;
use super::views::mark;
use crate::theme::Token;

const COLUMNS: u16 = 48;
const LINES: u16 = 14;

#[derive(Default)]
pub(crate) struct Switcher {
    typed: Text,
    /// Place of the selection among what is found.
    selected: usize,
}

impl Layer for Switcher {
    fn input(&mut self, input: &Input, stage: &mut Stage<'_>) -> Answer {
        let Input::Key(key) = input else {
            return Answer::Consumed;
        };
        match chord(key).as_str() {
            "esc" | "C-k" | "C-g" => return Answer::Close,
            "C-c" | "C-l" => return Answer::Ignored,
            "enter" => {
                let found = self.found(&stage.views.rooms);
                stage
                    .actions
                    .extend(found.get(self.selected).map(|room| Action::Show(*room)));
                return Answer::Close;
            }
            "down" | "C-n" | "tab" | "C-j" => self.step(stage, 1),
            "up" | "C-p" | "S-tab" => self.step(stage, -1),
            "backspace" | "C-h" => self.edit(|typed| {
                typed.delete_before();
            }),
            "C-u" => self.edit(|typed| {
                typed.cut_to_line_start();
            }),
            "C-w" => self.edit(|typed| {
                typed.cut_to_space();
            }),
            _ => {
                if let Some(char) = written(key) {
                    self.edit(|typed| typed.insert(char.encode_utf8(&mut [0; 4])));
                }
            }
        }
        Answer::Consumed
    }

    fn draw(&self, area: Rect, canvas: &mut Canvas<'_>) {
        let inside = popup::open(area, COLUMNS, LINES, "Go to a room", canvas);
        if inside.is_empty() {
            return;
        }
        let accent = canvas.theme.style(Token::Accent);
        let quiet = canvas.theme.style(Token::Quiet);
        canvas.text(inside.x, inside.y, 2, "› ", accent);
        let width = inside.width - 2;
        let taken = canvas.text(
            inside.x + 2,
            inside.y,
            width,
            self.typed.as_str(),
            Style::new(),
        );
        let x = (inside.x + 2 + taken).min(inside.right() - 1);
        canvas.cursor = Some(Position::new(x, inside.y));
        let views = canvas.views;
        let found = self.found(&views.rooms);
        if found.is_empty() {
            canvas.text(
                inside.x,
                inside.y + 1,
                inside.width,
                "Nothing of that name; /join finds other rooms.",
                quiet,
            );
        }
        let height = usize::from(inside.height - 1);
        let first = (self.selected + 1).saturating_sub(height);
        let lines = inside.y + 1..inside.bottom();
        for (y, (at, id)) in lines.zip(found.iter().enumerate().skip(first)) {
            let Some(room) = views.rooms.iter().find(|room| room.id == *id) else {
                continue;
            };
            let name = sanitize_line(&room.title, usize::from(inside.width) - 8);
            let bold = match room.unread {
                0 => Style::new(),
                _ => Style::new().add_modifier(Modifier::BOLD),
            };
            canvas.text(inside.x, y, 1, mark(room).encode_utf8(&mut [0; 4]), quiet);
            canvas.text(inside.x + 1, y, inside.width - 7, &name, bold);
            if room.unread > 0 {
                let count = format!("{:>5}", room.unread.min(99_999));
                canvas.text(inside.right() - 5, y, 5, &count, accent);
            }
            if at == self.selected {
                let row = Rect {
                    y,
                    height: 1,
                    ..inside
                };
                canvas.buffer.set_style(row, canvas.theme.selected());
            }
        }
    }
}

impl Switcher {
    fn edit(&mut self, edit: impl FnOnce(&mut Text)) {
        edit(&mut self.typed);
        self.selected = 0;
    }

    fn step(&mut self, stage: &Stage<'_>, by: isize) {
        let count = self.found(&stage.views.rooms).len();
        let to = self.selected.saturating_add_signed(by);
        self.selected = to.min(count.saturating_sub(1));
    }

    /// Best first; without letters the unread ones first, then as listed.
    fn found(&self, rooms: &[RoomView]) -> Vec<RoomId> {
        let typed = self.typed.as_str().trim_start_matches(['#', '@']);
        if typed.is_empty() {
            let mut all: Vec<&RoomView> = rooms.iter().collect();
            all.sort_by_key(|room| (!room.mentioned, room.unread == 0));
            return all.into_iter().map(|room| room.id).collect();
        }
        let mut matcher = Matcher::new(Config::DEFAULT);
        let pattern = Pattern::parse(typed, CaseMatching::Ignore, Normalization::Smart);
        let mut letters = Vec::new();
        let mut scored: Vec<(u32, RoomId)> = rooms
            .iter()
            .filter_map(|room| {
                let score = pattern.score(Utf32Str::new(&room.title, &mut letters), &mut matcher);
                score.map(|score| (score, room.id))
            })
            .collect();
        scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        scored.into_iter().map(|(_, room)| room).collect()
    }
}
