//! What clients write down while a run goes on.

use parlor_protocol::{RoomId, SendKey, UserId};
use serde::{Deserialize, Serialize};

use super::place::Place;
use super::text::{TextHash, as_text, as_text_option};

/// One thing that happened to a client, in the order in which it happened there.
///
/// A client writes what it does before it does it (`Invoked`) and what it learns once it
/// holds it (`Acknowledged`, `Delivered` …), so that a client killed at any point claims
/// no more than is true. Times are not written: the checker needs only each client's order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The client's process began, first or anew. What it applied last before a kill may come again.
    Started {
        /// Who uses it.
        #[serde(with = "as_text")]
        user: UserId,
    },
    /// A welcome was read. What follows belongs to this epoch.
    Connected {
        /// The epoch of the welcome.
        epoch: u64,
    },
    /// A message was sent, first or again.
    Invoked {
        /// Where to.
        #[serde(with = "as_text")]
        room: RoomId,
        /// 0 or a thread.
        timeline: u64,
        /// The client's key of the message.
        #[serde(with = "as_text")]
        send_key: SendKey,
        /// The predecessor named in this attempt: the key before it in this outbox and room
        /// while that was unacknowledged.
        #[serde(with = "as_text_option", default)]
        after: Option<SendKey>,
        /// Of the whole text.
        text_hash: TextHash,
    },
    /// The server said that the message is committed.
    Acknowledged {
        /// Which message.
        #[serde(with = "as_text")]
        send_key: SendKey,
        /// Where it stands.
        #[serde(flatten)]
        place: Place,
        /// The rev of its commit.
        rev: u64,
    },
    /// The message was refused for good and left the outbox. A refusal after which the outbox
    /// tries again by itself (out of order, busy, too fast) is not written. An `Invoked` of the
    /// key afterwards is a person's new attempt: the message takes its place anew.
    Refused {
        /// Which message.
        #[serde(with = "as_text")]
        send_key: SendKey,
        /// Number of the error.
        code: u32,
    },
    /// The client applied a message: new, changed or read from a page.
    Delivered {
        /// How it came.
        via: Via,
        /// Where it stands.
        #[serde(flatten)]
        place: Place,
        /// Live: the entry's rev. From a page: the page's `as_of`.
        rev: u64,
        /// The author's key of it.
        #[serde(with = "as_text")]
        send_key: SendKey,
        /// Who wrote it.
        #[serde(with = "as_text")]
        author: UserId,
        /// Of the whole text as delivered; none for a tombstone.
        text_hash: Option<TextHash>,
    },
    /// The client asked and now holds everything of the room up to a rev: `through` of a
    /// catch-up, or `as_of` of the first page after a reset. Not written for pushed batches.
    Synced {
        /// The room.
        #[serde(with = "as_text")]
        room: RoomId,
        /// The rev held.
        rev: u64,
        /// The floor of the room's own timeline then: what lies below is not owed any more.
        floor: u64,
    },
    /// The client dropped its content of the room: another epoch, `reset`, or a removal.
    Reset {
        /// The room.
        #[serde(with = "as_text")]
        room: RoomId,
    },
    /// A change of membership is committed. Written by who made the change, on its
    /// acknowledgement, and by the person concerned when their client learns of it.
    MembershipAcknowledged {
        /// The room.
        #[serde(with = "as_text")]
        room: RoomId,
        /// Whose membership.
        #[serde(with = "as_text")]
        user: UserId,
        /// Which way.
        change: MemberChange,
        /// The room's rev of the change, or a later one at which a list of rooms showed that the
        /// person is a member.
        rev: u64,
    },
    /// The server acknowledged a read marker of the client's person.
    Marked {
        /// Up to where all is read.
        #[serde(flatten)]
        place: Place,
    },
    /// A word to the reader of the record; no rule looks at it.
    Note {
        /// For people.
        text: String,
    },
}

/// How a message came to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// As an entry of the room in rev order: pushed, or caught up by changes.
    Live,
    /// In a page that was read.
    Page,
}

/// A change of membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum MemberChange {
    /// A member from then on.
    Joined,
    /// No member from then on: left, kicked or banned.
    Removed,
}

/// Everything one client wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// The client's name in this run: one outbox, one store.
    pub client: String,
    /// Who uses it.
    pub user: UserId,
    /// In order.
    pub events: Vec<Event>,
}

impl History {
    /// Events with the epoch each belongs to; `first_epoch` holds until a welcome was read.
    pub(super) fn by_epoch(&self, first_epoch: u64) -> impl Iterator<Item = (u64, &Event)> {
        self.events.iter().scan(first_epoch, |epoch, event| {
            if let Event::Connected { epoch: welcomed } = event {
                *epoch = *welcomed;
            }
            Some((*epoch, event))
        })
    }
}
