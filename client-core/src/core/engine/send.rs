//! The outbox's driver: leases, uploads, posts, acknowledgements.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parlor_protocol::frame::Frame;
use parlor_protocol::limit::{TEXT_INLINE_BYTES, TEXT_PREVIEW_BYTES};
use parlor_protocol::message::{LongText, MessageState, Post, Posted, PutText, Timeline};
use parlor_protocol::room::Head;
use parlor_protocol::{Extensions, Refusal, RoomId, SendKey};
use sha2::{Digest, Sha256};

use super::Engine;
use super::answer::Answer;
use super::push::read;
use super::room::{note_write, show_bounds};
use crate::api::Change;
use crate::core::state::now_ms;
use crate::net::{BulkError, RequestError, link::REQUEST_WITHIN};
use crate::outbox::{RoomQueue, ToSend, Verdict, key_at, must_renew};
use crate::store::{Acknowledged, Failure, MessageRow, OutboxRow, RoomWrite};

/// How long a room's messages are this process's to send: longer than an answer may take.
const LEASE: Duration = Duration::from_secs(20);
/// A lease is renewed when less than this is left of it.
const RENEW_BELOW: Duration = Duration::from_secs(12);
/// How soon a room that another process sends for is looked at again; about a round trip.
const LEASED_ELSEWHERE: Duration = Duration::from_millis(30);
/// How often the outbox is looked at for what other processes did: while something waits, and else.
const LOOK_WAITING: Duration = Duration::from_millis(50);
const LOOK_IDLE: Duration = Duration::from_millis(500);

/// What of the outbox is on its way.
pub(super) struct Sender {
    /// This process among those of the profile.
    owner: u64,
    queues: HashMap<RoomId, RoomQueue>,
    in_flight: HashMap<u32, InFlight>,
    /// Rooms whose next message is long and being uploaded.
    uploading: HashMap<RoomId, ToSend>,
    uploaded: HashSet<SendKey>,
    leased_until: HashMap<RoomId, Instant>,
    /// Rooms of other processes, and when to look again.
    elsewhere: HashMap<RoomId, Instant>,
    version: i64,
    look_at: Instant,
}

struct InFlight {
    room: RoomId,
    key: SendKey,
    since: Instant,
}

impl Sender {
    pub(super) fn new() -> Self {
        Self {
            owner: rand::random(),
            queues: HashMap::new(),
            in_flight: HashMap::new(),
            uploading: HashMap::new(),
            uploaded: HashSet::new(),
            leased_until: HashMap::new(),
            elsewhere: HashMap::new(),
            version: -1,
            look_at: Instant::now(),
        }
    }

    pub(super) fn link_lost(&mut self) {
        self.queues.values_mut().for_each(RoomQueue::link_lost);
        self.in_flight.clear();
        self.uploading.clear();
        self.elsewhere.clear();
    }

    pub(super) fn deadline(&self, link: bool) -> Instant {
        if !link {
            return self.look_at;
        }
        let pauses = self.queues.values().filter_map(RoomQueue::deadline);
        let late = self.in_flight.values().map(|it| it.since + REQUEST_WITHIN);
        let elsewhere = self.elsewhere.values().copied();
        pauses
            .chain(late)
            .chain(elsewhere)
            .min()
            .map_or(self.look_at, |at| at.min(self.look_at))
    }

    fn is_empty(&self) -> bool {
        self.queues.values().all(RoomQueue::is_empty)
    }
}

impl Engine {
    /// Reads the outbox when another process has written, or this one.
    pub(super) async fn reload_outbox(&mut self) {
        let me = self.inner.state().me().map(|me| me.user);
        let Some(me) = me else { return };
        if let Ok(version) = self.inner.outbox.version().await {
            self.sender.version = version;
        }
        let rows = match self.inner.outbox.rows(me).await {
            Ok(rows) => rows,
            Err(error) => return self.tell_store(&error),
        };
        let waiting: HashSet<SendKey> = rows
            .iter()
            .filter(|row| row.failed.is_none())
            .map(|row| row.key)
            .collect();
        for queue in self.sender.queues.values_mut() {
            queue.retain(|key| waiting.contains(&key));
        }
        let changed = {
            let mut state = self.inner.state();
            let after = rows.into_iter().map(|row| (row.place, row)).collect();
            let before = std::mem::replace(&mut state.outbox, after);
            let mut rooms: HashSet<RoomId> = HashSet::new();
            rooms.extend(
                before
                    .values()
                    .filter(|row| state.outbox.get(&row.place) != Some(*row))
                    .map(|row| row.room),
            );
            rooms.extend(
                state
                    .outbox
                    .values()
                    .filter(|row| before.get(&row.place) != Some(*row))
                    .map(|row| row.room),
            );
            rooms
        };
        self.queue_rows();
        changed.into_iter().for_each(|room| self.outbox_moved(room));
    }

    /// Whatever is unsent and has not failed stands in a queue.
    pub(super) fn queue_rows(&mut self) {
        let state = self.inner.state();
        for row in state.outbox.values().filter(|row| row.failed.is_none()) {
            self.sender.queues.entry(row.room).or_default().add(row.key);
        }
    }

    /// A message was taken out of the outbox.
    pub(super) fn discard(&mut self, key: SendKey) {
        self.sender
            .queues
            .values_mut()
            .for_each(|queue| queue.remove(key));
    }

    /// Sends whatever may go now.
    pub(super) async fn send_due(&mut self) {
        let now = Instant::now();
        if self.sender.look_at <= now {
            self.look_at_outbox(now).await;
        }
        if self.link.is_none() {
            return;
        }
        self.give_up_late(now);
        let rooms: Vec<RoomId> = self
            .sender
            .queues
            .iter()
            .filter(|(room, queue)| !queue.is_empty() && !self.sender.uploading.contains_key(room))
            .map(|(room, _)| *room)
            .collect();
        for room in rooms {
            if self.sender.elsewhere.get(&room).is_none_or(|at| *at <= now) {
                self.sender.elsewhere.remove(&room);
                self.send_room(room, now).await;
            }
        }
    }

    async fn look_at_outbox(&mut self, now: Instant) {
        let waiting = !self.sender.is_empty();
        self.sender.look_at = now + if waiting { LOOK_WAITING } else { LOOK_IDLE };
        match self.inner.outbox.version().await {
            Ok(version) if version != self.sender.version => self.reload_outbox().await,
            _ => {}
        }
    }

    /// Requests that nobody answered: they may have arrived, and are sent again.
    fn give_up_late(&mut self, now: Instant) {
        let late: Vec<u32> = self
            .sender
            .in_flight
            .iter()
            .filter(|(_, it)| now.saturating_duration_since(it.since) >= REQUEST_WITHIN)
            .map(|(request, _)| *request)
            .collect();
        for request in late {
            if let Some(InFlight { room, key, .. }) = self.sender.in_flight.remove(&request)
                && let Some(queue) = self.sender.queues.get_mut(&room)
            {
                queue.unanswered(key, now, &mut rand::rng());
            }
        }
    }

    async fn send_room(&mut self, room: RoomId, now: Instant) {
        self.renew_keys(room).await;
        let Some(queue) = self.sender.queues.get_mut(&room) else {
            return;
        };
        let batch: Vec<ToSend> = std::iter::from_fn(|| queue.next(now)).collect();
        let due = self
            .sender
            .leased_until
            .get(&room)
            .is_none_or(|until| *until < now + RENEW_BELOW);
        if batch.is_empty() && !(due && queue.in_flight() > 0) {
            return;
        }
        let keys: Vec<SendKey> = batch.iter().map(|it| it.key).collect();
        let (now_ms, lease_ms) = (now_ms(), LEASE.as_millis() as u64);
        let begun = self
            .inner
            .outbox
            .begin_sending(room, self.sender.owner, &keys, now_ms, now_ms + lease_ms)
            .await;
        match begun {
            Ok(true) => {
                self.sender.leased_until.insert(room, now + LEASE);
                {
                    let mut state = self.inner.state();
                    for row in state
                        .outbox
                        .values_mut()
                        .filter(|row| keys.contains(&row.key))
                    {
                        row.sent_at_ms.get_or_insert(now_ms);
                    }
                }
                self.hand_over(room, batch, now);
            }
            Ok(false) => {
                self.put_back(room, &batch, now);
                self.sender.elsewhere.insert(room, now + LEASED_ELSEWHERE);
            }
            Err(error) => {
                // Not noted as sent it must not be sent: it could then arrive twice in a month.
                self.tell_store(&error);
                for it in &batch {
                    if let Some(queue) = self.sender.queues.get_mut(&room) {
                        queue.unanswered(it.key, now, &mut rand::rng());
                    }
                }
            }
        }
    }

    /// Messages never sent whose keys the server would refuse get new ones, by its clock.
    async fn renew_keys(&mut self, room: RoomId) {
        let server_now_ms = self.inner.state().server_now_ms();
        let old: Vec<(i64, SendKey)> = {
            let state = self.inner.state();
            let rows = state
                .unsent_rows(room)
                .filter(|row| row.sent_at_ms.is_none() && row.failed.is_none());
            rows.filter(|row| must_renew(row.key, server_now_ms))
                .map(|row| (row.place, row.key))
                .collect()
        };
        for (place, old) in old {
            let new = key_at(server_now_ms);
            if let Ok(true) = self.inner.outbox.renew(old, new).await {
                if let Some(row) = self.inner.state().outbox.get_mut(&place) {
                    row.key = new;
                }
                self.sender.queues.entry(room).or_default().renew(old, new);
                self.inner.state().renamed.insert(old, new);
                self.inner.outbox_moved.notify_waiters();
            }
        }
    }

    /// Posts in order; at a long text that is not uploaded the rest waits.
    fn hand_over(&mut self, room: RoomId, batch: Vec<ToSend>, now: Instant) {
        for (at, it) in batch.iter().enumerate() {
            let row = self.inner.state().outbox_row(it.key).cloned();
            let Some(row) = row else { continue };
            if row.text.len() > TEXT_INLINE_BYTES && !self.sender.uploaded.contains(&it.key) {
                self.upload(room, *it, &row);
                return self.put_back(room, &batch[at + 1..], now);
            }
            if !self.post(*it, &row, now) {
                return self.put_back(room, &batch[at..], now);
            }
        }
    }

    fn post(&mut self, it: ToSend, row: &OutboxRow, now: Instant) -> bool {
        let long = (row.text.len() > TEXT_INLINE_BYTES).then(|| long_text(&row.text));
        let text = match long {
            None => row.text.clone(),
            Some(_) => row.text[..row.text.floor_char_boundary(TEXT_PREVIEW_BYTES)].to_owned(),
        };
        let ToSend {
            key: send_key,
            after,
        } = it;
        let post = Post {
            room: row.room,
            timeline: Timeline::ROOM,
            send_key,
            after,
            text,
            long,
            ext: Extensions::NONE,
        };
        match self.link.as_ref().map(|link| link.fire(&post)) {
            Some(Ok(request)) => {
                self.sender.in_flight.insert(
                    request,
                    InFlight {
                        room: row.room,
                        key: send_key,
                        since: now,
                    },
                );
                true
            }
            // Too much waits for answers, or the link has just gone.
            _ => {
                self.sender
                    .elsewhere
                    .insert(row.room, now + LEASED_ELSEWHERE);
                false
            }
        }
    }

    fn put_back(&mut self, room: RoomId, batch: &[ToSend], now: Instant) {
        if let Some(queue) = self.sender.queues.get_mut(&room) {
            for it in batch {
                queue.refused(it.key, &Verdict::NextLink, now, &mut rand::rng());
            }
        }
    }

    fn upload(&mut self, room: RoomId, it: ToSend, row: &OutboxRow) {
        let Some(link) = self.link.clone() else {
            return;
        };
        self.sender.uploading.insert(room, it);
        let put = PutText {
            room,
            long: long_text(&row.text),
            ext: Extensions::NONE,
        };
        let text = Bytes::from(row.text.clone());
        let (answers, number, key) = (self.answers.0.clone(), self.link_number, it.key);
        tokio::spawn(async move {
            let result = link.put_text(&put, text).await;
            // An engine that has ended wants no answers.
            let _ = answers
                .send(Answer::Uploaded(number, room, key, result))
                .await;
        });
    }

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
    /// entry: it neither vanishes in between nor depends on another link.
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
        let write = RoomWrite {
            messages: vec![message],
            ..RoomWrite::default()
        };
        let kept = self.inner.content.apply(row.room, &write).await;
        if let (Ok(true), Some(long)) = (&kept, long) {
            // Not kept, it is loaded like anybody's.
            let _ = self.inner.content.put_text(&long.hash, &row.text).await;
        }
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
        if let Ok(true) = kept {
            self.inner.show_rows(row.room, write.messages).await;
        }
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

    /// Other processes may send for these rooms again.
    pub(super) async fn release_leases(&mut self) {
        let rooms: Vec<RoomId> = self
            .sender
            .leased_until
            .drain()
            .map(|(room, _)| room)
            .collect();
        if !rooms.is_empty() {
            // Not given back they run out by themselves.
            let _ = self.inner.outbox.release(&rooms, self.sender.owner).await;
        }
    }

    fn outbox_moved(&self, room: RoomId) {
        self.inner.outbox_moved.notify_waiters();
        let mut state = self.inner.state();
        state.tell(Change::Timeline(room));
        state.tell(Change::Rooms);
        state.tell(Change::Link);
    }
}

fn long_text(text: &str) -> LongText {
    LongText {
        bytes: u32::try_from(text.len()).unwrap_or(u32::MAX),
        hash: Sha256::digest(text).into(),
    }
}
