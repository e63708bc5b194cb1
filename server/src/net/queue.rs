//! Frames that wait to leave on one lane.

use std::collections::VecDeque;

use bytes::{Buf, Bytes};

/// Whole frames, in order; the first may have left in part.
#[derive(Default)]
pub(super) struct Queue {
    frames: VecDeque<Queued>,
    bytes: usize,
    /// The first has been written in part: the rest of it must follow.
    started: bool,
}

pub(super) struct Queued {
    pub(super) frame: Bytes,
    /// What the caller wants to know about a frame that is dropped.
    tag: u32,
}

impl Queue {
    pub(super) fn push(&mut self, frame: Bytes, tag: u32) {
        self.bytes += frame.len();
        self.frames.push_back(Queued { frame, tag });
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    pub(super) fn is_started(&self) -> bool {
        self.started
    }

    pub(super) fn frames(&self) -> &VecDeque<Queued> {
        &self.frames
    }

    /// Drops what has not begun to leave, each frame with its tag; the tail of a half-written frame
    /// stays, so that the stream stays readable.
    pub(super) fn drop_unstarted(&mut self, mut dropped: impl FnMut(u32)) {
        let keep = usize::from(self.started);
        for queued in self.frames.drain(keep..) {
            self.bytes -= queued.frame.len();
            dropped(queued.tag);
        }
    }

    /// Drops the oldest frame that has not begun to leave.
    pub(super) fn drop_oldest(&mut self) {
        if let Some(queued) = self.frames.remove(usize::from(self.started)) {
            self.bytes -= queued.frame.len();
        }
    }

    /// Gives spare memory back after a burst.
    pub(super) fn shrink(&mut self) {
        self.frames.shrink_to(0);
    }

    pub(super) fn take(&mut self) -> impl Iterator<Item = Bytes> {
        let taken = std::mem::take(self);
        taken.frames.into_iter().map(|queued| queued.frame)
    }

    /// So many bytes from the front have left.
    pub(super) fn written(&mut self, mut bytes: usize) {
        self.bytes -= bytes;
        while let Some(first) = self.frames.front_mut() {
            let left = first.frame.len();
            if bytes < left {
                first.frame.advance(bytes);
                self.started |= bytes > 0;
                return;
            }
            bytes -= left;
            self.started = false;
            self.frames.pop_front();
            if bytes == 0 {
                return;
            }
        }
    }
}
