//! The list of rooms.

use parlor_client_core::api::{RoomId, RoomKind, RoomView};
use parlor_client_core::text::{display_width, sanitize_line};
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::layer::Canvas;
use super::views::mark;
use crate::theme::Token;

/// The list's own state: where the selection is while the list has the focus.
#[derive(Debug, Default)]
pub(crate) struct RoomList {
    selected: Option<RoomId>,
}

impl RoomList {
    pub(crate) fn select(&mut self, room: Option<RoomId>) {
        self.selected = room;
    }

    pub(crate) fn selected(&self) -> Option<RoomId> {
        self.selected
    }

    /// Moves the selection, staying inside the list.
    pub(crate) fn step(&mut self, rooms: &[RoomView], by: isize) {
        let at = self.position(rooms).unwrap_or(0);
        let to = at
            .saturating_add_signed(by)
            .min(rooms.len().saturating_sub(1));
        self.selected = rooms.get(to).map(|room| room.id);
    }

    fn position(&self, rooms: &[RoomView]) -> Option<usize> {
        rooms.iter().position(|room| Some(room.id) == self.selected)
    }

    /// The room on a line of the pane.
    pub(crate) fn at_line(&self, rooms: &[RoomView], line: u16, height: u16) -> Option<RoomId> {
        let lines = lines(rooms);
        let first = self.first(rooms, &lines, height);
        let at = lines.get(first + usize::from(line))?.as_ref()?;
        Some(rooms[*at].id)
    }

    /// First line shown, so that the selection (else the top) is on screen.
    fn first(&self, rooms: &[RoomView], lines: &[Option<usize>], height: u16) -> usize {
        let position = self.position(rooms);
        let line = lines
            .iter()
            .position(|line| line.is_some() && *line == position);
        line.map_or(0, |line| (line + 1).saturating_sub(height.into()))
    }

    pub(crate) fn draw(&self, area: Rect, focused: bool, canvas: &mut Canvas<'_>) {
        let views = canvas.views;
        let rooms = &views.rooms;
        let lines = lines(rooms);
        let first = self.first(rooms, &lines, area.height);
        let shown = lines.iter().skip(first);
        for (y, line) in (area.y..area.bottom()).zip(shown) {
            let Some(room) = line.map(|at| &rooms[at]) else {
                continue;
            };
            let selected = focused && Some(room.id) == self.selected;
            let open = views.open_id() == Some(room.id);
            let row = Rect {
                y,
                height: 1,
                ..area
            };
            draw_room(row, room, open, selected, canvas);
        }
        if rooms.is_empty() {
            let quiet = canvas.theme.style(Token::Quiet);
            canvas.text(area.x + 1, area.y, area.width - 1, "No rooms yet:", quiet);
            canvas.text(area.x + 1, area.y + 1, area.width - 1, "/join NAME", quiet);
        }
    }
}

/// Rooms in order, with an empty line where rooms end and people begin.
fn lines(rooms: &[RoomView]) -> Vec<Option<usize>> {
    let mut lines = Vec::with_capacity(rooms.len() + 1);
    for at in 0..rooms.len() {
        let direct = |at: usize| rooms[at].kind == RoomKind::Direct;
        if at > 0 && direct(at) && !direct(at - 1) {
            lines.push(None);
        }
        lines.push(Some(at));
    }
    lines
}

fn draw_room(row: Rect, room: &RoomView, open: bool, selected: bool, canvas: &mut Canvas<'_>) {
    let theme = canvas.theme;
    let accent = theme.style(Token::Accent);
    let quiet = theme.style(Token::Quiet);
    let counted = room.unread > 0 && !room.muted;
    let title = match (open, counted) {
        (true, _) => accent.add_modifier(Modifier::BOLD),
        (false, true) => Style::new().add_modifier(Modifier::BOLD),
        (false, false) => Style::new(),
    };
    let count = tail(room);
    let columns = u16::try_from(display_width(&count)).unwrap_or(0);
    let width = row.width.saturating_sub(4 + columns);
    if open {
        canvas.text(row.x, row.y, 1, "▎", accent);
    }
    let mark_style = if room.online {
        theme.style(Token::Good)
    } else {
        quiet
    };
    canvas.text(
        row.x + 1,
        row.y,
        1,
        mark(room).encode_utf8(&mut [0; 4]),
        mark_style,
    );
    let name = sanitize_line(&room.title, width.into());
    canvas.text(row.x + 2, row.y, width, &name, title);
    let x = row.right().saturating_sub(columns + 1);
    let count_style = if counted {
        accent.add_modifier(Modifier::BOLD)
    } else {
        quiet
    };
    canvas.text(x, row.y, columns, &count, count_style);
    if selected {
        canvas.buffer.set_style(row, theme.selected());
    }
}

/// What stands at the row's end: a mention, the unread count, else what waits to be sent.
fn tail(room: &RoomView) -> String {
    let mention = if room.mentioned { "@" } else { "" };
    match (room.unread, room.unsent, room.has_draft) {
        (0, 0, false) => String::new(),
        (0, 0, true) => "✎".to_owned(),
        (0, unsent, _) => format!("○{unsent}"),
        (1..1000, ..) if !room.muted => format!("{mention}{}", room.unread),
        _ if room.muted => mention.to_owned(),
        _ => format!("{mention}999+"),
    }
}
