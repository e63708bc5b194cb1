//! What entries and their groups are called, in this process and in Redis.
//!
//! Names in Redis begin with `PREFIX:EPOCH:cSCHEMA:`, so that installations can share a Redis, a
//! restored database never meets entries of its former life, and programs that write entries
//! differently do not read each other's. Then, for entries:
//!
//! | name | holds | group |
//! | --- | --- | --- |
//! | `session:TOKEN_HASH` | the session that a token opens | `session:ID` and `sessions:USER` |
//! | `user:USER` | a profile | `user:USER` |
//! | `members:ROOM:LIMIT:AFTER` | a page of a room's members | `room:ROOM` |
//! | `rooms:LIMIT:AFTER` | a page of the directory of public rooms | `rooms` |
//! | `page:ROOM` | the newest messages of a room | none: its `as_of` decides |
//! | `name:NAME` | the id of the public room of that name | `names` |
//!
//! A group's version stands under `v:GROUP`. An entry is good while it carries that version.

use std::fmt;

use parlor_protocol::{Epoch, RoomId, SessionId, UserId};

use crate::config;
use crate::store::TokenHash;

/// Changes whenever the bytes of an entry do.
const SCHEMA: u32 = 1;

/// What sort of thing, for lifetimes and figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sessions,
    Users,
    Rooms,
    Pages,
    Static,
}

impl Kind {
    pub const ALL: [Self; 5] = [
        Self::Sessions,
        Self::Users,
        Self::Rooms,
        Self::Pages,
        Self::Static,
    ];

    /// As figures are labelled.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::Users => "users",
            Self::Rooms => "rooms",
            Self::Pages => "pages",
            Self::Static => "static",
        }
    }

    /// How long an entry is kept, ms.
    pub(super) fn life_ms(self, settings: &config::Cache) -> u64 {
        let seconds = match self {
            Self::Sessions => settings.sessions_s,
            Self::Users => settings.users_s,
            Self::Rooms => settings.rooms_s,
            Self::Pages => settings.pages_s,
            Self::Static => settings.static_s,
        };
        u64::from(seconds) * 1_000
    }
}

/// One entry.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Session(TokenHash),
    Person(UserId),
    Members {
        room: RoomId,
        after: Option<UserId>,
        limit: u16,
    },
    /// A page of the directory, without who is in which room.
    Directory {
        after: String,
        limit: u16,
    },
    /// The rooms that a person is in, for the mark in the directory.
    Joined(UserId),
    Page(RoomId),
    RoomName(String),
    /// That there is any account.
    Populated,
}

impl Key {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Session(_) => Kind::Sessions,
            Self::Person(_) => Kind::Users,
            Self::Members { .. } | Self::Directory { .. } | Self::Joined(_) => Kind::Rooms,
            Self::Page(_) => Kind::Pages,
            Self::RoomName(_) | Self::Populated => Kind::Static,
        }
    }

    /// The group of an entry that has one alone and is kept in Redis.
    pub(super) fn shared_group(&self) -> Option<Group> {
        match self {
            Self::Person(user) => Some(Group::User(*user)),
            Self::Members { room, .. } => Some(Group::Room(*room)),
            Self::Directory { .. } => Some(Group::Rooms),
            Self::RoomName(_) => Some(Group::Names),
            // By two groups; by its rev; by this node alone.
            Self::Session(_) | Self::Page(_) | Self::Joined(_) | Self::Populated => None,
        }
    }
}

/// The token's hash is no secret by itself, and of no use in a log either.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind().name())
    }
}

/// What changes together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Group {
    /// One session: its tokens, its end.
    Session(SessionId),
    /// All sessions of a person.
    Sessions(UserId),
    /// A person's profile.
    User(UserId),
    /// A room's members and details.
    Room(RoomId),
    /// The directory.
    Rooms,
    /// Which rooms a person is in.
    Joined(UserId),
    /// Names of rooms, and whether there are people at all.
    Names,
}

impl Group {
    /// Whether other nodes learn of a change through Redis.
    pub(super) fn is_shared(self) -> bool {
        !matches!(self, Self::Joined(_))
    }

    /// Whether an entry of it may decide who gets in.
    pub(super) fn guards_entry(self) -> bool {
        matches!(self, Self::Session(_) | Self::Sessions(_))
    }
}

/// Makes the names in Redis.
#[derive(Clone, Debug)]
pub(super) struct Names {
    begin: String,
}

impl Names {
    pub(super) fn new(prefix: &str, epoch: Epoch) -> Self {
        Self {
            begin: format!("{prefix}:{epoch}:c{SCHEMA}"),
        }
    }

    pub(super) fn entry(&self, key: &Key) -> String {
        let begin = &self.begin;
        match key {
            Key::Session(hash) => {
                let hash = data_encoding::HEXLOWER.encode(hash);
                format!("{begin}:session:{hash}")
            }
            Key::Person(user) => format!("{begin}:user:{user}"),
            Key::Members { room, after, limit } => {
                let after = after.map(|user| user.to_string()).unwrap_or_default();
                format!("{begin}:members:{room}:{limit}:{after}")
            }
            Key::Directory { after, limit } => format!("{begin}:rooms:{limit}:{after}"),
            Key::Joined(user) => format!("{begin}:joined:{user}"),
            Key::Page(room) => format!("{begin}:page:{room}"),
            Key::RoomName(name) => format!("{begin}:name:{name}"),
            Key::Populated => format!("{begin}:populated"),
        }
    }

    pub(super) fn version(&self, group: Group) -> String {
        self.versions() + &self.version_end(group)
    }

    /// What the names of all versions begin with.
    pub(super) fn versions(&self) -> String {
        format!("{}:v:", self.begin)
    }

    /// The rest of a version's name; no space stands in it.
    pub(super) fn version_end(&self, group: Group) -> String {
        match group {
            Group::Session(session) => format!("session:{session}"),
            Group::Sessions(user) => format!("sessions:{user}"),
            Group::User(user) => format!("user:{user}"),
            Group::Room(room) => format!("room:{room}"),
            Group::Rooms => "rooms".to_owned(),
            Group::Joined(user) => format!("joined:{user}"),
            Group::Names => "names".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_the_table_says() {
        let names = Names::new("parlor", Epoch::from_random(7));
        let begin = format!("parlor:{}:c1", Epoch::from_random(7));
        let (user, room) = (UserId([1; 16]), RoomId([2; 16]));
        let members = Key::Members {
            room,
            after: Some(user),
            limit: 50,
        };
        let directory = Key::Directory {
            after: "general".to_owned(),
            limit: 201,
        };
        let expected = [
            (Key::Person(user), format!("{begin}:user:{user}")),
            (members, format!("{begin}:members:{room}:50:{user}")),
            (directory, format!("{begin}:rooms:201:general")),
            (Key::Page(room), format!("{begin}:page:{room}")),
        ];
        for (key, name) in expected {
            assert_eq!(names.entry(&key), name);
        }
        assert_eq!(names.version(Group::Rooms), format!("{begin}:v:rooms"));
        let session = names.entry(&Key::Session([0xab; 32]));
        assert_eq!(session, format!("{begin}:session:{}", "ab".repeat(32)));
    }

    #[test]
    fn another_life_of_the_data_has_other_names() {
        let [one, two] = [7, 8].map(|bits| Names::new("parlor", Epoch::from_random(bits)));
        assert_ne!(one.version(Group::Rooms), two.version(Group::Rooms));
    }
}
