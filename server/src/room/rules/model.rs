//! The rules driven over plain maps: what every store must do, without a database.

use std::collections::{BTreeMap, HashMap, HashSet};

use parlor_protocol::message::Timeline;
use parlor_protocol::room::{Role, RoomKind};
use parlor_protocol::{Refusal, RoomId, SendKey, UserId};

use super::{
    Effect, Facts, First, PersonFacts, RoomState, Thing, beginning, decide, fingerprint, room_of,
    target_of,
};
use crate::store::{Change, Committed, RoomCommand};

/// An installation's rooms.
#[derive(Clone, Debug, Default)]
pub struct Model {
    pub rooms: HashMap<RoomId, RoomState>,
    pub messages: BTreeMap<(RoomId, Timeline, u64), ModelMessage>,
    /// Each changed thing once, at its newest rev.
    pub changes: HashMap<RoomId, BTreeMap<u64, Thing>>,
    pub people: HashMap<UserId, PersonFacts>,
    pub keys: HashMap<(SendKey, UserId), First>,
    names: HashSet<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelMessage {
    pub author: UserId,
    pub send_key: SendKey,
    pub at_ms: u64,
    pub text: String,
}

impl Model {
    pub fn person(&mut self, user: UserId) {
        self.people.insert(
            user,
            PersonFacts {
                disabled: false,
                rooms: 0,
            },
        );
    }

    /// Decides and carries out one command.
    pub fn append(&mut self, command: &RoomCommand, now_ms: u64) -> Result<Committed, Refusal> {
        let room = room_of(command);
        let (after, name) = match &command.change {
            Change::Post { after, .. } => (*after, None),
            Change::Create { name, .. } => (None, Some(&name.folded)),
            _ => (None, None),
        };
        let facts = Facts {
            room: self.rooms.get(&room),
            first: self.keys.get(&(command.send_key, command.actor)),
            after_known: after.is_some_and(|after| self.keys.contains_key(&(after, command.actor))),
            actor: self.people.get(&command.actor).copied(),
            target: target_of(&command.change).and_then(|user| self.people.get(&user).copied()),
            name_taken: name.is_some_and(|name| self.names.contains(name)),
            long_known: false,
            now_ms,
        };
        let effect = decide(&facts, command)?;
        Ok(self.carry_out(command, room, &effect, now_ms))
    }

    fn carry_out(
        &mut self,
        command: &RoomCommand,
        room: RoomId,
        effect: &Effect,
        now_ms: u64,
    ) -> Committed {
        if let Effect::Repeat(committed) = effect {
            return *committed;
        }
        if let (Effect::Create { .. }, Some(state)) = (effect, beginning(room, &command.change)) {
            if state.kind == RoomKind::PUBLIC {
                self.names.insert(state.name.folded.clone());
            }
            self.rooms.insert(room, state);
        }
        let state = self.rooms.get_mut(&room).expect("decide found the room");
        let members = member_ids(state);
        let steps = state.apply(effect);
        let (seq, at_ms) = match effect {
            Effect::Post { seq, at_ms, .. } => (*seq, *at_ms),
            _ => (0, now_ms),
        };
        let committed = Committed {
            room,
            rev: state.rev,
            seq,
            at_ms,
            repeated: false,
        };
        for user in members.symmetric_difference(&member_ids(state)) {
            let rooms = &mut self
                .people
                .get_mut(user)
                .expect("decide knew the person")
                .rooms;
            *rooms = if members.contains(user) {
                *rooms - 1
            } else {
                *rooms + 1
            };
        }
        let changes = self.changes.entry(room).or_default();
        for step in steps {
            changes.retain(|_, thing| *thing != step.thing);
            changes.insert(step.rev, step.thing);
        }
        if let (
            Effect::Post {
                timeline, author, ..
            },
            Change::Post { text, .. },
        ) = (effect, &command.change)
        {
            let message = ModelMessage {
                author: *author,
                send_key: command.send_key,
                at_ms,
                text: text.clone(),
            };
            self.messages.insert((room, *timeline, seq), message);
        }
        let first = First {
            what: fingerprint(command),
            committed,
        };
        self.keys.insert((command.send_key, command.actor), first);
        committed
    }

    /// The messages of a timeline in seq order.
    pub fn timeline(
        &self,
        room: RoomId,
        timeline: Timeline,
    ) -> impl Iterator<Item = (u64, &ModelMessage)> {
        let all = (room, timeline, 0)..=(room, timeline, u64::MAX);
        self.messages
            .range(all)
            .map(|((_, _, seq), message)| (*seq, message))
    }

    /// Panics where the numbers of a room do not fit together.
    pub fn check(&self) {
        for (room, state) in &self.rooms {
            let seqs: Vec<_> = self
                .timeline(*room, Timeline::ROOM)
                .map(|(seq, _)| seq)
                .collect();
            assert_eq!(
                seqs,
                (1..=state.own.head).collect::<Vec<_>>(),
                "gapless seqs"
            );
            let times: Vec<_> = self
                .timeline(*room, Timeline::ROOM)
                .map(|(_, message)| message.at_ms)
                .collect();
            assert!(times.is_sorted(), "time never goes back");
            let newest = self.changes[room]
                .last_key_value()
                .map_or(0, |(rev, _)| *rev);
            assert_eq!(newest, state.rev, "the newest change is the room's rev");
            let members: Vec<_> = state
                .members
                .values()
                .filter(|member| member.role != Role::NONE)
                .collect();
            let owners = members
                .iter()
                .filter(|member| member.role == Role::OWNER)
                .count();
            assert_eq!(
                (members.len(), owners),
                (state.member_count as usize, state.owner_count as usize)
            );
            if state.kind != RoomKind::DIRECT && !members.is_empty() {
                assert!(owners > 0, "a room with members has an owner");
            }
        }
        for (user, person) in &self.people {
            let rooms = self
                .rooms
                .values()
                .filter(|state| state.member(*user).is_some())
                .count();
            assert_eq!(person.rooms, rooms, "rooms of a person are counted");
        }
    }
}

fn member_ids(state: &RoomState) -> HashSet<UserId> {
    state
        .members
        .iter()
        .filter(|(_, member)| member.role != Role::NONE)
        .map(|(user, _)| *user)
        .collect()
}
