use parlor_protocol::RoomId;

use super::view::RoomKind;
use crate::net::Attention;

/// How a face uses the core.
#[derive(Clone, Debug)]
pub struct Options {
    /// Program and version, for the server's log: `parlor 0.1.0`.
    pub client: String,
    /// What new sessions are called in the person's list: the host's name and the program's.
    pub device: String,
    /// Whether somebody looks on: a silent link is then noticed in 3.5 s, else in a minute.
    pub attention: Attention,
    /// Rooms that are received at full depth though they are not on screen, the lately opened ones,
    /// so that they are whole when the network goes.
    pub recent_rooms: usize,
    /// Keep a link while somebody is logged in. Without, only what is stored is shown and commands
    /// that need the server fail with `offline`.
    pub connect: bool,
}

impl Options {
    /// For an app on screen.
    pub fn app(client: &str) -> Self {
        Self {
            client: client.to_owned(),
            device: client.to_owned(),
            attention: Attention::Foreground,
            recent_rooms: 24,
            connect: true,
        }
    }

    /// For a command of a script.
    pub fn script(client: &str) -> Self {
        Self {
            attention: Attention::Background,
            recent_rooms: 0,
            ..Self::app(client)
        }
    }
}

/// A new account.
#[derive(Clone)]
pub struct SignUp {
    pub name: String,
    /// Empty: the same as the name.
    pub display_name: String,
    pub password: String,
}

/// A new room.
#[derive(Clone, Debug)]
pub struct NewRoom {
    /// Public or private; a direct room is opened by `open_direct`.
    pub kind: RoomKind,
    pub name: String,
    pub topic: String,
}

/// A join code to be made.
#[derive(Clone, Debug, Default)]
pub struct NewInvite {
    /// Rooms that it opens.
    pub rooms: Vec<RoomId>,
    /// How many people may use it; 0: no bound.
    pub uses: u32,
    /// How long it lives, ms; 0: the server's default.
    pub life_ms: u64,
}

/// The face's measure of a screen, in its own unit (lines or pixels).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Height of the timeline's box.
    pub height: u32,
    /// Height of a usual row, until some have been measured.
    pub estimate: u32,
}
