//! A room as the rules see it, and how an effect moves it.

use std::collections::HashMap;

use parlor_protocol::message::Timeline;
use parlor_protocol::room::{Role, RoomKind};
use parlor_protocol::{RoomId, UserId};

use super::Effect;
use crate::store::{Change, RoomCommand, RoomName};

#[derive(Clone, Debug, PartialEq)]
pub struct RoomState {
    pub room: RoomId,
    pub kind: RoomKind,
    pub name: RoomName,
    pub topic: String,
    pub rev: u64,
    /// The room's own timeline.
    pub own: TimelineState,
    /// Threads that have replies; those that commands name must be here.
    pub threads: HashMap<Timeline, TimelineState>,
    /// Those that commands name must be here; nobody in it means no member, and so does
    /// `Role::NONE`.
    pub members: HashMap<UserId, Membership>,
    pub member_count: u32,
    pub owner_count: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimelineState {
    /// Newest seq; 0 when empty.
    pub head: u64,
    /// Oldest seq kept.
    pub floor: u64,
    pub last_at_ms: u64,
}

impl TimelineState {
    pub const EMPTY: Self = Self {
        head: 0,
        floor: 1,
        last_at_ms: 0,
    };

    pub fn holds(&self, seq: u64) -> bool {
        (self.floor..=self.head).contains(&seq)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Membership {
    pub role: Role,
    /// First seq of the room's own timeline that the member may see.
    pub visible_from: u64,
    /// Read marker of the room's own timeline.
    pub read: u64,
}

/// One changed thing and the rev that it has now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    pub rev: u64,
    pub thing: Thing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Thing {
    Message {
        timeline: Timeline,
        seq: u64,
    },
    Member(UserId),
    /// Name, topic, floor, number of members.
    Details,
}

/// The room that a command is about: a direct room's id follows from its people.
pub fn room_of(command: &RoomCommand) -> RoomId {
    match command.change {
        Change::CreateDirect { with } => RoomId::direct(command.actor, with),
        _ => command.room,
    }
}

impl RoomState {
    /// A room before its first change.
    pub fn new(room: RoomId, kind: RoomKind, name: RoomName, topic: String) -> Self {
        Self {
            room,
            kind,
            name,
            topic,
            rev: 0,
            own: TimelineState::EMPTY,
            threads: HashMap::new(),
            members: HashMap::new(),
            member_count: 0,
            owner_count: 0,
        }
    }

    pub fn member(&self, user: UserId) -> Option<&Membership> {
        self.members
            .get(&user)
            .filter(|member| member.role != Role::NONE)
    }

    pub fn role(&self, user: UserId) -> Role {
        self.member(user).map_or(Role::NONE, |member| member.role)
    }

    pub fn timeline(&self, timeline: Timeline) -> TimelineState {
        match timeline {
            Timeline::ROOM => self.own,
            thread => self
                .threads
                .get(&thread)
                .copied()
                .unwrap_or(TimelineState::EMPTY),
        }
    }

    /// Carries an effect out. The changed things come in rev order; where the readers change, the
    /// last one is the reader who came or went.
    pub fn apply(&mut self, effect: &Effect) -> Vec<Step> {
        match effect {
            Effect::Repeat(_) | Effect::Nothing => Vec::new(),
            Effect::Post {
                timeline,
                author,
                seq,
                at_ms,
            } => self.post(*timeline, *author, *seq, *at_ms),
            Effect::Create { people } => self.come(people),
            Effect::Come { user, role } => self.come(&[(*user, *role)]),
            Effect::Go { user } => self.go(*user),
            Effect::Role { user, role } => self.set_role(*user, *role),
            Effect::Topic { topic } => {
                self.topic.clone_from(topic);
                vec![self.step(Thing::Details)]
            }
        }
    }

    fn post(&mut self, timeline: Timeline, author: UserId, seq: u64, at_ms: u64) -> Vec<Step> {
        let place = match timeline {
            Timeline::ROOM => &mut self.own,
            thread => self.threads.entry(thread).or_insert(TimelineState::EMPTY),
        };
        place.head = seq;
        place.last_at_ms = at_ms;
        if timeline == Timeline::ROOM
            && let Some(member) = self.members.get_mut(&author)
        {
            member.read = seq;
        }
        vec![self.step(Thing::Message { timeline, seq })]
    }

    fn come(&mut self, people: &[(UserId, Role)]) -> Vec<Step> {
        let visible_from = match self.kind {
            RoomKind::PUBLIC => 1,
            _ => self.own.head + 1,
        };
        for (user, role) in people {
            // Nothing is unread for a newcomer.
            let member = Membership {
                role: *role,
                visible_from,
                read: self.own.head,
            };
            self.members.insert(*user, member);
            self.member_count += 1;
            self.owner_count += u32::from(*role == Role::OWNER);
        }
        let mut steps = vec![self.step(Thing::Details)];
        steps.extend(
            people
                .iter()
                .map(|(user, _)| self.step(Thing::Member(*user))),
        );
        steps
    }

    fn go(&mut self, user: UserId) -> Vec<Step> {
        let role = self.role(user);
        self.members.insert(
            user,
            Membership {
                role: Role::NONE,
                visible_from: 0,
                read: 0,
            },
        );
        self.member_count = self.member_count.saturating_sub(1);
        self.owner_count = self
            .owner_count
            .saturating_sub(u32::from(role == Role::OWNER));
        vec![self.step(Thing::Details), self.step(Thing::Member(user))]
    }

    fn set_role(&mut self, user: UserId, role: Role) -> Vec<Step> {
        if let Some(member) = self.members.get_mut(&user) {
            self.owner_count += u32::from(role == Role::OWNER);
            self.owner_count -= u32::from(member.role == Role::OWNER);
            member.role = role;
        }
        vec![self.step(Thing::Member(user))]
    }

    fn step(&mut self, thing: Thing) -> Step {
        self.rev += 1;
        Step {
            rev: self.rev,
            thing,
        }
    }
}
