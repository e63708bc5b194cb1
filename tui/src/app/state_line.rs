//! The line above the composer: how the link is, who types, and the keys that matter now.

use parlor_client_core::api::{AccountView, LinkState, LinkView, PersonView, Transport};
use parlor_client_core::text::{Span, display_width, safe, sanitize_line, wrap};
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::layer::Canvas;
use super::talk::Focus;
use super::views::Notice;
use crate::theme::Token;

/// A dot's meaning and at most four words.
pub(crate) fn words(link: &LinkView, account: &AccountView) -> (Token, String) {
    if link.failed > 0 {
        return (Token::Bad, format!("{} not sent", link.failed));
    }
    let offline = |text: &str| match link.unsent {
        0 => text.to_owned(),
        unsent => format!("Offline · {unsent} unsent"),
    };
    match (&link.state, account) {
        (_, AccountView::Ended { .. }) => (Token::Bad, "Session ended".to_owned()),
        (LinkState::Online, _) => (Token::Good, online(link)),
        (LinkState::Connecting, _) => (Token::Warn, "Connecting…".to_owned()),
        (LinkState::Waiting { .. }, _) => (Token::Warn, offline("Reconnecting…")),
        (LinkState::Stopped { .. }, _) => (Token::Bad, offline("Offline")),
        (LinkState::Idle, _) => (Token::Quiet, offline("Offline")),
    }
}

fn online(link: &LinkView) -> String {
    // The usual way goes without saying.
    let connected = match link.transport {
        Some(Transport::Tcp) => "Connected over TCP",
        Some(Transport::Quic) | None => "Connected",
    };
    match (link.unsent, link.rtt) {
        (0, Some(rtt)) => format!("{connected} · {} ms", rtt.as_millis().max(1)),
        (0, None) => connected.to_owned(),
        (unsent, _) => format!("{connected} · {unsent} unsent"),
    }
}

/// Keys that matter, most telling first: those that do not fit are left out from the end.
fn keys(focus: Focus) -> &'static [&'static str] {
    match focus {
        Focus::Composer => &["Ctrl-K rooms", "F1 help", "Esc read", "Tab panes"],
        Focus::Timeline => &["i write", "? help", "j/k scroll", "G newest"],
        Focus::Rooms => &["Enter open", "? help", "j/k move", "n unread"],
        Focus::Members => &["Esc back", "? help", "j/k scroll"],
    }
}

pub(crate) fn draw(area: Rect, focus: Focus, canvas: &mut Canvas<'_>) {
    let views = canvas.views;
    let (token, words) = words(&views.link, &views.account);
    let dot = canvas.theme.style(token);
    let quiet = canvas.theme.style(Token::Quiet);
    canvas.text(area.x + 1, area.y, 1, "●", dot);
    let width = area.width.saturating_sub(4);
    // Trouble is worth its colour; a working link recedes.
    let style = if token == Token::Good { quiet } else { dot };
    let taken = canvas.text(area.x + 3, area.y, width, &words, style);
    let mut left = area.x + 3 + taken;
    if let Some(open) = &views.open {
        let text = typing(&open.typing);
        let room = area.right().saturating_sub(left + 3);
        left += 2 + canvas.text(left + 2, area.y, room, &text, quiet);
    }
    draw_keys(area, left, focus, canvas);
}

fn draw_keys(area: Rect, left: u16, focus: Focus, canvas: &mut Canvas<'_>) {
    let room = usize::from(area.right().saturating_sub(left + 3));
    let mut line = String::new();
    for key in keys(focus) {
        let longer = match line.is_empty() {
            true => (*key).to_owned(),
            false => format!("{line}  {key}"),
        };
        if display_width(&longer) > room {
            break;
        }
        line = longer;
    }
    let columns = display_width(&line) as u16;
    let x = area.right().saturating_sub(columns + 1);
    canvas.text(x, area.y, columns, &line, canvas.theme.style(Token::Quiet));
}

/// Who is typing, in words.
pub(crate) fn typing(people: &[PersonView]) -> String {
    const NAME_COLUMNS: usize = 16;
    let name = |at: usize| sanitize_line(&people[at].display_name, NAME_COLUMNS);
    match people.len() {
        0 => String::new(),
        1 => format!("{} is typing…", name(0)),
        2 => format!("{} and {} are typing…", name(0), name(1)),
        count => format!("{count} people are typing…"),
    }
}

/// Rows of a notice at most: a join link takes two of eighty columns.
const NOTICE_LINES: usize = 4;

/// What a notice says, as rows of a terminal so wide.
pub(crate) fn notice_lines(notice: &Notice, width: u16) -> Vec<String> {
    let text = safe(&notice.text).replace('\n', " ");
    let lines = wrap(&[Span::plain(text)], width.saturating_sub(2).into());
    let lines = lines.iter().take(NOTICE_LINES).map(|line| line.plain());
    lines.collect()
}

/// The rows between the room and the state line: something to tell, once.
pub(crate) fn draw_notice(area: Rect, canvas: &mut Canvas<'_>) {
    let views = canvas.views;
    let Some(notice) = &views.notice else { return };
    let style = match notice.bad {
        true => canvas.theme.style(Token::Bad),
        false => Style::new(),
    };
    let lines = notice_lines(notice, area.width);
    for (y, text) in (area.y..area.bottom()).zip(lines) {
        canvas.text(area.x + 1, y, area.width.saturating_sub(2), &text, style);
    }
}
