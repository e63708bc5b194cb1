//! The end of the delivery probe: a reader without a connection, in a room of its own that nobody
//! else knows. Its batches go where those of links go: through the hub, then, as a quiet link's,
//! out at once, then, as a busy one's, out in a slot.

use std::time::{Duration, Instant};

use parlor_protocol::room::Head;
use parlor_protocol::sync::RoomBatch;
use parlor_protocol::{Extensions, RoomId};
use tokio::sync::oneshot;

use super::RoomCommitted;
use super::flusher::Flusher;
use super::hub::Depth;
use super::state::{Shard, State};
use crate::room::BatchFrames;
use crate::store::ReaderChange;

/// Stands where a link's index stands: no slab grows so far.
pub(super) const LOOPBACK: u32 = u32::MAX;

#[derive(Default)]
pub(super) struct Loopback {
    room: Option<RoomId>,
    probe: Option<Probe>,
    /// It stands in one of the flusher's slots.
    in_slot: bool,
}

struct Probe {
    way: Way,
    /// Told when the probe has left.
    left: oneshot::Sender<()>,
}

/// How far a probe has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// It is to be handed out by the hub.
    Given,
    /// It is to leave at once.
    Queued,
    /// It is to leave in a slot.
    Slotted,
}

impl Loopback {
    /// The hub hands it a batch.
    pub(super) fn queued(&mut self, flusher: &mut Flusher) {
        if let Some(probe) = self.probe.as_mut().filter(|it| it.way == Way::Given) {
            probe.way = Way::Queued;
            flusher.mark(LOOPBACK, Duration::MAX);
        }
    }

    /// The flusher writes what waits for it.
    pub(super) fn flushed(&mut self, flusher: &mut Flusher, by_slot: bool) {
        self.in_slot &= !by_slot;
        match self.probe.take() {
            Some(probe) if probe.way == Way::Slotted && by_slot => drop(probe.left.send(())),
            Some(mut probe) if probe.way == Way::Queued => {
                probe.way = Way::Slotted;
                self.probe = Some(probe);
                // Where the slots stand still it stands in one already.
                if !std::mem::replace(&mut self.in_slot, true) {
                    flusher.mark_slot(LOOPBACK);
                }
            }
            other => self.probe = other,
        }
    }
}

impl State {
    /// Sends a probe the way of a commit. One that has not left yet is given up, which its sender
    /// hears of.
    pub(super) fn probe(&mut self, left: oneshot::Sender<()>, shard: &Shard) {
        let way = Way::Given;
        self.loopback.probe = Some(Probe { way, left });
        let room = *self.loopback.room.get_or_insert_with(RoomId::new);
        let head = |rev| Head { room, head: 0, rev };
        let slot = self.hub.slot(room);
        let slot = slot.unwrap_or_else(|| self.hub.join(head(0), false, LOOPBACK, Depth::Full));
        let before = self.hub.get(slot).map_or(0, |room| room.ring.rev());
        let batch = RoomBatch {
            room,
            before,
            rev: before + 1,
            entries: Vec::new(),
            ext: Extensions::NONE,
        };
        let probe = RoomCommitted {
            head: head(batch.rev),
            before,
            direct: false,
            frames: BatchFrames::new(&batch),
            readers: ReaderChange::None,
            at: Instant::now(),
        };
        self.room_committed(probe, shard);
    }
}
