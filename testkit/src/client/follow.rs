//! What a recorded client does with the steps of a room's rules.

use parlor_client_core::sync::RoomStep;
use parlor_protocol::RoomId;
use parlor_protocol::message::{Page, Place};
use parlor_protocol::room::Role;
use parlor_protocol::sync::{Entry, RoomEntry};

use super::driver::{Asked, Driver, PAGE, membership};
use crate::ask;
use crate::checker::Event;

impl Driver {
    /// `asked`: the steps come of an answer.
    pub(super) fn room_steps(&mut self, room: RoomId, asked: bool) {
        while let Some(step) = self
            .state
            .rooms
            .get_mut(&room)
            .and_then(|it| it.sync.poll())
        {
            match step {
                RoomStep::Open { since } => {
                    self.ask(&ask::open(room, since, PAGE), Asked::Open(room));
                }
                RoomStep::Close => self.ask(&ask::close(room), Asked::Close),
                RoomStep::AskChanges { since } => {
                    self.ask(&ask::changes(room, since), Asked::Changes(room));
                }
                RoomStep::Apply { through, entries } => self.apply(room, through, entries, asked),
                RoomStep::Reset { through, page } => self.reset(room, through, page.as_ref()),
                RoomStep::Summary(summary) => {
                    if let Some(held) = self.state.rooms.get_mut(&room) {
                        held.summary(&summary);
                    }
                }
                RoomStep::Impossible => return self.begin_anew(),
            }
        }
    }

    fn apply(&mut self, room: RoomId, through: u64, entries: Vec<Entry>, asked: bool) {
        let skip = asked && self.state.skip_gap_fill;
        let Some(held) = self.state.rooms.get_mut(&room) else {
            return;
        };
        let (mut events, user) = (Vec::new(), self.state.user);
        // What live batches brought meanwhile comes again in a late answer.
        let new = entries
            .iter()
            .filter(|entry| entry.rev > held.applied && !skip);
        for entry in new.collect::<Vec<_>>() {
            match entry.open_room() {
                Ok(RoomEntry::Message(message)) => {
                    events.extend(held.entry(room, entry.rev, &message));
                }
                Ok(RoomEntry::Member(member)) if member.user == user => {
                    let joined = member.role >= Role::MEMBER;
                    events.push(membership(room, user, joined, entry.rev));
                }
                _ => {}
            }
        }
        held.applied = held.applied.max(through);
        if asked {
            events.push(held.synced(room));
        }
        events
            .into_iter()
            .for_each(|event| self.state.record(event));
    }

    fn reset(&mut self, room: RoomId, through: u64, page: Option<&Page>) {
        self.state.record(Event::Reset { room });
        let Some(held) = self.state.rooms.get_mut(&room) else {
            return;
        };
        held.reset(through);
        let mut events = Vec::new();
        if let Some(page) = page {
            events = held.page(room, page);
            events.push(held.synced(room));
        }
        events
            .into_iter()
            .for_each(|event| self.state.record(event));
    }

    /// Asks for older messages, one page at a time.
    pub(super) fn fill(&mut self, room: RoomId) {
        let Some(held) = self.state.rooms.get_mut(&room) else {
            return;
        };
        if held.filling || !held.sync.is_current() || self.link.is_none() {
            return;
        }
        let Some(before) = held.wants_before() else {
            return;
        };
        held.filling = true;
        let (place, before) = match before {
            0 => (Place::NEWEST, 0),
            before => (Place::BEFORE, before),
        };
        self.ask(&ask::page(room, place, before, PAGE), Asked::Page(room));
    }
}
