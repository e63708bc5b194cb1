//! One direction of a relay: packets on the way, ordered by when they are due.
//!
//! No I/O and no clock of its own.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use bytes::Bytes;

use super::fate::{Decider, Fate};
use super::plan::{Direction, Path};
use super::stats::PathStats;

/// What a line holds at most. A line that is full drops what comes next, as a router does.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub packets: usize,
    pub bytes: usize,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            // 300 ms of 50,000 packets a second.
            packets: 16_384,
            // The same in full QUIC packets.
            bytes: 24 << 20,
        }
    }
}

/// Packets of one direction, each with the address `To` it belongs to.
#[derive(Debug)]
pub struct Line<To> {
    decider: Decider,
    bounds: Bounds,
    waiting: BinaryHeap<Reverse<Waiting<To>>>,
    waiting_bytes: usize,
    /// When the last packet that keeps its place is due: jitter must not overtake it.
    last_due: Option<Instant>,
    /// Packets placed so far.
    placed: u64,
    /// Highest arrival number that came out.
    newest_out: u64,
    stats: PathStats,
}

#[derive(Debug)]
struct Waiting<To> {
    due: Instant,
    /// Breaks ties, so that equal times keep the order of arrival.
    order: u64,
    /// Arrival number of the packet; a copy has none.
    arrival: Option<u64>,
    to: To,
    payload: Bytes,
}

impl<To: Copy> Line<To> {
    pub fn new(seed: u64, direction: Direction, bounds: Bounds) -> Line<To> {
        Line {
            decider: Decider::new(seed, direction),
            bounds,
            waiting: BinaryHeap::new(),
            waiting_bytes: 0,
            last_due: None,
            placed: 0,
            newest_out: 0,
            stats: PathStats::default(),
        }
    }

    /// Takes a packet that arrived at `now`.
    pub fn offer(&mut self, now: Instant, path: &Path, to: To, payload: Bytes) {
        self.stats.received += 1;
        let passage = match self.decider.decide(path) {
            Fate::Lost => {
                self.stats.lost += 1;
                return;
            }
            Fate::Passed(passage) => passage,
        };
        let due = if passage.held_back {
            now + passage.after
        } else {
            let due = self.last_due.map_or(now, |last| last.max(now));
            let due = due.max(now + passage.after);
            self.last_due = Some(due);
            due
        };
        let arrival = Some(self.stats.received);
        self.place(due, arrival, to, payload.clone());
        if let Some(copy_after) = passage.copy_after {
            self.stats.duplicated += 1;
            self.place(due.max(now + copy_after), None, to, payload);
        }
    }

    /// Drops a packet that arrived during a cut.
    pub fn refuse(&mut self) {
        self.stats.received += 1;
        self.stats.cut += 1;
    }

    fn place(&mut self, due: Instant, arrival: Option<u64>, to: To, payload: Bytes) {
        let bytes = self.waiting_bytes + payload.len();
        if self.waiting.len() >= self.bounds.packets || bytes > self.bounds.bytes {
            self.stats.overflowed += 1;
            return;
        }
        self.waiting_bytes = bytes;
        self.placed += 1;
        self.waiting.push(Reverse(Waiting {
            due,
            order: self.placed,
            arrival,
            to,
            payload,
        }));
    }

    /// The next packet that is due at `now`, if any.
    pub fn pop_due(&mut self, now: Instant) -> Option<(To, Bytes)> {
        if self.next_due()? > now {
            return None;
        }
        let Reverse(packet) = self.waiting.pop()?;
        self.waiting_bytes -= packet.payload.len();
        if let Some(arrival) = packet.arrival {
            if arrival < self.newest_out {
                self.stats.reordered += 1;
            }
            self.newest_out = self.newest_out.max(arrival);
        }
        self.stats.forwarded += 1;
        Some((packet.to, packet.payload))
    }

    /// When the next packet is due.
    pub fn next_due(&self) -> Option<Instant> {
        self.waiting.peek().map(|Reverse(packet)| packet.due)
    }

    /// Drops what is on the way: the line was cut.
    pub fn clear(&mut self) {
        self.stats.cut += self.waiting.len() as u64;
        self.waiting.clear();
        self.waiting_bytes = 0;
        self.last_due = None;
    }

    /// Counts a packet that came out but that the system did not take.
    pub fn undeliverable(&mut self) {
        self.stats.forwarded -= 1;
        self.stats.overflowed += 1;
    }

    pub fn stats(&self) -> PathStats {
        PathStats {
            waiting: self.waiting.len() as u64,
            ..self.stats
        }
    }
}

impl<To> PartialEq for Waiting<To> {
    fn eq(&self, other: &Waiting<To>) -> bool {
        self.order == other.order
    }
}

impl<To> Eq for Waiting<To> {}

impl<To> PartialOrd for Waiting<To> {
    fn partial_cmp(&self, other: &Waiting<To>) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<To> Ord for Waiting<To> {
    fn cmp(&self, other: &Waiting<To>) -> std::cmp::Ordering {
        (self.due, self.order).cmp(&(other.due, other.order))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// A line with numbered packets put in one a millisecond, and what came out when all was due.
    fn travel(path: &Path, packets: u32, bounds: Bounds) -> (Vec<u32>, PathStats) {
        let start = Instant::now();
        let mut line = Line::new(11, Direction::Up, bounds);
        let mut out = Vec::new();
        let mut drain = |line: &mut Line<u32>, now| {
            while let Some((number, _)) = line.pop_due(now) {
                out.push(number);
            }
        };
        for number in 0..packets {
            let now = start + Duration::from_millis(u64::from(number));
            line.offer(now, path, number, Bytes::from_static(b"0123456789"));
            drain(&mut line, now);
        }
        drain(&mut line, start + Duration::from_secs(3600));
        (out, line.stats())
    }

    #[test]
    fn a_clean_line_passes_everything_at_once() {
        let (out, stats) = travel(&Path::default(), 50, Bounds::default());
        assert_eq!(out, (0..50).collect::<Vec<_>>());
        assert_eq!(stats.forwarded, 50);
        assert!(stats.is_settled());
    }

    #[test]
    fn jitter_never_changes_the_order() {
        let path = Path {
            delay: Duration::from_millis(3),
            jitter: Duration::from_millis(40),
            ..Path::default()
        };
        let (out, stats) = travel(&path, 500, Bounds::default());
        assert!(out.is_sorted());
        assert_eq!((out.len(), stats.reordered), (500, 0));
    }

    #[test]
    fn held_back_packets_are_overtaken_and_counted() {
        let path = Path {
            reorder: 0.1,
            ..Path::default()
        };
        let (out, stats) = travel(&path, 500, Bounds::default());
        assert!(!out.is_sorted());
        assert_eq!(out.len(), 500);
        assert!((20..100).contains(&stats.reordered), "{stats:?}");
    }

    #[test]
    fn copies_come_out_as_well() {
        let path = Path {
            duplicate: 1.0,
            ..Path::default()
        };
        let (out, stats) = travel(&path, 20, Bounds::default());
        assert_eq!(out.len(), 40);
        assert_eq!((stats.duplicated, stats.forwarded), (20, 40));
        assert!(stats.is_settled());
    }

    #[test]
    fn a_full_line_drops_what_comes_next() {
        let path = Path {
            delay: Duration::from_secs(60),
            ..Path::default()
        };
        let few = Bounds {
            packets: 5,
            bytes: 1000,
        };
        let (out, stats) = travel(&path, 20, few);
        assert_eq!(out, [0, 1, 2, 3, 4]);
        assert_eq!(stats.overflowed, 15);
        let small = Bounds {
            packets: 1000,
            bytes: 35,
        };
        let (out, stats) = travel(&path, 20, small);
        assert_eq!((out.len(), stats.overflowed), (3, 17));
        assert!(stats.is_settled());
    }

    #[test]
    fn a_cut_loses_what_is_on_the_way() {
        let now = Instant::now();
        let path = Path {
            delay: Duration::from_secs(1),
            ..Path::default()
        };
        let mut line = Line::new(1, Direction::Down, Bounds::default());
        line.offer(now, &path, (), Bytes::from_static(b"x"));
        line.clear();
        line.refuse();
        assert_eq!(line.pop_due(now + Duration::from_secs(2)), None);
        assert_eq!((line.stats().cut, line.next_due()), (2, None));
        assert!(line.stats().is_settled());
    }
}
