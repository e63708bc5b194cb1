//! What tests of layers are made of: views written down, keys played, screens read.

use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use jiff::civil::date;
use jiff::tz::TimeZone;
use parlor_client_core::api::{
    AccountView, Delivery, LinkState, LinkView, Me, MemberView, MessageId, MessageView, Presence,
    PresenceView, Role, RoomId, RoomKind, RoomView, RowView, ScreenView, ServerAddress, SessionId,
    Surroundings, Transport, UserId,
};
use parlor_client_core::text::render;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::action::Action;
use super::layer::{Answer, Canvas, Input, Layer, Stage};
use super::screen::blank;
use super::talk::Talk;
use super::timeline::{Shape, height};
use super::views::{OpenRoom, Views};
use crate::theme::{Depth, Shade, Theme};

pub(crate) const THEME: Theme = Theme {
    depth: Depth::None,
    shade: Shade::Dark,
};

/// 21 November 2026, 10:42 UTC.
pub(crate) const NOW_MS: u64 = 1_795_257_720_000;

/// Somebody who is in, connected, with three rooms, the first one open and empty.
pub(crate) fn views() -> Views {
    let rooms = vec![
        room(1, RoomKind::Public, "general", 0),
        room(2, RoomKind::Public, "garden", 3),
        room(3, RoomKind::Direct, "Bruno", 0),
    ];
    Views {
        account: AccountView::Active(me()),
        link: LinkView {
            state: LinkState::Online,
            rtt: Some(Duration::from_millis(12)),
            transport: Some(Transport::Quic),
            unsent: 0,
            failed: 0,
            clock_ahead_ms: 0,
        },
        open: Some(OpenRoom {
            room: rooms[0].clone(),
            screen: ScreenView {
                empty: true,
                ..blank()
            },
            members: vec![member(2, "bruno", "Bruno"), member(3, "chidi", "Chidi")],
            typing: Vec::new(),
            presence: PresenceView {
                online: 2,
                people: Vec::new(),
            },
        }),
        rooms,
        now: date(2026, 11, 21)
            .at(10, 42, 0, 0)
            .to_zoned(TimeZone::UTC)
            .unwrap(),
        notice: None,
    }
}

pub(crate) fn me() -> Me {
    Me {
        user: user(1),
        name: "ada".to_owned(),
        display_name: "Ada".to_owned(),
        administrator: false,
        session: SessionId([1; 16]),
        server: ServerAddress {
            hosts: vec!["chat.example.org".to_owned()],
            port: 7443,
        },
        installation: "Parlor".to_owned(),
    }
}

pub(crate) fn user(number: u8) -> UserId {
    UserId([number; 16])
}

pub(crate) fn room(number: u8, kind: RoomKind, title: &str, unread: u64) -> RoomView {
    RoomView {
        id: RoomId([number; 16]),
        kind,
        title: title.to_owned(),
        topic: "What grows on the roof".to_owned(),
        with: None,
        unread,
        mentioned: unread > 0,
        head: 9,
        floor: 1,
        read: 9 - unread,
        role: Role::Member,
        members: 3,
        muted: false,
        unsent: 0,
        has_draft: false,
        active_at_ms: NOW_MS,
        online: kind == RoomKind::Direct,
    }
}

fn member(number: u8, name: &str, shown: &str) -> MemberView {
    MemberView {
        user: user(number),
        name: name.to_owned(),
        display_name: shown.to_owned(),
        role: Role::Member,
        presence: Presence::Online,
    }
}

pub(crate) fn message(seq: u64, author: u8, name: &str, text: &str) -> MessageView {
    MessageView {
        id: MessageId::Seq(seq),
        room: RoomId([1; 16]),
        author: user(author),
        author_name: name.into(),
        own: author == 1,
        at_ms: NOW_MS,
        text: text.into(),
        body: Arc::new(render(text, &|name: &str| matches!(name, "ada" | "bruno"))),
        edited: false,
        deleted: false,
        mentions_me: false,
        more_bytes: None,
        delivery: Delivery::Sent,
    }
}

/// Rows from the top down, as the core would place them in a pane of the size.
pub(crate) fn placed(messages: Vec<(MessageView, Surroundings)>, shape: Shape) -> ScreenView {
    let mut y = 0;
    let rows = messages
        .into_iter()
        .enumerate()
        .map(|(at, (message, surroundings))| {
            let height = height(&message, surroundings, shape);
            let row = RowView {
                seq: at as u64 + 1,
                y,
                height,
                surroundings,
                message: Some(Arc::new(message)),
            };
            y += i64::from(height);
            row
        });
    ScreenView {
        rows: rows.collect(),
        ..blank()
    }
}

/// Draws on a terminal of the size and gives its lines, without the blanks at their ends.
pub(crate) fn lines(
    width: u16,
    height: u16,
    views: &Views,
    draw: impl FnOnce(Rect, &mut Canvas<'_>),
) -> Vec<String> {
    let buffer = drawn(width, height, views, draw);
    let line = |y| {
        let mut line = String::new();
        let mut x = 0;
        while x < width {
            let symbol = buffer[(x, y)].symbol();
            line.push_str(symbol);
            // A wide character hides the cell behind it.
            x += u16::try_from(parlor_client_core::text::display_width(symbol))
                .unwrap()
                .max(1);
        }
        line.trim_end().to_owned()
    };
    (0..height).map(line).collect()
}

pub(crate) fn drawn(
    width: u16,
    height: u16,
    views: &Views,
    draw: impl FnOnce(Rect, &mut Canvas<'_>),
) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let frame = terminal.draw(|frame| {
        let area = frame.area();
        let buffer = frame.buffer_mut();
        draw(
            area,
            &mut Canvas {
                buffer,
                theme: &THEME,
                views,
                cursor: None,
            },
        );
    });
    frame.unwrap().buffer.clone()
}

/// The talk's whole screen.
pub(crate) fn screen(talk: &mut Talk, views: &Views, width: u16, height: u16) -> String {
    talk.resize(Rect::new(0, 0, width, height));
    let lines = lines(width, height, views, |_, canvas| talk.draw(canvas));
    lines.join("\n")
}

/// Plays keys: `C-k`, `A-enter`, `tab`, or a word in quotes-free letters typed one by one.
pub(crate) fn play(
    views: &Views,
    keys: &str,
    mut take: impl FnMut(&Input, &mut Stage<'_>) -> Answer,
) -> (Vec<Action>, Answer) {
    let mut actions = Vec::new();
    let mut last = Answer::Consumed;
    for word in keys.split_whitespace() {
        let named = key(word);
        let pressed: Vec<KeyEvent> = match named {
            Some(key) => vec![key],
            None => word
                .chars()
                .map(|char| {
                    KeyEvent::new(
                        KeyCode::Char(if char == '_' { ' ' } else { char }),
                        KeyModifiers::NONE,
                    )
                })
                .collect(),
        };
        for key in pressed {
            let mut stage = Stage {
                views,
                actions: &mut actions,
            };
            last = take(&Input::Key(key), &mut stage);
        }
    }
    (actions, last)
}

pub(crate) fn play_talk(talk: &mut Talk, views: &Views, keys: &str) -> Vec<Action> {
    play(views, keys, |input, stage| talk.input(input, stage)).0
}

pub(crate) fn play_layer(
    layer: &mut dyn Layer,
    views: &Views,
    keys: &str,
) -> (Vec<Action>, Answer) {
    play(views, keys, |input, stage| layer.input(input, stage))
}

/// A key by its name; `None` for words to be typed.
fn key(name: &str) -> Option<KeyEvent> {
    let (modifiers, rest) = match name.split_at_checked(2) {
        Some(("C-", rest)) => (KeyModifiers::CONTROL, rest),
        Some(("A-", rest)) => (KeyModifiers::ALT, rest),
        _ => (KeyModifiers::NONE, name),
    };
    let code = match rest {
        "enter" => KeyCode::Enter,
        "esc" => KeyCode::Esc,
        "tab" => KeyCode::Tab,
        "S-tab" => KeyCode::BackTab,
        "backspace" => KeyCode::Backspace,
        "up" => KeyCode::Up,
        "down" => KeyCode::Down,
        "pageup" => KeyCode::PageUp,
        "pagedown" => KeyCode::PageDown,
        _ if modifiers.is_empty() => return None,
        char => KeyCode::Char(char.chars().next()?),
    };
    Some(KeyEvent::new(code, modifiers))
}
