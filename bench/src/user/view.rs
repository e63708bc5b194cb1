//! One room as one user's link holds it.

use parlor_protocol::Frame;

use crate::check::Held;
use crate::plan::RoomIndex;

/// Batches that may wait for a pull to end; above it they are dropped and pulled too.
const EARLY: usize = 512;

/// How far a link is with a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Not asked for on this link.
    Closed,
    /// Asked for it or for what was missed; live batches wait.
    Pulling,
    Live,
}

#[derive(Debug)]
pub(super) struct View {
    pub(super) room: RoomIndex,
    pub(super) held: Held,
    /// Held at all: a further opening resumes from there.
    pub(super) known: bool,
    pub(super) stage: Stage,
    /// The server said that this link is behind: gaps are no surprise.
    pub(super) told_behind: bool,
    /// The rev that a reset gave, held once its pages are here.
    pub(super) resets_to: Option<u64>,
    early: Vec<Frame>,
}

impl View {
    pub(super) fn new(room: RoomIndex) -> Self {
        Self {
            room,
            held: Held::default(),
            known: false,
            stage: Stage::Closed,
            told_behind: false,
            resets_to: None,
            early: Vec::new(),
        }
    }

    /// Keeps a live batch until the pull is over.
    pub(super) fn keep(&mut self, frame: Frame) {
        if self.early.len() < EARLY {
            self.early.push(frame);
        } else {
            // What is dropped here is a gap of our own making.
            self.told_behind = true;
        }
    }

    /// The batches that waited.
    pub(super) fn take_early(&mut self) -> Vec<Frame> {
        std::mem::take(&mut self.early)
    }

    /// The link is gone; what is held stays.
    pub(super) fn close(&mut self) {
        self.stage = Stage::Closed;
        self.told_behind = false;
        self.resets_to = None;
        self.early.clear();
    }
}
