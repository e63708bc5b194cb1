//! Deliberate faults of the committer, for the checker's mutation builds only: what is
//! acknowledged or published before it is committed is lost when the process dies in between.

use std::collections::HashMap;
use std::time::Duration;

use parlor_protocol::message::{Message, MessageState, Posted, Timeline};
use parlor_protocol::room::Head;
use parlor_protocol::sync::{Entry, RoomBatch};
use parlor_protocol::{Extensions, RoomId, frame};

use super::{BatchFrames, ReplyTo};
use crate::mutation::{Mutation, on};
use crate::shard::{self, RoomCommitted};
use crate::store::{Appended, Change, ReaderChange, RoomCommand};

/// How long the lie stands before it may become true: long enough for a kill to hit it.
const BEFORE_COMMIT: Duration = Duration::from_millis(30);

/// Where rooms stood after the last commit, so that the next numbers can be foretold.
#[derive(Default)]
pub(super) struct Foresight {
    heads: HashMap<RoomId, Head>,
    at_ms: u64,
}

impl Foresight {
    pub(super) fn learn(&mut self, appended: &Appended) {
        for room in &appended.rooms {
            self.heads.insert(
                room.room,
                Head {
                    room: room.room,
                    head: room.head,
                    rev: room.rev,
                },
            );
        }
        self.at_ms = appended
            .results
            .iter()
            .flatten()
            .map(|done| done.at_ms)
            .max()
            .unwrap_or(self.at_ms);
    }

    /// What to tell the shard too early; who is told is not told again.
    pub(super) fn foretell(
        &mut self,
        commands: &[RoomCommand],
        to: &mut [ReplyTo],
    ) -> Option<shard::Committed> {
        let (acknowledge, publish) = (
            on(Mutation::AcknowledgeBeforeCommit),
            on(Mutation::PublishBeforeCommit),
        );
        if !acknowledge && !publish {
            return None;
        }
        let mut early = shard::Committed::default();
        for (command, to) in commands.iter().zip(to) {
            let (
                Change::Post {
                    timeline: Timeline::ROOM,
                    text,
                    ..
                },
                Some(head),
            ) = (&command.change, self.heads.get_mut(&command.room))
            else {
                continue;
            };
            let before = *head;
            *head = Head {
                room: before.room,
                head: before.head + 1,
                rev: before.rev + 1,
            };
            if let (true, ReplyTo::Link(address)) = (acknowledge, &*to) {
                let posted = Posted {
                    seq: head.head,
                    rev: head.rev,
                    at_ms: self.at_ms,
                    ext: Extensions::NONE,
                };
                early
                    .replies
                    .push((*address, frame::encode(address.request, &posted)));
                *to = ReplyTo::Handler(tokio::sync::oneshot::channel().0);
            }
            if publish {
                early
                    .rooms
                    .push(batch(command, text, before, *head, self.at_ms));
            }
        }
        Some(early)
    }

    /// Time in which a kill makes the lie visible.
    pub(super) async fn dither() {
        tokio::time::sleep(BEFORE_COMMIT).await;
    }
}

fn batch(command: &RoomCommand, text: &str, before: Head, head: Head, at_ms: u64) -> RoomCommitted {
    let message = Message {
        timeline: Timeline::ROOM,
        seq: head.head,
        author: command.actor,
        at_ms,
        send_key: command.send_key,
        state: MessageState::PLAIN,
        text: text.to_owned(),
        long: None,
        ext: Extensions::NONE,
    };
    let entries = vec![Entry::message(head.rev, &message)];
    let batch = RoomBatch {
        room: head.room,
        before: before.rev,
        rev: head.rev,
        entries,
        ext: Extensions::NONE,
    };
    RoomCommitted {
        head,
        before: before.rev,
        direct: false,
        frames: BatchFrames::new(&batch),
        readers: ReaderChange::None,
        at: std::time::Instant::now(),
    }
}
