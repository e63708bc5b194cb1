//! What entries hold, how much that is, and their bytes in Redis.

use std::collections::HashSet;
use std::sync::Arc;

use parlor_protocol::account::Person;
use parlor_protocol::message::Page;
use parlor_protocol::room::{Member, Role, RoomListing};
use parlor_protocol::{Body, RoomId, codec};

use super::key::{Group, Key};
use crate::store::SessionFound;

/// What one row takes beside its texts, bytes, about.
const ROW_BYTES: usize = 96;
const MESSAGE_BYTES: usize = 160;

#[derive(Clone, Debug)]
pub(super) enum Value {
    Session(Arc<SessionFound>),
    Person(Arc<Person>),
    People(Arc<Vec<Person>>),
    Members(Arc<Vec<(Person, Role)>>),
    Directory(Arc<Vec<RoomListing>>),
    Joined(Arc<HashSet<RoomId>>),
    Page(NewestPage),
    Room(RoomId),
    Yes,
}

/// The newest messages of a room, loaded for somebody who may see all of them.
#[derive(Clone, Debug)]
pub(super) struct NewestPage {
    pub(super) page: Arc<Page>,
    /// How many were asked for.
    pub(super) limit: u16,
}

impl NewestPage {
    /// What somebody gets who asks for so many and sees nothing below a seq; `None` where more is
    /// asked for than was loaded.
    pub(super) fn part(&self, limit: u16, visible_from: u64) -> Option<Page> {
        if limit > self.limit {
            return None;
        }
        let messages = &self.page.messages;
        let first = messages.len().saturating_sub(limit.into());
        let visible = messages[first..].iter().filter(|it| it.seq >= visible_from);
        Some(Page {
            room: self.page.room,
            timeline: self.page.timeline,
            floor: self.page.floor,
            head: self.page.head,
            as_of: self.page.as_of,
            messages: visible.cloned().collect(),
            ext: self.page.ext.clone(),
        })
    }
}

impl Value {
    /// What an entry belongs to: any change of these makes it unreadable.
    pub(super) fn groups(&self, key: &Key) -> impl Iterator<Item = Group> + use<> {
        let groups = match (key, self) {
            (_, Self::Session(found)) => [
                Some(Group::Session(found.session.id)),
                Some(Group::Sessions(found.session.user)),
            ],
            (Key::Joined(user), _) => [Some(Group::Joined(*user)), None],
            (Key::Populated, _) => [Some(Group::Names), None],
            _ => [key.shared_group(), None],
        };
        groups.into_iter().flatten()
    }

    /// Memory that it takes, about.
    pub(super) fn bytes(&self, key: &Key) -> usize {
        let name = match key {
            Key::Directory { after, .. } => after.len(),
            Key::RoomName(name) => name.len(),
            _ => 0,
        };
        name + match self {
            Self::Session(found) => {
                let (session, user) = (&found.session, &found.user);
                2 * ROW_BYTES
                    + session.device.len()
                    + session.address.len()
                    + user.name.len()
                    + user.display_name.len()
                    + user.password_hash.len()
            }
            Self::Person(person) => of_person(person),
            Self::People(people) => people.iter().map(of_person).sum(),
            Self::Members(members) => members.iter().map(|(person, _)| of_person(person)).sum(),
            Self::Directory(rooms) => rooms
                .iter()
                .map(|room| ROW_BYTES + room.name.len() + room.topic.len())
                .sum(),
            Self::Joined(rooms) => rooms.capacity() * size_of::<RoomId>(),
            Self::Page(newest) => newest
                .page
                .messages
                .iter()
                .map(|message| MESSAGE_BYTES + message.text.len())
                .sum(),
            Self::Room(_) | Self::Yes => 0,
        }
    }

    /// Bytes for Redis; `None` for what is not kept there by its key alone.
    pub(super) fn encode(&self) -> Option<Vec<u8>> {
        match self {
            Self::Person(person) => Some(codec::encode(&vec![Person::clone(person)])),
            Self::Members(members) => {
                let member = |(person, role): &(Person, Role)| Member {
                    person: person.clone(),
                    role: *role,
                    online: false,
                };
                let members: Vec<Member> = members.iter().map(member).collect();
                Some(codec::encode(&members))
            }
            Self::Directory(rooms) => Some(codec::encode(&**rooms)),
            Self::Page(newest) => {
                let mut bytes = newest.limit.to_le_bytes().to_vec();
                codec::encode_into(&*newest.page, &mut bytes);
                Some(bytes)
            }
            Self::Room(room) => Some(room.0.to_vec()),
            Self::Session(_) | Self::People(_) | Self::Joined(_) | Self::Yes => None,
        }
    }

    /// What [`Value::encode`] wrote under a key of this sort; `None` for anything else.
    pub(super) fn decode(key: &Key, bytes: &[u8]) -> Option<Self> {
        match key {
            Key::Person(user) => {
                let mut people: Vec<Person> = codec::decode(bytes).ok()?;
                let person = people.pop().filter(|person| person.id == *user)?;
                Some(Self::Person(Arc::new(person)))
            }
            Key::Members { .. } => {
                let members: Vec<Member> = codec::decode(bytes).ok()?;
                let members = members.into_iter().map(|it| (it.person, it.role));
                Some(Self::Members(Arc::new(members.collect())))
            }
            Key::Directory { .. } => {
                let rooms: Vec<RoomListing> = codec::decode(bytes).ok()?;
                Some(Self::Directory(Arc::new(rooms)))
            }
            Key::Page(room) => {
                let (limit, page) = bytes.split_first_chunk()?;
                let page: Page = codec::decode(page).ok()?;
                page.check().ok()?;
                (page.room == *room).then(|| {
                    Self::Page(NewestPage {
                        page: Arc::new(page),
                        limit: u16::from_le_bytes(*limit),
                    })
                })
            }
            Key::RoomName(_) => Some(Self::Room(RoomId::from_slice(bytes)?)),
            Key::Session(_) | Key::Joined(_) | Key::Populated => None,
        }
    }
}

fn of_person(person: &Person) -> usize {
    ROW_BYTES + person.name.len() + person.display_name.len()
}
