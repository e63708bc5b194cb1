//! The people of a run and their rooms.

use parlor_client_core::net::{Dial, Flight, Link, hello};
use parlor_protocol::hello::{Enter, Password, Register, Token};
use parlor_protocol::room::{RoomDone, RoomKind};
use parlor_protocol::session::Entry;
use parlor_protocol::{Extensions, RoomId, UserId};

use super::ChaosError;
use crate::ask;
use crate::device::Device;
use crate::server::PASSWORD;

#[derive(Clone)]
pub(super) struct Someone {
    pub(super) name: String,
    pub(super) user: UserId,
    pub(super) token: Token,
}

/// One public room with everybody in it, and private ones with the owner and some of the others.
pub(super) struct Rooms {
    pub(super) public: RoomId,
    pub(super) private: Vec<RoomId>,
    each: usize,
}

impl Rooms {
    /// The private rooms that a person was put into. The owner is in all of them, and speaks where
    /// person 0 would.
    pub(super) fn of(&self, person: usize) -> Vec<RoomId> {
        places(person, self.private.len(), self.each)
            .map(|place| self.private[place])
            .collect()
    }
}

fn places(person: usize, rooms: usize, each: usize) -> impl Iterator<Item = usize> {
    let mut places: Vec<_> = (0..each).map(|next| (person + next) % rooms).collect();
    places.sort_unstable();
    places.into_iter()
}

pub(super) async fn enrol(dial: &Dial, name: &str, code: String) -> Result<Someone, ChaosError> {
    let register = Register {
        code,
        name: name.to_owned(),
        display_name: String::new(),
        password: Password(PASSWORD.to_owned()),
        device: "chaos".to_owned(),
        ext: Extensions::NONE,
    };
    let flight = Flight::new(&hello("testkit", 0), &Entry::Register(register));
    let connected = Link::connect(dial, flight)
        .await
        .map_err(|error| ChaosError::People(error.to_string()))?;
    let token = connected.entered.token.clone();
    let token = token.ok_or_else(|| ChaosError::People("no token was given".to_owned()))?;
    Ok(Someone {
        name: name.to_owned(),
        user: connected.entered.user,
        token,
    })
}

/// Makes the public room and so many private ones; each person but the owner is put into so many
/// of these.
pub(super) async fn furnish(
    dial: &Dial,
    people: &[Someone],
    rooms: usize,
    each: usize,
) -> Result<Rooms, ChaosError> {
    let enter = Enter {
        token: people[0].token.clone(),
        ext: Extensions::NONE,
    };
    let flight = Flight::new(&hello("testkit", 0), &Entry::Token(enter));
    let connected = Link::connect(dial, flight)
        .await
        .map_err(|error| ChaosError::People(error.to_string()))?;
    let owner = Device::new(connected);
    let public: RoomDone = owner
        .ask(&ask::create_room(RoomKind::PUBLIC, "square"))
        .await;
    let mut private = Vec::new();
    for number in 0..rooms {
        let name = format!("den {number}");
        let made: RoomDone = owner.ask(&ask::create_room(RoomKind::PRIVATE, &name)).await;
        private.push(made.room);
    }
    for (number, person) in people.iter().enumerate().skip(1) {
        owner.done(&ask::add(public.room, person.user)).await;
        for place in places(number, rooms, each) {
            owner.done(&ask::add(private[place], person.user)).await;
        }
    }
    owner.leave().await;
    Ok(Rooms {
        public: public.room,
        private,
        each,
    })
}
