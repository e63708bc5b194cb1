//! What layers ask for. Nothing here is done by a layer itself.

use parlor_client_core::api::{JoinLink, RoomId, ServerAddress};

use super::command::Command;
use super::views::Notice;
use crate::enter::Key;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    Show(RoomId),
    Scroll(Scroll),
    Send {
        room: RoomId,
        text: String,
    },
    /// A slash command typed in a room, or in none.
    Do {
        room: Option<RoomId>,
        command: Command,
    },
    Draft {
        room: RoomId,
        text: String,
    },
    Typing {
        room: RoomId,
        on: bool,
    },
    /// Tries the room's refused messages again.
    Retry(RoomId),
    /// Takes the room's last refused message back into the composer.
    TakeBack(RoomId),
    /// Loads the long texts on screen.
    LoadTexts,
    Tell(Notice),
    Open(Overlay),
    /// Opens the text in the person's editor.
    EditOutside(String),
    Enter(Entry),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scroll {
    Lines(i64),
    PageUp,
    PageDown,
    Start,
    End,
    Unread,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overlay {
    Help,
    Switcher,
    Entrance,
}

/// How somebody wants to come in.
#[derive(Clone, PartialEq)]
pub(crate) enum Entry {
    Join {
        link: JoinLink,
        name: String,
        password: String,
    },
    LogIn {
        server: ServerAddress,
        key: Key,
        name: String,
        password: String,
    },
}

impl std::fmt::Debug for Entry {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Join { name, .. } => write!(f, "Join({name})"),
            Self::LogIn { name, server, .. } => write!(f, "LogIn({name} at {server})"),
        }
    }
}
