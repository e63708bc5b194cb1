//! What a client wants done and has no answer to yet.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use parlor_client_core::outbox::{RoomQueue, ToSend, Verdict};
use parlor_protocol::{Refusal, RoomId, SendKey};

use super::MembershipChange;

/// A change of membership on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub(super) key: SendKey,
    pub(super) room: RoomId,
    pub(super) change: MembershipChange,
}

/// Pause before a change that was refused for the moment is asked for again.
const AGAIN_AFTER: Duration = Duration::from_millis(200);

#[derive(Debug, Default)]
pub(super) struct Outbox {
    queues: HashMap<RoomId, RoomQueue>,
    texts: HashMap<SendKey, (RoomId, String)>,
    /// In order, one at a time.
    changes: VecDeque<Waiting>,
    change_in_flight: bool,
    change_at: Option<Instant>,
}

impl Outbox {
    pub(super) fn say(&mut self, room: RoomId, text: String) {
        let key = SendKey::new();
        self.texts.insert(key, (room, text));
        self.queues.entry(room).or_default().add(key);
    }

    pub(super) fn change(&mut self, room: RoomId, change: MembershipChange) {
        let key = SendKey::new();
        self.changes.push_back(Waiting { key, room, change });
    }

    pub(super) fn len(&self) -> usize {
        self.texts.len() + self.changes.len()
    }

    /// Whether the client has asked to leave the room and waits for the answer.
    pub(super) fn is_leaving(&self, room: RoomId) -> bool {
        self.changes
            .iter()
            .any(|it| it.room == room && it.change == MembershipChange::Leave)
    }

    pub(super) fn next_post(&mut self, now: Instant) -> Option<(RoomId, ToSend, String)> {
        let (room, next) = self
            .queues
            .iter_mut()
            .find_map(|(room, queue)| Some((*room, queue.next(now)?)))?;
        let (_, text) = self.texts.get(&next.key)?;
        Some((room, next, text.clone()))
    }

    pub(super) fn room_of(&self, key: SendKey) -> Option<RoomId> {
        self.texts.get(&key).map(|(room, _)| *room)
    }

    pub(super) fn acknowledged(&mut self, key: SendKey) {
        if let Some((room, _)) = self.texts.remove(&key) {
            self.queues.entry(room).or_default().acknowledged(key);
        }
    }

    /// `true`: it was refused for good and has left.
    pub(super) fn refused(&mut self, key: SendKey, refusal: &Refusal, now: Instant) -> bool {
        let verdict = Verdict::of(refusal);
        let Some((room, _)) = self.texts.get(&key) else {
            return false;
        };
        let queue = self.queues.entry(*room).or_default();
        queue.refused(key, &verdict, now, &mut rand::rng());
        let failed = verdict == Verdict::Failed;
        if failed {
            self.texts.remove(&key);
        }
        failed
    }

    /// The link could not take it: later.
    pub(super) fn not_sent(&mut self, room: RoomId, key: SendKey, now: Instant) {
        let queue = self.queues.entry(room).or_default();
        queue.unanswered(key, now, &mut rand::rng());
    }

    pub(super) fn next_change(&mut self, now: Instant) -> Option<Waiting> {
        if self.change_in_flight || self.change_at.is_some_and(|at| now < at) {
            return None;
        }
        let next = *self.changes.front()?;
        self.change_in_flight = true;
        self.change_at = None;
        Some(next)
    }

    pub(super) fn change_done(&mut self) {
        self.changes.pop_front();
        self.change_in_flight = false;
    }

    pub(super) fn change_again(&mut self, now: Instant) {
        self.change_in_flight = false;
        self.change_at = Some(now + AGAIN_AFTER);
    }

    pub(super) fn link_lost(&mut self) {
        self.queues.values_mut().for_each(RoomQueue::link_lost);
        self.change_in_flight = false;
        self.change_at = None;
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let queues = self.queues.values().filter_map(RoomQueue::deadline);
        queues.chain(self.change_at).min()
    }
}
