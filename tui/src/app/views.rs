//! What is on screen, as plain data: read from the core before each draw.

use jiff::Zoned;
use parlor_client_core::api::{
    AccountView, LinkView, MemberView, PersonView, PresenceView, RoomId, RoomView, ScreenView,
};

/// Everything that layers draw from.
#[derive(Clone, Debug)]
pub(crate) struct Views {
    pub(crate) account: AccountView,
    pub(crate) link: LinkView,
    pub(crate) rooms: Vec<RoomView>,
    pub(crate) open: Option<OpenRoom>,
    /// In the reader's zone.
    pub(crate) now: Zoned,
    /// Something to tell, until the next key.
    pub(crate) notice: Option<Notice>,
}

/// The room on screen.
#[derive(Clone, Debug)]
pub(crate) struct OpenRoom {
    pub(crate) room: RoomView,
    pub(crate) screen: ScreenView,
    pub(crate) members: Vec<MemberView>,
    pub(crate) typing: Vec<PersonView>,
    pub(crate) presence: PresenceView,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) bad: bool,
    pub(crate) text: String,
}

impl Notice {
    pub(crate) fn bad(text: impl ToString) -> Self {
        Self {
            bad: true,
            text: text.to_string(),
        }
    }

    pub(crate) fn good(text: impl ToString) -> Self {
        Self {
            bad: false,
            text: text.to_string(),
        }
    }
}

impl Views {
    pub(crate) fn open_id(&self) -> Option<RoomId> {
        self.open.as_ref().map(|open| open.room.id)
    }
}

/// The mark before a room's title.
pub(crate) fn mark(room: &RoomView) -> char {
    use parlor_client_core::api::RoomKind;
    match room.kind {
        RoomKind::Direct => '@',
        _ => '#',
    }
}
