//! What became of each post, and whether a message is the one that was sent.

use std::sync::Arc;

use parlor_protocol::message::{Message, MessageState, Timeline};
use parlor_protocol::{RoomId, UserId};

use crate::plan::{KeyMaker, Plan, PlannedPost, PostIndex, RoomIndex, Texts};

/// What became of one post.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// Given to a link at least once.
    pub sent: bool,
    /// The seq of its acknowledgement; 0: none.
    pub acked_seq: u64,
    /// Refused for good.
    pub refused: bool,
    /// Links that received it.
    pub deliveries: u32,
}

/// A sender as messages name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender {
    pub user: UserId,
}

/// The plan, and how its posts look on the wire.
#[derive(Debug)]
pub struct Ledger {
    pub plan: Arc<Plan>,
    pub texts: Texts,
    pub keys: KeyMaker,
    /// By user index.
    pub senders: Vec<Sender>,
    /// By room index.
    pub rooms: Vec<RoomId>,
}

/// Why a message is not what was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    #[error("a message that nobody of this run sent")]
    Foreign,
    #[error("post {0} came back under another author")]
    Author(PostIndex),
    #[error("post {0} came in another room or timeline")]
    Room(PostIndex),
    #[error("post {0} came back with other text")]
    Text(PostIndex),
    #[error("seq {seq} holds post {here} for one link and post {elsewhere} for another")]
    Disagreement {
        seq: u64,
        here: PostIndex,
        elsewhere: PostIndex,
    },
}

impl Ledger {
    pub fn post(&self, index: PostIndex) -> PlannedPost {
        self.plan.posts[index as usize]
    }

    /// Which post a received message is, once everything about it was found right.
    pub fn recognise(&self, room: RoomIndex, message: &Message) -> Result<PostIndex, Wrong> {
        let index = self
            .keys
            .post(&message.send_key)
            .filter(|index| (*index as usize) < self.plan.posts.len())
            .ok_or(Wrong::Foreign)?;
        let post = self.post(index);
        if message.author != self.senders[post.sender as usize].user {
            return Err(Wrong::Author(index));
        }
        if post.room != room || message.timeline != Timeline::ROOM {
            return Err(Wrong::Room(index));
        }
        let text = self.texts.text(index, post.sender);
        if message.text != text || message.state != MessageState::PLAIN || message.long.is_some() {
            return Err(Wrong::Text(index));
        }
        Ok(index)
    }
}
