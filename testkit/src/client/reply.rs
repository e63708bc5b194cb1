//! What arrives on a recorded client's link.

use std::time::Instant;

use parlor_client_core::net::LinkEvent;
use parlor_client_core::sync::{PageFit, PageInFlight};
use parlor_protocol::frame::Frame;
use parlor_protocol::message::{Page, Posted};
use parlor_protocol::room::RoomDone;
use parlor_protocol::sync::{
    Behind, Heads, RoomBatch, RoomChanges, RoomOpened, UserBatch, UserChanges,
};
use parlor_protocol::{Body, Kind, Refusal, RoomId};

use super::MembershipChange;
use super::driver::{Asked, Driver, membership};
use super::outbox::Waiting;
use crate::ask;
use crate::checker::{Event, Place};

impl Driver {
    pub(super) fn arrived(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Push(frame) => self.pushed(&frame),
            LinkEvent::Reply { request, frame } => {
                if let Some(why) = self.asked.remove(&request) {
                    self.answered(why, &frame);
                }
            }
            // A supervisor keeps these to itself; signals are not recorded.
            LinkEvent::Signal(_) | LinkEvent::GoAway(_) | LinkEvent::Closed(_) => {}
        }
    }

    fn pushed(&mut self, frame: &Frame) {
        let now = Instant::now();
        match frame.header.kind {
            Kind::ROOM_BATCH => {
                let batch: RoomBatch = read(frame);
                if let Some(room) = self.state.rooms.get_mut(&batch.room) {
                    room.sync.batch(batch, now);
                }
            }
            Kind::HEADS => {
                for head in read::<Heads>(frame).heads {
                    self.raise(head.room, head.rev);
                }
            }
            Kind::USER_BATCH => self.state.mine.batch(read::<UserBatch>(frame), now),
            Kind::BEHIND => {
                let head = read::<Behind>(frame).head;
                if head.room == RoomId::default() {
                    self.state.mine.raise(head.rev, now);
                } else {
                    self.raise(head.room, head.rev);
                }
            }
            _ => {}
        }
    }

    fn raise(&mut self, room: RoomId, rev: u64) {
        if let Some(room) = self.state.rooms.get_mut(&room) {
            room.sync.raise(rev, Instant::now());
        }
    }

    fn answered(&mut self, why: Asked, frame: &Frame) {
        let now = Instant::now();
        if frame.header.kind == Kind::REFUSED {
            return self.refused(why, &read(frame));
        }
        match why {
            Asked::Mine => self.state.mine.changes(read::<UserChanges>(frame), now),
            Asked::Open(room) => {
                let opened: RoomOpened = read(frame);
                if let Some(held) = self.state.rooms.get_mut(&room) {
                    held.sync.opened(opened, now);
                    self.room_steps(room, true);
                }
            }
            Asked::Changes(room) => {
                let changes: RoomChanges = read(frame);
                if let Some(held) = self.state.rooms.get_mut(&room) {
                    held.sync.changes(changes, now);
                    self.room_steps(room, true);
                }
            }
            Asked::Page(room) => self.fit(room, PageInFlight::new(read::<Page>(frame))),
            Asked::PageChanges(room, mut page) => match page.absorb(&read::<RoomChanges>(frame)) {
                true => self.fit(room, page),
                false => self.filled(room, None),
            },
            Asked::Post(key) => {
                let Posted { seq, rev, .. } = read(frame);
                if let Some(room) = self.state.outbox.room_of(key) {
                    let place = Place {
                        room,
                        timeline: 0,
                        seq,
                    };
                    self.state.record(Event::Acknowledged {
                        send_key: key,
                        place,
                        rev,
                    });
                    self.state.acknowledged += 1;
                }
                self.state.outbox.acknowledged(key);
            }
            Asked::Change(waiting) => self.changed(waiting, &read(frame)),
            Asked::Mark(room, seq) => {
                let place = Place {
                    room,
                    timeline: 0,
                    seq,
                };
                self.state.record(Event::Marked { place });
            }
            Asked::Close => {}
        }
    }

    fn refused(&mut self, why: Asked, refusal: &Refusal) {
        let now = Instant::now();
        match why {
            Asked::Post(key) => {
                if self.state.outbox.refused(key, refusal, now) {
                    let code = refusal.code.0.into();
                    self.state.record(Event::Refused {
                        send_key: key,
                        code,
                    });
                }
            }
            Asked::Open(room) if !refusal.code.is_transient() => {
                // No member any more: the list will say so.
                if let Some(held) = self.state.rooms.get_mut(&room) {
                    held.sync.open_failed(None, now);
                }
            }
            Asked::Change(_) if !refusal.code.is_transient() => {
                let text = format!("a change was refused: {refusal}");
                self.state.record(Event::Note { text });
                self.state.outbox.change_done();
            }
            why => self.unanswered(why),
        }
    }

    fn changed(&mut self, waiting: Waiting, done: &RoomDone) {
        let own = self.state.user;
        let (user, joined) = match waiting.change {
            MembershipChange::Join => (own, true),
            MembershipChange::Leave => (own, false),
            MembershipChange::Add(user) => (user, true),
            MembershipChange::Remove(user) => (user, false),
        };
        self.state
            .record(membership(waiting.room, user, joined, done.rev));
        self.state.outbox.change_done();
    }

    /// Brings a page to where the room is held, then keeps it.
    fn fit(&mut self, room: RoomId, page: PageInFlight) {
        let held = self.state.rooms.get(&room).and_then(|it| it.sync.held());
        match page.fit(held) {
            PageFit::Fits(page) => self.filled(room, Some(&page)),
            PageFit::Refetch => self.filled(room, None),
            PageFit::AskChanges { since, page } => {
                self.ask(&ask::changes(room, since), Asked::PageChanges(room, page));
            }
        }
    }

    fn filled(&mut self, room: RoomId, page: Option<&Page>) {
        let Some(held) = self.state.rooms.get_mut(&room) else {
            return;
        };
        held.filling = false;
        let events = page.map(|page| held.page(room, page)).unwrap_or_default();
        events
            .into_iter()
            .for_each(|event| self.state.record(event));
    }
}

/// # Panics
/// Where the server sent what cannot be read: that is what tests are for.
fn read<B: Body>(frame: &Frame) -> B {
    match frame.open() {
        Ok(body) => body,
        Err(error) => panic!("the server sent what cannot be read: {error}"),
    }
}
