//! What the bus tells this node, in a queue with a bound: what is dropped there is told as well.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

use super::channel::Channel;
use super::counters::Counters;
use super::envelope::NodeNumber;
use super::queue::{Bounds, Queue};

/// Frames of other nodes that wait for this one: some seconds of a busy cluster.
const WAITING: Bounds = Bounds {
    items: 8_192,
    bytes: 32 << 20,
};

/// Something happened on the bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Another node sent this frame, whole and checked, through a channel.
    Frame {
        channel: Channel,
        node: NodeNumber,
        bytes: Bytes,
    },
    /// Frames may be missing from now on: sweep more often, within the same budget.
    Away,
    /// The bus works, after it was away or for the first time: compare all heads now.
    Back,
    /// These channels are delivered from now on, for the first time or again: compare the heads of
    /// what belongs to them now.
    Rebuilt { channels: Vec<Channel> },
    /// Frames were dropped here since they were not taken fast enough: compare all heads now.
    Missed,
}

/// The receiving end. One task reads it; it ends when the bus is dropped.
#[derive(Debug)]
pub struct Events {
    shared: Arc<EventQueue>,
}

impl Events {
    /// The next event, `None` when the bus has ended. Cancelling it loses nothing.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            {
                let mut inner = self.shared.inner();
                if let Some(event) = inner.pop() {
                    return Some(event);
                }
                if inner.closed {
                    return None;
                }
            }
            self.shared.ready.notified().await;
        }
    }
}

/// Which half of the bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    Publisher,
    Subscriber,
}

/// The giving end.
#[derive(Debug)]
pub(super) struct EventQueue {
    inner: Mutex<Inner>,
    ready: Notify,
}

/// No I/O, no clock.
#[derive(Debug)]
struct Inner {
    queue: Queue<Event>,
    /// After how many more events [`Event::Missed`] is due.
    missed_after: Option<usize>,
    publisher: bool,
    subscriber: bool,
    closed: bool,
}

impl Inner {
    fn new(bounds: Bounds) -> Self {
        Self {
            queue: Queue::new(bounds),
            missed_after: None,
            publisher: false,
            subscriber: false,
            closed: false,
        }
    }

    fn is_away(&self) -> bool {
        !(self.publisher && self.subscriber)
    }

    /// Whether there was room. What was dropped is told once those before it have been read: a
    /// sweep then finds all that was committed before.
    fn push(&mut self, event: Event) -> bool {
        let bytes = match &event {
            Event::Frame { bytes, .. } => bytes.len(),
            _ => 0,
        };
        let taken = self.queue.push(event, bytes);
        if !taken && self.missed_after.is_none() {
            self.missed_after = Some(self.queue.len());
        }
        taken
    }

    fn pop(&mut self) -> Option<Event> {
        match &mut self.missed_after {
            Some(0) => {
                self.missed_after = None;
                Some(Event::Missed)
            }
            Some(before) => {
                *before -= 1;
                self.queue.pop()
            }
            None => self.queue.pop(),
        }
    }

    /// Takes note of one half, and tells when that makes the whole go or come. Whether it does.
    fn set(&mut self, half: Half, up: bool) -> bool {
        let before = self.is_away();
        match half {
            Half::Publisher => self.publisher = up,
            Half::Subscriber => self.subscriber = up,
        }
        match (before, self.is_away()) {
            (false, true) => self.push(Event::Away),
            (true, false) => self.push(Event::Back),
            _ => return false,
        };
        true
    }
}

impl EventQueue {
    pub(super) fn new() -> (Arc<EventQueue>, Events) {
        let shared = Arc::new(EventQueue {
            inner: Mutex::new(Inner::new(WAITING)),
            ready: Notify::new(),
        });
        let events = Events {
            shared: shared.clone(),
        };
        (shared, events)
    }

    pub(super) fn push(&self, event: Event, counters: &Counters) {
        let taken = self.inner().push(event);
        if !taken {
            counters.missed.add(1);
        }
        self.ready.notify_one();
    }

    pub(super) fn set(&self, half: Half, up: bool, counters: &Counters) {
        let (changed, away) = {
            let mut inner = self.inner();
            (inner.set(half, up), inner.is_away())
        };
        counters.away.set(i64::from(away));
        if changed {
            self.ready.notify_one();
        }
    }

    pub(super) fn is_away(&self) -> bool {
        self.inner().is_away()
    }

    pub(super) fn is_up(&self, half: Half) -> bool {
        let inner = self.inner();
        match half {
            Half::Publisher => inner.publisher,
            Half::Subscriber => inner.subscriber,
        }
    }

    pub(super) fn close(&self) {
        self.inner().closed = true;
        self.ready.notify_one();
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(number: u8) -> Event {
        Event::Frame {
            node: NodeNumber(1),
            channel: Channel::Cluster,
            bytes: Bytes::copy_from_slice(&[number]),
        }
    }

    fn small() -> Inner {
        Inner::new(Bounds {
            items: 3,
            bytes: 100,
        })
    }

    fn rest(inner: &mut Inner) -> Vec<Event> {
        std::iter::from_fn(|| inner.pop()).collect()
    }

    #[test]
    fn what_finds_no_room_is_told_once_in_its_place() {
        let mut inner = small();
        let taken: Vec<bool> = (0..6).map(|number| inner.push(frame(number))).collect();
        assert_eq!(taken, [true, true, true, false, false, false]);
        assert_eq!(inner.pop(), Some(frame(0)));
        assert!(inner.push(frame(6)));
        let expected = [frame(1), frame(2), Event::Missed, frame(6)];
        assert_eq!(rest(&mut inner), expected);
    }

    #[test]
    fn a_reader_that_never_keeps_up_still_gets_on() {
        let mut inner = small();
        let mut read = Vec::new();
        for number in 0..100 {
            inner.push(frame(number));
            inner.push(frame(number));
            read.extend(inner.pop());
        }
        let missed = read.iter().filter(|event| **event == Event::Missed);
        assert!((10..=30).contains(&missed.count()), "one a queue's length");
    }

    #[test]
    fn the_bus_is_back_when_both_halves_are_and_away_when_one_is_not() {
        let mut inner = small();
        assert!(inner.is_away(), "it begins away, without saying so");
        inner.set(Half::Publisher, true);
        inner.set(Half::Publisher, false);
        inner.set(Half::Subscriber, true);
        assert_eq!(rest(&mut inner), []);
        inner.set(Half::Publisher, true);
        inner.set(Half::Subscriber, true);
        assert_eq!(rest(&mut inner), [Event::Back]);
        inner.set(Half::Publisher, false);
        inner.set(Half::Subscriber, false);
        assert_eq!(rest(&mut inner), [Event::Away]);
    }

    #[test]
    fn a_state_that_finds_no_room_is_a_reason_to_look() {
        let mut inner = small();
        let taken = (0..3).all(|number| inner.push(frame(number)));
        assert!(taken);
        inner.set(Half::Publisher, true);
        inner.set(Half::Subscriber, true);
        let expected = [frame(0), frame(1), frame(2), Event::Missed];
        assert_eq!(rest(&mut inner), expected);
        assert!(!inner.is_away());
    }
}
