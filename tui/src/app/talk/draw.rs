//! The panes on screen.

use parlor_client_core::api::RoomKind;
use parlor_client_core::text::{display_width, sanitize_line};
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::{Focus, Talk};
use crate::app::layer::Canvas;
use crate::app::timeline::Shape;
use crate::app::views::{OpenRoom, mark};
use crate::app::{members, state_line, timeline};
use crate::theme::Token;

impl Talk {
    pub(crate) fn draw(&self, canvas: &mut Canvas<'_>) {
        let panes = self.panes(canvas.views);
        if let Some(rooms) = panes.rooms {
            self.list.draw(rooms, self.focus == Focus::Rooms, canvas);
            line(rooms.right(), rooms, canvas);
        }
        let views = canvas.views;
        match &views.open {
            Some(open) => {
                header(panes.header, open, canvas);
                let shape = Shape::new(panes.timeline.width, self.area.width);
                if open.screen.empty && open.screen.unsent.is_empty() {
                    empty(panes.timeline, open, canvas);
                } else {
                    timeline::draw(panes.timeline, &open.screen, shape, canvas);
                }
            }
            None => nothing_open(panes.timeline, canvas),
        }
        if let Some(area) = panes.members {
            line(area.x - 1, area, canvas);
            members::draw(area, self.members_scroll, canvas);
        }
        if let Some(notice) = panes.notice {
            state_line::draw_notice(notice, canvas);
        }
        state_line::draw(panes.state, self.focus, canvas);
        let hint = hint(views.open.as_ref());
        let focused = self.focus == Focus::Composer;
        self.composer.draw(panes.composer, focused, &hint, canvas);
    }
}

fn line(x: u16, beside: Rect, canvas: &mut Canvas<'_>) {
    let style = canvas.theme.style(Token::Line);
    for y in beside.y..beside.bottom() {
        canvas.text(x, y, 1, "│", style);
    }
}

fn header(area: Rect, open: &OpenRoom, canvas: &mut Canvas<'_>) {
    let width = area.width.saturating_sub(3);
    let quiet = canvas.theme.style(Token::Quiet);
    let here = match (open.room.kind, open.presence.online) {
        (RoomKind::Direct, _) | (_, 0) => String::new(),
        (_, online) => format!("{online} here"),
    };
    let columns = display_width(&here) as u16;
    let left = width.saturating_sub(columns + 2);
    let title = sanitize_line(
        &format!("{}{}", mark(&open.room), open.room.title),
        left.into(),
    );
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let taken = canvas.text(area.x + 2, area.y, left, &title, bold);
    let room = left.saturating_sub(taken + 2);
    if room > 8 {
        let topic = sanitize_line(&open.room.topic, room.into());
        canvas.text(area.x + 2 + taken + 2, area.y, room, &topic, quiet);
    }
    let x = area.right().saturating_sub(columns + 1);
    canvas.text(x, area.y, columns, &here, quiet);
}

/// A room without a message: what it is for, and the next act.
fn empty(area: Rect, open: &OpenRoom, canvas: &mut Canvas<'_>) {
    let name = sanitize_line(&open.room.title, 40);
    let text = match open.room.kind {
        RoomKind::Direct => format!("Only you and {name} read this."),
        _ => format!("Nobody has said anything in {name} yet."),
    };
    lines(area, &[&text, "Type a message and press Enter."], canvas);
}

fn nothing_open(area: Rect, canvas: &mut Canvas<'_>) {
    let text = "Rooms are where people talk. You are in none yet.";
    lines(
        area,
        &[
            text,
            "/join NAME or a link opens one, /create NAME makes one.",
        ],
        canvas,
    );
}

fn lines(area: Rect, lines: &[&str], canvas: &mut Canvas<'_>) {
    let quiet = canvas.theme.style(Token::Quiet);
    let top = area
        .bottom()
        .saturating_sub(lines.len() as u16 + 1)
        .max(area.y);
    for (y, line) in (top..area.bottom()).zip(lines) {
        canvas.text(area.x + 2, y, area.width.saturating_sub(2), line, quiet);
    }
}

fn hint(open: Option<&OpenRoom>) -> String {
    match open {
        Some(open) => {
            let title = sanitize_line(&open.room.title, 40);
            format!("Message {}{title}", mark(&open.room))
        }
        None => "/join, /create, /help".to_owned(),
    }
}
