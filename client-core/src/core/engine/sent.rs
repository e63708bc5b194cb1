//! What became of messages that were sent.

use std::time::{Duration, Instant};

use parlor_protocol::frame::Frame;
use parlor_protocol::limit::{TEXT_INLINE_BYTES, TEXT_PREVIEW_BYTES};
use parlor_protocol::message::{MessageState, Posted};
use parlor_protocol::room::Head;
use parlor_protocol::{Refusal, RoomId, SendKey};

use super::Engine;
use super::push::read;
use super::room::{note_write, show_bounds};
use super::send::{InFlight, long_text};
use crate::core::state::now_ms;
use crate::net::{BulkError, RequestError};
use crate::outbox::{ToSend, Verdict};
use crate::store::{Acknowledged, Failure, MessageRow, OutboxRow, RoomWrite};

impl Engine {
    pub(super) async fn on_uploaded(
        &mut self,
        same_link: bool,
        room: RoomId,
        key: SendKey,
        result: Result<(), BulkError>,
    ) {
        let now = Instant::now();
        if !same_link || self.sender.uploading.remove(&room).is_none() {
            return;
        }
        match result {
            Ok(()) => {
                self.sender.uploaded.insert(key);
                self.put_back(room, &[ToSend { key, after: None }], now);
            }
            Err(BulkError::Refused(refusal)) => self.on_refused(room, key, &refusal, now).await,
            Err(_) => {
                if let Some(queue) = self.sender.queues.get_mut(&room) {
                    queue.unanswered(key, now, &mut rand::rng());
                }
            }
        }
    }

    /// The answer to a post.
    pub(super) async fn on_posted(&mut self, request: u32, frame: &Frame) {
        let now = Instant::now();
        let Some(InFlight {
            room,
            key,
            since: _,
        }) = self.sender.in_flight.remove(&request)
        else {
            return;
        };
        match read::<Posted>(frame) {
            Ok(posted) => self.on_acknowledged(room, key, posted).await,
            Err(RequestError::Refused(refusal)) => self.on_refused(room, key, &refusal, now).await,
            Err(_) => {
                if let Some(queue) = self.sender.queues.get_mut(&room) {
                    queue.unanswered(key, now, &mut rand::rng());
                }
            }
        }
    }

    async fn on_acknowledged(&mut self, room: RoomId, key: SendKey, posted: Posted) {
        let Posted {
            seq,
            rev,
            at_ms,
            ext: _,
        } = posted;
        let last = match self.sender.queues.get_mut(&room) {
            Some(queue) => {
                queue.acknowledged(key);
                queue.is_empty()
            }
            None => true,
        };
        self.sender.uploaded.remove(&key);
        let release = last.then_some(self.sender.owner);
        if last {
            self.sender.leased_until.remove(&room);
            self.sender.queues.remove(&room);
        }
        let done = Acknowledged {
            key,
            room,
            seq,
            at_ms,
        };
        if let Err(error) = self.inner.outbox.acknowledge(done, now_ms(), release).await {
            // It stays in the file and is sent once more after the next start; the server knows it.
            self.tell_store(&error);
        }
        let row = self.inner.state().outbox_row(key).cloned();
        if let Some(row) = &row {
            self.keep_own(row, seq, rev, at_ms).await;
        }
        {
            let mut state = self.inner.state();
            if let Some(row) = row {
                state.outbox.remove(&row.place);
            }
            // The server has moved the sender's own marker.
            if let Some(known) = state
                .rooms
                .get_mut(&room)
                .filter(|known| known.row.read < seq)
            {
                known.row.read = seq;
            }
            state.note_outcome(done);
        }
        self.outbox_moved(room);
    }

    /// A message of one's own is among the room's from its acknowledgement on, not only from its
    /// entry: it neither vanishes in between nor depends on another link. The store has it at once
    /// only where nobody else's stands before it that is not held yet; then its batch brings both.
    async fn keep_own(&mut self, row: &OutboxRow, seq: u64, rev: u64, at_ms: u64) {
        let long = (row.text.len() > TEXT_INLINE_BYTES).then(|| long_text(&row.text));
        let preview = row.text.floor_char_boundary(TEXT_PREVIEW_BYTES);
        let message = MessageRow {
            seq,
            rev,
            author: row.author,
            at_ms,
            send_key: row.key,
            state: MessageState::PLAIN.0,
            text: row.text[..long.map_or(row.text.len(), |_| preview)].to_owned(),
            long,
        };
        if let Err(error) = self.inner.content.keep_own(row.room, &message).await {
            self.tell_store(&error);
        }
        if let Some(long) = long {
            // Not kept, it is loaded like anybody's.
            let _ = self.inner.content.put_text(&long.hash, &row.text).await;
        }
        let write = RoomWrite {
            messages: vec![message],
            ..RoomWrite::default()
        };
        let head = Head {
            room: row.room,
            head: seq,
            rev,
        };
        if let Err(error) = self.inner.content.put_heads(&[head]).await {
            self.tell_store(&error);
        }
        {
            let mut state = self.inner.state();
            let held = state.rooms.get(&row.room).and_then(|known| known.row.held);
            note_write(&mut state, row.room, &write);
            if let Some(known) = state.rooms.get_mut(&row.room) {
                known.row.held = held;
            }
            show_bounds(&mut state, row.room);
        }
        self.inner.show_rows(row.room, write.messages).await;
    }

    async fn on_refused(&mut self, room: RoomId, key: SendKey, refusal: &Refusal, now: Instant) {
        let mut verdict = Verdict::of(refusal);
        if verdict == Verdict::Upload {
            // Not the same again at once: the server's disk may be short of room.
            verdict = match self.sender.uploaded.remove(&key) {
                true => Verdict::Later(Duration::from_secs(1)),
                false => Verdict::Failed,
            };
        }
        if let Some(queue) = self.sender.queues.get_mut(&room) {
            queue.refused(key, &verdict, now, &mut rand::rng());
        }
        if verdict != Verdict::Failed {
            return;
        }
        let failure = Failure {
            code: refusal.code.0,
            text: refusal.text.clone(),
        };
        if let Err(error) = self.inner.outbox.set_failed(key, Some(&failure)).await {
            self.tell_store(&error);
        }
        {
            let mut state = self.inner.state();
            if let Some(row) = state.outbox.values_mut().find(|row| row.key == key) {
                row.failed = Some(failure);
            }
        }
        self.outbox_moved(room);
    }
}
