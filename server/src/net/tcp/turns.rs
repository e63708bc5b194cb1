//! In which order the frames of a link leave on its one connection: a rule without I/O.

use crate::net::queue::Queue;

/// Replies and what else answers the client.
pub(super) const CONTROL: usize = 0;
/// Batches, heads, user entries.
pub(super) const PUSH: usize = 1;
/// Volatile: only when nothing else waits.
pub(super) const SIGNALS: usize = 2;
pub(super) const LANES: usize = 3;

/// Frames offered to one write, and bytes after which no further one is.
const FRAMES: usize = 64;
const BYTES: usize = 64 * 1024;

/// Whose turn it is: a frame that has begun is finished first, then replies and pushes leave by
/// turns, so that neither waits for more than one frame of the other.
#[derive(Default)]
pub(super) struct Turns {
    next: usize,
}

/// Frames in the order in which they leave: the lane of each, and its bytes.
pub(super) type Order<'a> = Vec<(usize, &'a [u8])>;

impl Turns {
    /// What to write now, as much as one write should have.
    pub(super) fn order<'a>(&self, lanes: [&'a Queue; LANES]) -> Order<'a> {
        let mut frames = lanes.map(|lane| lane.frames().iter().map(|queued| &queued.frame[..]));
        let (mut order, mut bytes, mut next) = (Vec::new(), 0, self.next);
        if let Some(begun) = lanes.iter().position(|lane| lane.is_started())
            && let Some(rest) = frames[begun].next()
        {
            bytes = rest.len();
            order.push((begun, rest));
            next = after(begun, next);
        }
        while bytes < BYTES && order.len() < FRAMES {
            let found = [next, other(next), SIGNALS]
                .into_iter()
                .find_map(|lane| Some((lane, frames[lane].next()?)));
            let Some((lane, frame)) = found else { break };
            bytes += frame.len();
            order.push((lane, frame));
            next = after(lane, next);
        }
        order
    }

    /// So many bytes of what was ordered have left; `lengths` are the lane and size of each frame.
    pub(super) fn written(
        &mut self,
        lanes: [&mut Queue; LANES],
        lengths: &[(usize, usize)],
        mut bytes: usize,
    ) {
        for (lane, length) in lengths {
            let part = bytes.min(*length);
            if part == 0 {
                return;
            }
            lanes[*lane].written(part);
            bytes -= part;
            self.next = after(*lane, self.next);
        }
    }
}

fn other(lane: usize) -> usize {
    match lane {
        CONTROL => PUSH,
        _ => CONTROL,
    }
}

/// Whose turn it is behind a frame of this lane.
fn after(lane: usize, next: usize) -> usize {
    match lane {
        SIGNALS => next,
        lane => other(lane),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    fn queue(frames: &[&[u8]]) -> Queue {
        let mut queue = Queue::default();
        for frame in frames {
            queue.push(Bytes::copy_from_slice(frame), 0);
        }
        queue
    }

    /// Writes everything, `sizes` bytes at a time.
    fn write_all(lanes: &mut [Queue; LANES], sizes: &[usize]) -> Vec<u8> {
        let (mut turns, mut out, mut sizes) = (Turns::default(), Vec::new(), sizes.iter().cycle());
        loop {
            let (lengths, bytes): (Vec<_>, Vec<u8>) = {
                let order = turns.order([&lanes[0], &lanes[1], &lanes[2]]);
                let lengths = order.iter().map(|(lane, it)| (*lane, it.len())).collect();
                (lengths, order.iter().flat_map(|it| it.1.to_vec()).collect())
            };
            if bytes.is_empty() {
                return out;
            }
            let taken = bytes.len().min(*sizes.next().unwrap_or(&usize::MAX));
            out.extend_from_slice(&bytes[..taken]);
            let [control, push, signals] = lanes;
            turns.written([control, push, signals], &lengths, taken);
        }
    }

    #[test]
    fn replies_and_pushes_take_turns_and_signals_come_last() {
        let mut lanes = [
            queue(&[b"a1", b"a2", b"a3"]),
            queue(&[b"b1", b"b2"]),
            queue(&[b"s1", b"s2"]),
        ];
        assert_eq!(write_all(&mut lanes, &[usize::MAX]), b"a1b1a2b2a3s1s2");
    }

    #[test]
    fn what_has_begun_is_finished_before_anything_else() {
        let mut lanes = [queue(&[]), queue(&[b"push"]), queue(&[])];
        let mut turns = Turns::default();
        let [control, push, signals] = &mut lanes;
        turns.written([control, push, signals], &[(PUSH, 4)], 1);
        lanes[CONTROL].push(Bytes::from_static(b"reply"), 0);
        assert_eq!(write_all(&mut lanes, &[usize::MAX]), b"ushreply");
    }

    proptest! {
        #[test]
        fn however_it_is_written_frames_stay_whole_and_lanes_in_order(
            frames in prop::collection::vec((0..LANES, 1..2_000usize), 0..200),
            sizes in prop::collection::vec(1..5_000usize, 1..20),
        ) {
            let mut lanes: [Queue; LANES] = Default::default();
            let mut sent: [Vec<u8>; LANES] = Default::default();
            for (number, (lane, length)) in frames.iter().enumerate() {
                // Which frame a byte belongs to, and where it ends, shows in the bytes.
                let mut frame = vec![u8::try_from(*lane).unwrap_or(0); *length];
                frame.extend_from_slice(&[0xf0 | u8::try_from(number % 8).unwrap_or(0)]);
                sent[*lane].extend_from_slice(&frame);
                lanes[*lane].push(frame.into(), 0);
            }
            let out = write_all(&mut lanes, &sizes);
            let mut got: [Vec<u8>; LANES] = Default::default();
            for frame in out.split_inclusive(|byte| *byte >= 0xf0) {
                prop_assert!(frame.iter().rev().skip(1).all(|byte| *byte == frame[0]), "torn");
                got[usize::from(frame[0])].extend_from_slice(frame);
            }
            prop_assert_eq!(got, sent);
            prop_assert!(lanes.iter().all(|lane| lane.is_empty() && lane.bytes() == 0));
        }
    }
}
