//! What a client holds of one room.

use std::collections::BTreeMap;

use parlor_client_core::sync::RoomSync;
use parlor_protocol::RoomId;
use parlor_protocol::message::{Message, MessageState, Page, Timeline};
use parlor_protocol::room::RoomSummary;

use crate::checker::{Event, Place, RoomView, TextHash, TimelineView, Via, ViewRow};

/// A room of the person's list.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) sync: RoomSync,
    /// Everything up to this rev was applied.
    pub(super) applied: u64,
    pub(super) opened: bool,
    pub(super) visible_from: u64,
    floor: u64,
    head: u64,
    /// First seq of the range that is held without a gap up to the head.
    lowest: Option<u64>,
    /// A page is on its way.
    pub(super) filling: bool,
    rows: BTreeMap<u64, (u64, ViewRow)>,
}

impl Room {
    pub(super) fn new() -> Self {
        Self {
            sync: RoomSync::new(None),
            applied: 0,
            opened: false,
            visible_from: 1,
            floor: 1,
            head: 0,
            lowest: None,
            filling: false,
            rows: BTreeMap::new(),
        }
    }

    pub(super) fn summary(&mut self, summary: &RoomSummary) {
        self.visible_from = self.visible_from.max(summary.visible_from);
        self.floor = self.floor.max(summary.floor);
    }

    /// A process began anew on what is held.
    pub(super) fn reload(&mut self) {
        let held = self.opened.then_some(self.applied);
        self.sync = RoomSync::new(held);
        self.sync.want();
        self.filling = false;
    }

    pub(super) fn reset(&mut self, through: u64) {
        self.rows.clear();
        self.lowest = None;
        self.head = 0;
        self.applied = through;
        self.opened = true;
    }

    /// A message of an entry; what to write down, where it is new here.
    pub(super) fn entry(&mut self, room: RoomId, rev: u64, message: &Message) -> Option<Event> {
        if message.timeline != Timeline::ROOM {
            return None;
        }
        self.head = self.head.max(message.seq);
        self.lowest = Some(
            self.lowest
                .map_or(message.seq, |lowest| lowest.min(message.seq)),
        );
        self.rows.insert(message.seq, (rev, row(message)));
        Some(delivered(room, rev, Via::Live, message))
    }

    /// A page that lies against what is held, or the newest one of a room that holds nothing.
    pub(super) fn page(&mut self, room: RoomId, page: &Page) -> Vec<Event> {
        self.floor = self.floor.max(page.floor);
        self.head = self.head.max(page.head);
        let first = page.messages.first().map(|message| message.seq);
        let end = self.first_owed();
        self.lowest = match (first, self.lowest) {
            (Some(first), Some(lowest)) => Some(first.min(lowest)),
            (Some(first), None) => Some(first),
            // Nothing lies before: all is held.
            (None, _) => Some(end),
        };
        let mut events = Vec::new();
        for message in &page.messages {
            let newer = self
                .rows
                .get(&message.seq)
                .is_none_or(|(rev, _)| *rev <= page.as_of);
            if newer {
                self.rows.insert(message.seq, (page.as_of, row(message)));
                events.push(delivered(room, page.as_of, Via::Page, message));
            }
        }
        events
    }

    pub(super) fn synced(&self, room: RoomId) -> Event {
        Event::Synced {
            room,
            rev: self.applied,
            floor: self.floor,
        }
    }

    /// The seq before which the next older page lies; `None` when all is held.
    pub(super) fn wants_before(&self) -> Option<u64> {
        match self.lowest {
            _ if !self.opened => None,
            None => Some(0),
            Some(lowest) => (lowest > self.first_owed() && self.head > 0).then_some(lowest),
        }
    }

    pub(super) fn is_whole(&self) -> bool {
        self.wants_before().is_none()
    }

    pub(super) fn head(&self) -> u64 {
        self.head
    }

    fn first_owed(&self) -> u64 {
        self.floor.max(self.visible_from)
    }

    pub(super) fn view(&self, room: RoomId, complete: bool) -> RoomView {
        let held = match self.lowest {
            Some(lowest) if lowest <= self.head => vec![(lowest, self.head)],
            _ => Vec::new(),
        };
        let timeline = TimelineView {
            timeline: 0,
            head: self.head,
            complete: complete && self.is_whole(),
            held,
            rows: self.rows.values().map(|(_, row)| *row).collect(),
        };
        RoomView {
            room,
            rev: self.opened.then_some(self.applied),
            timelines: if self.opened {
                vec![timeline]
            } else {
                Vec::new()
            },
        }
    }
}

fn text_hash(message: &Message) -> Option<TextHash> {
    (message.state != MessageState::DELETED).then(|| TextHash::of(&message.text))
}

fn row(message: &Message) -> ViewRow {
    ViewRow {
        seq: message.seq,
        author: message.author,
        send_key: Some(message.send_key),
        text_hash: text_hash(message),
    }
}

fn delivered(room: RoomId, rev: u64, via: Via, message: &Message) -> Event {
    Event::Delivered {
        via,
        place: Place {
            room,
            timeline: 0,
            seq: message.seq,
        },
        rev,
        send_key: message.send_key,
        author: message.author,
        text_hash: text_hash(message),
    }
}
