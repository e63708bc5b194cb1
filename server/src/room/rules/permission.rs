//! What each role may do in each kind of room.

use parlor_protocol::room::{Role, RoomKind};

/// Something a person may want to do with a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Pages, changes, members, long texts.
    Read,
    /// Post, typing, read markers.
    Post,
    Join,
    Leave,
    /// Bring a person in, or make an invite that opens the room.
    Add,
    Remove,
    SetRole,
    SetTopic,
}

impl Action {
    pub const ALL: [Self; 8] = [
        Self::Read,
        Self::Post,
        Self::Join,
        Self::Leave,
        Self::Add,
        Self::Remove,
        Self::SetRole,
        Self::SetTopic,
    ];
}

/// Whether `role` (`Role::NONE`: no member) may do it in a room of `kind`. Who may not and is no
/// member hears that there is no such room.
pub fn allowed(action: Action, role: Role, kind: RoomKind) -> bool {
    let member = role >= Role::MEMBER;
    let direct = kind == RoomKind::DIRECT;
    match action {
        Action::Read => member || kind == RoomKind::PUBLIC,
        Action::Post => member,
        Action::Join => member || kind == RoomKind::PUBLIC,
        Action::Leave | Action::Add => member && !direct,
        Action::Remove | Action::SetTopic => role >= Role::MODERATOR && !direct,
        Action::SetRole => role >= Role::OWNER && !direct,
    }
}
