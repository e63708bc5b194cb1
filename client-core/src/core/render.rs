//! From rows to views.

use std::sync::Arc;

use parlor_protocol::message::MessageState;
use parlor_protocol::{Code, RoomId, UserId};

use super::state::{PRESENCE_FOR, Room, State, TYPING_FOR, now_ms};
use crate::account::Account;
use crate::api::{
    AccountView, Delivery, LinkState, LinkView, Me, MessageId, MessageView, PersonView, Presence,
    PresenceView, RoomKind, RoomView,
};
use crate::store::{Failure, MessageRow, OutboxRow, PersonRow};
use crate::text;

/// Widest name or title shown, columns; the server's bounds are about the same.
const NAME_COLUMNS: usize = 64;
/// Widest topic shown, columns.
const TOPIC_COLUMNS: usize = 512;

pub(super) fn display_name(person: &PersonRow) -> String {
    let shown = text::sanitize_line(&person.display_name, NAME_COLUMNS);
    if shown.trim().is_empty() {
        text::sanitize_line(&person.name, NAME_COLUMNS)
    } else {
        shown
    }
}

pub(crate) fn person(row: &PersonRow) -> PersonView {
    let PersonRow {
        user,
        name,
        display_name: _,
    } = row;
    PersonView {
        user: *user,
        name: text::sanitize_line(name, NAME_COLUMNS),
        display_name: display_name(row),
    }
}

pub(crate) fn me(account: &Account) -> Me {
    let Account {
        user,
        name,
        display_name,
        administrator,
        session,
        server,
        nodes: _,
        trust: _,
        installation,
        ended: _,
    } = account.clone();
    Me {
        user,
        name,
        display_name,
        administrator,
        session,
        server,
        installation,
    }
}

pub(crate) fn account(state: &State) -> AccountView {
    match &state.account {
        None => AccountView::None,
        Some(account) => match &account.ended {
            None => AccountView::Active(me(account)),
            Some(why) => AccountView::Ended {
                me: me(account),
                why: why.clone(),
            },
        },
    }
}

pub(crate) fn link(state: &State) -> LinkView {
    let failed = state
        .outbox
        .values()
        .filter(|row| row.failed.is_some())
        .count();
    let mut view = LinkView {
        state: state.link.clone(),
        rtt: state.live.as_ref().map(|link| link.rtt()),
        transport: state.live.as_ref().map(|link| link.transport()),
        unsent: state.outbox.len() - failed,
        failed,
        clock_ahead_ms: state.clock_ahead_ms,
    };
    if let (LinkState::Waiting { retry_in, .. }, Some(at)) = (&mut view.state, state.next_dial) {
        *retry_in = at.saturating_duration_since(std::time::Instant::now());
    }
    view
}

pub(crate) fn room(state: &mut State, id: RoomId) -> Option<RoomView> {
    let unsent = state
        .unsent_rows(id)
        .filter(|row| row.failed.is_none())
        .count();
    let Room {
        row,
        muted,
        draft,
        presence,
        presence_at,
        ..
    } = state.rooms.get(&id)?;
    let present = presence_at.is_some_and(|at| at.elapsed() < PRESENCE_FOR);
    let with = row.direct_with;
    let view = RoomView {
        id,
        kind: RoomKind::from(parlor_protocol::room::RoomKind(row.kind)),
        title: text::sanitize_line(&row.name, NAME_COLUMNS),
        topic: text::sanitize_line(&row.topic, TOPIC_COLUMNS),
        with,
        unread: row.unread(),
        mentioned: row.mention > row.read && row.unread() > 0,
        head: row.head,
        floor: row.first_seq(),
        read: row.read,
        role: parlor_protocol::room::Role(row.role).into(),
        members: row.members,
        muted: *muted,
        unsent,
        has_draft: !draft.is_empty(),
        active_at_ms: row.active_at_ms,
        online: present
            && with.is_some_and(|with| {
                presence
                    .people
                    .iter()
                    .any(|(user, what)| *user == with && *what != Presence::Offline)
            }),
    };
    // A direct room is called after the other.
    let title = with.map(|with| state.name_of(with).to_string());
    Some(RoomView {
        title: title.unwrap_or(view.title),
        ..view
    })
}

/// By kind and title.
pub(crate) fn rooms(state: &mut State) -> Vec<RoomView> {
    let ids: Vec<RoomId> = state.rooms.keys().copied().collect();
    let mut views: Vec<RoomView> = ids.into_iter().filter_map(|id| room(state, id)).collect();
    views.sort_by_cached_key(|view| {
        (
            view.kind == RoomKind::Direct,
            view.title.to_lowercase(),
            view.id,
        )
    });
    views
}

pub(crate) fn presence(state: &State, id: RoomId) -> PresenceView {
    let known = state.rooms.get(&id).filter(|room| {
        room.presence_at
            .is_some_and(|at| at.elapsed() < PRESENCE_FOR)
    });
    known.map(|room| room.presence.clone()).unwrap_or_default()
}

pub(crate) fn typing(state: &mut State, id: RoomId) -> Vec<PersonView> {
    let mine = state.me().map(|me| me.user);
    let Some(room) = state.rooms.get_mut(&id) else {
        return Vec::new();
    };
    room.typing.retain(|(_, at)| at.elapsed() < TYPING_FOR);
    let users: Vec<UserId> = room
        .typing
        .iter()
        .map(|(user, _)| *user)
        .filter(|user| Some(*user) != mine)
        .collect();
    users
        .into_iter()
        .map(|user| match state.people.get(&user) {
            Some(row) => person(row),
            None => {
                let name = state.name_of(user).to_string();
                PersonView {
                    user,
                    name: name.clone(),
                    display_name: name,
                }
            }
        })
        .collect()
}

/// A committed message. `whole`: the rest of a long text, where it is loaded.
pub(crate) fn message(
    state: &mut State,
    room: RoomId,
    row: &MessageRow,
    whole: Option<&str>,
) -> MessageView {
    let MessageRow {
        seq,
        rev: _,
        author,
        at_ms,
        send_key: _,
        state: what,
        text,
        long,
    } = row;
    let author_name = state.name_of(*author);
    let deleted = *what == MessageState::DELETED.0;
    let shown = whole.unwrap_or(text);
    let body = if deleted {
        text::Message::default()
    } else {
        render(state, shown)
    };
    let me = state.me();
    let own = me.is_some_and(|me| me.user == *author);
    MessageView {
        id: MessageId::Seq(*seq),
        room,
        author: *author,
        author_name,
        own,
        at_ms: *at_ms,
        text: Arc::from(shown),
        mentions_me: !own && names_me(state, &body) != Named::No,
        body: Arc::new(body),
        edited: *what == MessageState::EDITED.0,
        deleted,
        more_bytes: long
            .filter(|_| whole.is_none() && !deleted)
            .map(|long| long.bytes),
        delivery: Delivery::Sent,
    }
}

/// A message of the outbox.
pub(crate) fn unsent(state: &mut State, row: &OutboxRow) -> MessageView {
    let OutboxRow {
        place: _,
        key,
        author,
        room,
        text,
        written_at_ms,
        sent_at_ms: _,
        failed,
    } = row;
    let body = render(state, text);
    MessageView {
        id: MessageId::Unsent(*key),
        room: *room,
        author: *author,
        author_name: state.name_of(*author),
        own: true,
        at_ms: *written_at_ms,
        text: Arc::from(text.as_str()),
        body: Arc::new(body),
        edited: false,
        deleted: false,
        mentions_me: false,
        more_bytes: None,
        delivery: match failed {
            None => Delivery::Pending,
            Some(Failure { code, text }) => Delivery::Failed {
                why: text.clone(),
                help: help(*code),
            },
        },
    }
}

fn help(code: u16) -> String {
    let help = match Code(code) {
        Code::NOT_FOUND | Code::FORBIDDEN => {
            "Discard it, or send it again once you may write here."
        }
        Code::SEND_KEY_OLD => {
            "It may have arrived a month ago: look, then send it again or discard it."
        }
        Code::TEXT_TOO_LONG | Code::TEXT_HAS_NUL | Code::TEXT_EMPTY => {
            "Take it back into the composer and change it."
        }
        _ => "Send it again or discard it.",
    };
    help.to_owned()
}

fn render(state: &State, written: &str) -> text::Message {
    text::render(written, &|name| state.names.contains(&name.to_lowercase()))
}

/// How a message names the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    No,
    Room,
    Me,
}

pub(super) fn names_me(state: &State, body: &text::Message) -> Named {
    let name = state.me().map(|me| me.name.to_lowercase());
    let by_name =
        name.is_some_and(|name| body.mentions().any(|named| named.to_lowercase() == name));
    match (by_name, body.mentions_room()) {
        (true, _) => Named::Me,
        (false, true) => Named::Room,
        (false, false) => Named::No,
    }
}

/// The same for a row that is not shown.
pub(super) fn row_names_me(state: &State, row: &MessageRow) -> Named {
    // Most messages hold no `@`, and nothing else names anybody.
    if !row.text.contains('@') || row.state == MessageState::DELETED.0 {
        return Named::No;
    }
    names_me(state, &render(state, &row.text))
}

/// How long a typing signal holds before another is worth sending.
pub(crate) const TYPING_EVERY: std::time::Duration = std::time::Duration::from_secs(3);

/// Whether a clock reading is so far off that a person should be told, ms.
pub(crate) fn clock_is_off(ahead_ms: i64) -> bool {
    ahead_ms.unsigned_abs() > parlor_protocol::limit::CLOCK_AHEAD_MS
}

/// What a link's welcome says about this machine's clock, ms.
pub(crate) fn clock_ahead(server_ms: u64) -> i64 {
    i64::try_from(server_ms).unwrap_or(i64::MAX) - i64::try_from(now_ms()).unwrap_or(0)
}
