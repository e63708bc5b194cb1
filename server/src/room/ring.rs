//! Recent batches of an active room, so that who was away for a moment is answered without a query.

use std::collections::VecDeque;

use parlor_protocol::frame::{Frame, FrameReader};
use parlor_protocol::limit::{BODY_BYTES, CHANGES_ENTRIES};
use parlor_protocol::sync::{Entry, RoomBatch};

use super::BatchFrames;

/// Batches and bytes kept for one room: some seconds of the busiest room, nothing to speak of for
/// a quiet one.
const BATCHES: usize = 256;
const BYTES: usize = 64 * 1024;

/// Batches without a gap, oldest first.
pub struct Ring {
    /// The rev that the oldest batch continues from.
    from: u64,
    to: u64,
    batches: VecDeque<(u64, BatchFrames)>,
    bytes: usize,
}

impl Ring {
    /// Empty, at a rev.
    pub fn new(rev: u64) -> Self {
        Self {
            from: rev,
            to: rev,
            batches: VecDeque::new(),
            bytes: 0,
        }
    }

    /// The rev that the newest batch leads to.
    pub fn rev(&self) -> u64 {
        self.to
    }

    /// Adds the batch that leads from `before` to `rev`. One that does not follow starts anew.
    pub fn push(&mut self, before: u64, rev: u64, frames: BatchFrames) {
        if before != self.to {
            *self = Self::new(before);
        }
        self.to = rev;
        self.bytes += frames.bytes();
        self.batches.push_back((rev, frames));
        while self.batches.len() > BATCHES || self.bytes > BYTES {
            let Some((rev, frames)) = self.batches.pop_front() else {
                return;
            };
            self.bytes -= frames.bytes();
            self.from = rev;
        }
    }

    /// The entries after `since` and the rev they lead to, when all of them are here and they fit
    /// one reply.
    pub fn since(&self, since: u64) -> Option<(Vec<Entry>, u64)> {
        if since < self.from || since > self.to {
            return None;
        }
        let (mut entries, mut bytes) = (Vec::new(), 0);
        for (_, frames) in self.batches.iter().filter(|(rev, _)| *rev > since) {
            let batch = open(frames)?;
            bytes += frames.plain.len();
            entries.extend(batch.entries.into_iter().filter(|entry| entry.rev > since));
            if entries.len() > CHANGES_ENTRIES || bytes > BODY_BYTES / 2 {
                return None;
            }
        }
        Some((entries, self.to))
    }
}

fn open(frames: &BatchFrames) -> Option<RoomBatch> {
    let mut reader = FrameReader::new();
    reader.feed(frames.plain.clone());
    let frame: Frame = reader.next(usize::MAX).ok().flatten()?;
    frame.open().ok()
}

#[cfg(test)]
mod tests {
    use parlor_protocol::{Extensions, RoomId};

    use super::*;

    fn push(ring: &mut Ring, before: u64, rev: u64, size: usize) {
        let entries = (before + 1..=rev)
            .map(|rev| Entry {
                rev,
                kind: 1,
                body: vec![0; size],
            })
            .collect();
        let batch = RoomBatch {
            room: RoomId::default(),
            before,
            rev,
            entries,
            ext: Extensions::NONE,
        };
        ring.push(before, rev, BatchFrames::new(&batch));
    }

    fn revs(ring: &Ring, since: u64) -> Option<(Vec<u64>, u64)> {
        ring.since(since)
            .map(|(entries, to)| (entries.iter().map(|entry| entry.rev).collect(), to))
    }

    #[test]
    fn answers_from_any_rev_it_covers() {
        let mut ring = Ring::new(10);
        push(&mut ring, 10, 12, 5);
        push(&mut ring, 12, 13, 5);
        assert_eq!(revs(&ring, 10), Some((vec![11, 12, 13], 13)));
        assert_eq!(revs(&ring, 11), Some((vec![12, 13], 13)));
        assert_eq!(revs(&ring, 13), Some((vec![], 13)));
        assert_eq!(revs(&ring, 9), None);
        assert_eq!(revs(&ring, 14), None);
    }

    #[test]
    fn a_batch_that_does_not_follow_starts_anew() {
        let mut ring = Ring::new(0);
        push(&mut ring, 0, 1, 5);
        push(&mut ring, 4, 5, 5);
        assert_eq!((revs(&ring, 0), revs(&ring, 4)), (None, Some((vec![5], 5))));
    }

    #[test]
    fn memory_is_bounded_by_count_and_by_bytes() {
        let mut ring = Ring::new(0);
        (0..1_000).for_each(|rev| push(&mut ring, rev, rev + 1, 1));
        assert_eq!(ring.batches.len(), BATCHES);
        (1_000..1_100).for_each(|rev| push(&mut ring, rev, rev + 1, 10_000));
        assert!(ring.bytes <= BYTES);
        assert_eq!(revs(&ring, 1_099).map(|found| found.1), Some(1_100));
    }
}
