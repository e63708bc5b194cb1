//! What a client has on its disk: content, outbox, and the record of what happened.

use std::collections::BTreeMap;

use parlor_client_core::sync::UserSync;
use parlor_protocol::hello::Token;
use parlor_protocol::{RoomId, UserId};

use super::Person;
use super::held::Room;
use super::outbox::Outbox;
use crate::checker::{Event, History, View};

#[derive(Debug)]
pub(super) struct State {
    client: String,
    pub(super) user: UserId,
    pub(super) token: Token,
    pub(super) skip_gap_fill: bool,
    /// 0 before the first welcome.
    pub(super) epoch: u64,
    pub(super) mine: UserSync,
    pub(super) rooms: BTreeMap<RoomId, Room>,
    pub(super) outbox: Outbox,
    pub(super) acknowledged: u64,
    pub(super) links: u64,
    pub(super) node: String,
    pub(super) errors: u64,
    pub(super) error: String,
    events: Vec<Event>,
}

impl State {
    pub(super) fn new(person: Person) -> Self {
        let Person {
            client,
            user,
            token,
            skip_gap_fill,
        } = person;
        Self {
            client,
            user,
            token,
            skip_gap_fill,
            epoch: 0,
            mine: UserSync::new(None),
            rooms: BTreeMap::new(),
            outbox: Outbox::default(),
            acknowledged: 0,
            links: 0,
            node: String::new(),
            errors: 0,
            error: String::new(),
            events: Vec::new(),
        }
    }

    /// A process begins on what is held.
    pub(super) fn started(&mut self) {
        self.record(Event::Started { user: self.user });
        if self.epoch != 0 {
            self.record(Event::Connected { epoch: self.epoch });
        }
        self.mine = UserSync::new(self.mine.held());
        self.rooms.values_mut().for_each(Room::reload);
        self.outbox.link_lost();
    }

    pub(super) fn record(&mut self, event: Event) {
        self.events.push(event);
    }

    /// A person would have been told that something is wrong.
    pub(super) fn erred(&mut self, error: String) {
        self.errors += 1;
        self.error = error;
    }

    /// Another life of the data: what is held is void, what is unsent stays.
    pub(super) fn begin_epoch(&mut self, epoch: u64) {
        self.epoch = epoch;
        self.drop_content();
    }

    pub(super) fn drop_content(&mut self) {
        for room in std::mem::take(&mut self.rooms).into_keys() {
            self.record(Event::Reset { room });
        }
        self.mine.clear();
    }

    /// The person is no member any more: its content goes.
    pub(super) fn drop_room(&mut self, room: RoomId) {
        if self.rooms.remove(&room).is_some() {
            self.record(Event::Reset { room });
        }
    }

    pub(super) fn records(self, complete: bool) -> (History, View) {
        let rooms = self.rooms.iter();
        let view = View {
            client: self.client.clone(),
            user: self.user,
            epoch: self.epoch,
            rooms: rooms
                .map(|(room, held)| held.view(*room, complete))
                .collect(),
        };
        let history = History {
            client: self.client,
            user: self.user,
            events: self.events,
        };
        (history, view)
    }
}
