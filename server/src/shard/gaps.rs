//! Takes the batches of each room in the order of their revs, whichever node committed them, and
//! reads what is missing from the database: once for all links.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parlor_protocol::room::{Head, Role};
use parlor_protocol::sync::{RoomBatch, RoomChanges, RoomEntry};
use parlor_protocol::{Extensions, RoomId, UserId};
use tokio::time::sleep_until;

use super::state::{Shard, State};
use super::{Core, RoomCommitted, ToShard};
use crate::room::{BatchFrames, Offered, Ring, Span};
use crate::store::ReaderChange;

/// Rooms whose gaps are read at once: after an outage of the bus there may be one in every room.
const READINGS: usize = 16;

/// Reads what is due; sleeps while nothing is missing.
pub(super) async fn run(shard: Rc<Shard>) {
    loop {
        let now_ms = shard.core.steady_ms();
        let (due, next_ms) = shard.step(|state| state.due_readings(now_ms));
        for (room, since) in due {
            let core = shard.core.clone();
            core.runtime.spawn(read(core.clone(), room, since));
        }
        match next_ms {
            None => shard.gaps.notified().await,
            Some(next_ms) => {
                let wait = Duration::from_millis(next_ms.saturating_sub(now_ms).max(1));
                tokio::select! {
                    () = sleep_until((Instant::now() + wait).into()) => {}
                    () = shard.gaps.notified() => {}
                }
            }
        }
    }
}

/// What changed in a room, for whoever reads it here; what each of them may see is decided there.
async fn read(core: Arc<Core>, room: RoomId, since: u64) {
    core.metrics.gaps_read.add(1);
    let changes = match core.store.changes(room, since, 0).await {
        Ok(changes) => Some(Box::new(changes)),
        Err(error) => {
            core.metrics.gaps_failed.add(1);
            tracing::warn!(%error, %room, since, "a gap could not be read; it is tried again");
            None
        }
    };
    core.shard.send(ToShard::GapRead { room, changes }).await;
}

impl State {
    /// A batch came, from here or from another node. One that is known is dropped, one that comes
    /// too early waits for those before it.
    pub(super) fn room_committed(&mut self, batch: RoomCommitted, shard: &Shard) {
        let id = batch.head.room;
        let span = Span {
            before: batch.before,
            rev: batch.head.rev,
        };
        let Some(slot) = self.hub.slot(id) else {
            // Nobody here reads it yet: it may bring its first reader.
            return self.readers_changed(batch.head, batch.direct, batch.readers);
        };
        let Some(room) = self.hub.get_mut(slot) else {
            return;
        };
        let now_ms = shard.core.steady_ms();
        match room.order.offer(room.ring.rev(), span, batch, now_ms) {
            Offered::Follows(batch) => {
                self.take(batch, shard);
                self.take_held(id, shard);
            }
            Offered::Held => {
                self.gaps.insert(slot);
                shard.gaps.notify_one();
            }
            Offered::Known => {}
        }
    }

    /// Somebody read that the room has come so far.
    pub(super) fn room_reached(&mut self, head: Head, shard: &Shard) {
        let now_ms = shard.core.steady_ms();
        let Some(slot) = self.hub.slot(head.room) else {
            return;
        };
        if let Some(room) = self.hub.get_mut(slot)
            && room.order.reached(room.ring.rev(), head.rev, now_ms)
        {
            self.gaps.insert(slot);
            shard.gaps.notify_one();
        }
    }

    fn take(&mut self, batch: RoomCommitted, shard: &Shard) {
        let RoomCommitted {
            head,
            before,
            direct,
            frames,
            readers,
            at,
        } = batch;
        let queued = self.deliver(before, head, frames, shard);
        if queued > 0 {
            let slots = self.flusher.is_waiting();
            self.delivering.queued(at, slots);
        }
        self.readers_changed(head, direct, readers);
    }

    /// For how many links it was queued.
    fn deliver(&mut self, before: u64, head: Head, frames: BatchFrames, shard: &Shard) -> u64 {
        let Some(slot) = self.hub.slot(head.room) else {
            return 0;
        };
        let span = Span {
            before,
            rev: head.rev,
        };
        let queued = self.fan_out(slot, &frames, span);
        shard.core.metrics.deliveries.add(queued);
        if let Some(room) = self.hub.get_mut(slot) {
            room.head = newer(room.head, head);
            room.ring.push(before, head.rev, frames);
        }
        queued
    }

    /// What now follows of that which came too early.
    fn take_held(&mut self, room: RoomId, shard: &Shard) {
        // The room may go with its last reader, and come again, with each batch.
        while let Some(slot) = self.hub.slot(room)
            && let Some(held) = self.hub.get_mut(slot)
            && let Some(batch) = held.order.next(held.ring.rev())
        {
            self.take(batch, shard);
        }
    }

    fn readers_changed(&mut self, head: Head, direct: bool, readers: ReaderChange) {
        match readers {
            ReaderChange::None => {}
            ReaderChange::Joined(people) => people
                .into_iter()
                .for_each(|user| self.came(user, head, direct)),
            ReaderChange::Left(user) => self.went(user, head.room),
        }
    }

    pub(super) fn came(&mut self, user: UserId, head: Head, direct: bool) {
        for index in self.links_of(user).to_vec() {
            self.join(index, head, direct);
        }
    }

    pub(super) fn went(&mut self, user: UserId, room: RoomId) {
        for index in self.links_of(user).to_vec() {
            self.leave(index, room);
        }
    }

    /// The rooms to read now, each with the rev it stands at; and when the next one is due, ms.
    pub(super) fn due_readings(&mut self, now_ms: u64) -> (Vec<(RoomId, u64)>, Option<u64>) {
        let (mut due, mut next_ms) = (Vec::new(), None);
        let hub = &mut self.hub;
        let readings = &mut self.readings;
        self.gaps.retain(|slot| {
            let Some(room) = hub.get_mut(*slot) else {
                return false;
            };
            let Some(due_ms) = room.order.due_ms() else {
                return room.order.is_reading();
            };
            if *readings >= READINGS {
                // The end of a reading wakes this.
                return true;
            }
            if room.order.read_now(now_ms) {
                *readings += 1;
                due.push((room.head.room, room.ring.rev()));
            } else {
                next_ms = Some(next_ms.map_or(due_ms, |next: u64| next.min(due_ms)));
            }
            true
        });
        (due, next_ms)
    }

    /// What was missing in a room, as the database has it; nothing where it could not be read.
    pub(super) fn gap_read(
        &mut self,
        room: RoomId,
        changes: Option<Box<RoomChanges>>,
        shard: &Shard,
    ) {
        self.readings = self.readings.saturating_sub(1);
        shard.gaps.notify_one();
        let at = |state: &Self| {
            let slot = state.hub.slot(room)?;
            Some((slot, state.hub.get(slot)?.ring.rev()))
        };
        let Some((_, before)) = at(self) else { return };
        if let Some(changes) = changes {
            self.fill(before, *changes, shard);
            self.take_held(room, shard);
        }
        let now_ms = shard.core.steady_ms();
        if let Some((slot, rev)) = at(self)
            && let Some(room) = self.hub.get_mut(slot)
        {
            room.order.read(rev, rev > before, now_ms);
        }
    }

    fn fill(&mut self, at: u64, changes: RoomChanges, shard: &Shard) {
        let RoomChanges {
            room,
            since,
            through,
            rev,
            head,
            floor: _,
            reset,
            entries,
            ext: _,
        } = changes;
        // What came meanwhile goes beyond it, or the room is another one by now.
        if through <= at && !reset || since > at {
            return;
        }
        let Some(slot) = self.hub.slot(room) else {
            return;
        };
        let whole = reset || through == rev;
        let known = self.hub.get(slot).map_or(0, |room| room.head.head);
        let head = Head {
            room,
            head: if whole { head } else { known },
            rev: if reset { rev } else { through },
        };
        if reset {
            return self.start_anew(slot, head);
        }
        let mut people = Vec::new();
        for entry in &entries {
            if let Ok(RoomEntry::Member(member)) = entry.open_room() {
                people.push((member.user, member.role >= Role::MEMBER));
            }
        }
        // Who was removed meanwhile sees none of it.
        for (user, _) in people.iter().filter(|(_, member)| !member) {
            self.went(*user, room);
        }
        let direct = self.hub.get(slot).is_some_and(|room| room.direct);
        let batch = RoomBatch {
            room,
            before: since,
            rev: through,
            entries,
            ext: Extensions::NONE,
        };
        self.deliver(since, head, BatchFrames::new(&batch), shard);
        for (user, _) in people.into_iter().filter(|(_, member)| *member) {
            self.came(user, head, direct);
        }
    }

    /// Too much was missed to be handed out: each link pulls at its own pace.
    fn start_anew(&mut self, slot: u32, head: Head) {
        let Some(room) = self.hub.get_mut(slot) else {
            return;
        };
        room.head = head;
        room.ring = Ring::new(head.rev);
        self.all_fell_behind(slot);
    }
}

/// Heads come from readings as well, which may be newer.
fn newer(held: Head, come: Head) -> Head {
    if come.rev > held.rev { come } else { held }
}
