//! What other nodes say on the bus, as far as it concerns what is kept here.
//!
//! To be called before the shard gets the same: whoever opens a room then finds a page that reaches
//! what the shard has delivered.

use bytes::Bytes;
use parlor_protocol::bus::{NodeBatch, SessionsEnded};
use parlor_protocol::frame::FrameReader;
use parlor_protocol::limit::BODY_PLAIN_BYTES;
use parlor_protocol::sync::{RoomBatch, entry};
use parlor_protocol::{Body, Frame};

use super::key::Group;
use super::layers::Cache;
use crate::bus::Event;

impl Cache {
    /// Takes note of an event of the bus.
    pub fn heard(&self, event: &Event) {
        match event {
            Event::Frame { bytes, .. } => self.heard_frame(bytes),
            Event::Away => self.set_deaf(true),
            Event::Back => {
                self.doubt();
                self.set_deaf(false);
            }
            Event::Rebuilt { .. } | Event::Missed => self.doubt(),
        }
    }

    /// Another node's batch, where it is opened already.
    pub fn heard_batch(&self, batch: &NodeBatch) {
        self.rooms_reached([(batch.head.room, batch.head.rev)]);
        let people = batch.joined.iter().copied().chain(batch.left);
        self.changed_here(people.map(Group::Joined));
        // Messages change nothing that is kept by other means than the rev.
        let opened = open::<RoomBatch>(&Bytes::copy_from_slice(&batch.frame));
        let posts_only =
            opened.is_some_and(|it| it.entries.iter().all(|entry| entry.kind == entry::MESSAGE));
        if !posts_only {
            self.changed_here([Group::Room(batch.head.room), Group::Rooms]);
        }
    }

    /// Sessions that ended elsewhere; with them the person's rights may have changed.
    pub fn heard_sessions(&self, ended: &SessionsEnded) {
        self.changed_here([Group::Sessions(ended.user), Group::User(ended.user)]);
    }

    fn heard_frame(&self, bytes: &Bytes) {
        let Some(frame) = whole(bytes) else { return };
        match frame.header.kind {
            NodeBatch::KIND => {
                if let Ok(batch) = frame.open() {
                    self.heard_batch(&batch);
                }
            }
            SessionsEnded::KIND => {
                if let Ok(ended) = frame.open() {
                    self.heard_sessions(&ended);
                }
            }
            _ => {}
        }
    }
}

fn open<T: Body>(bytes: &Bytes) -> Option<T> {
    whole(bytes)?.open().ok()
}

fn whole(bytes: &Bytes) -> Option<Frame> {
    let mut reader = FrameReader::new();
    reader.feed(bytes.clone());
    reader.next(BODY_PLAIN_BYTES).ok().flatten()
}
