//! The outbox's driver: leases, uploads, posts, acknowledgements.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parlor_protocol::limit::{TEXT_INLINE_BYTES, TEXT_PREVIEW_BYTES};
use parlor_protocol::message::{LongText, Post, PutText, Timeline};
use parlor_protocol::{Extensions, RoomId, SendKey};
use sha2::{Digest, Sha256};

use super::Engine;
use super::answer::Answer;
use crate::api::Change;
use crate::core::state::now_ms;
use crate::net::link::REQUEST_WITHIN;
use crate::outbox::{RoomQueue, ToSend, Verdict, key_at, must_renew};
use crate::store::OutboxRow;

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
    pub(super) owner: u64,
    pub(super) queues: HashMap<RoomId, RoomQueue>,
    pub(super) in_flight: HashMap<u32, InFlight>,
    /// Rooms whose next message is long and being uploaded.
    pub(super) uploading: HashMap<RoomId, ToSend>,
    pub(super) uploaded: HashSet<SendKey>,
    pub(super) leased_until: HashMap<RoomId, Instant>,
    /// Rooms of other processes, and when to look again.
    elsewhere: HashMap<RoomId, Instant>,
    version: i64,
    look_at: Instant,
}

pub(super) struct InFlight {
    pub(super) room: RoomId,
    pub(super) key: SendKey,
    pub(super) since: Instant,
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

    pub(super) fn put_back(&mut self, room: RoomId, batch: &[ToSend], now: Instant) {
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

    pub(super) fn outbox_moved(&self, room: RoomId) {
        self.inner.outbox_moved.notify_waiters();
        let mut state = self.inner.state();
        state.tell(Change::Timeline(room));
        state.tell(Change::Rooms);
        state.tell(Change::Link);
    }
}

pub(super) fn long_text(text: &str) -> LongText {
    LongText {
        bytes: u32::try_from(text.len()).unwrap_or(u32::MAX),
        hash: Sha256::digest(text).into(),
    }
}
