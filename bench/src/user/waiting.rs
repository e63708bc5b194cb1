//! What users ask for, and what a reply answers.

use parlor_protocol::account::FindPeople;
use parlor_protocol::message::{GetPage, Mark, Post};
use parlor_protocol::room::{ListMembers, ListRooms};
use parlor_protocol::sync::{CloseRoom, GetChanges, OpenRoom};

use crate::plan::PostIndex;

/// Why something was asked; comes back with the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Post(PostIndex),
    /// A room, by its place among the user's own.
    Open(usize),
    Changes(usize),
    Page(usize),
    /// A read of a reading user.
    Read(ReadKind),
    /// Only refusals are of interest.
    Courtesy,
}

/// What a reading user reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReadKind {
    Page,
    Rooms,
    People,
    Join,
}

impl ReadKind {
    pub const ALL: [Self; 4] = [Self::Page, Self::Rooms, Self::People, Self::Join];

    pub fn name(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Rooms => "rooms",
            Self::People => "people",
            Self::Join => "join",
        }
    }
}

/// A request on its way to the server.
#[derive(Clone, Debug, PartialEq)]
pub enum Question {
    Post(Post),
    Open(OpenRoom),
    Close(CloseRoom),
    Changes(GetChanges),
    Page(GetPage),
    Mark(Mark),
    Rooms(ListRooms),
    Members(ListMembers),
    People(FindPeople),
}
