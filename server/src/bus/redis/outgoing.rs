//! Frames on their way out, within a bound, and the canaries of the newest round.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

use crate::bus::channel::Channel;
use crate::bus::envelope::Content;
use crate::bus::queue::{Bounds, Queue};

/// Frames that wait for Redis: about a second of a busy node. What is older is of no use to anybody.
const WAITING: Bounds = Bounds {
    items: 4_096,
    bytes: 16 << 20,
};
/// Frames and bytes of one flight: enough to make round trips cheap, little enough that its deadline
/// is one of the network and not of its size.
const FLIGHT_ITEMS: usize = 256;
const FLIGHT_BYTES: usize = 1 << 20;

#[derive(Debug)]
pub(super) struct Outgoing {
    inner: Mutex<Inner>,
    ready: Notify,
}

#[derive(Debug)]
struct Inner {
    frames: Queue<(Channel, Bytes)>,
    /// A round replaces the one before it.
    canaries: Vec<(Channel, u64)>,
}

impl Default for Outgoing {
    fn default() -> Self {
        Self {
            inner: Mutex::new(Inner {
                frames: Queue::new(WAITING),
                canaries: Vec::new(),
            }),
            ready: Notify::new(),
        }
    }
}

impl Outgoing {
    /// Whether there was room.
    pub(super) fn push(&self, channel: Channel, frame: Bytes) -> bool {
        let bytes = frame.len();
        let taken = self.inner().frames.push((channel, frame), bytes);
        self.ready.notify_one();
        taken
    }

    /// One canary through each of these channels, before the frames that wait.
    pub(super) fn send_canaries(&self, round: u64, channels: Vec<Channel>) {
        self.inner().canaries = channels.into_iter().map(|it| (it, round)).collect();
        self.ready.notify_one();
    }

    /// What goes out next, at least one thing. Cancelling it loses nothing.
    pub(super) async fn next(&self) -> Vec<(Channel, Content)> {
        loop {
            let flight = self.inner().flight();
            if !flight.is_empty() {
                return flight;
            }
            self.ready.notified().await;
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn flight(&mut self) -> Vec<(Channel, Content)> {
        let canaries = std::mem::take(&mut self.canaries).into_iter();
        let canaries = canaries.map(|(channel, round)| (channel, Content::Canary(round)));
        let mut flight: Vec<(Channel, Content)> = canaries.collect();
        let mut bytes = 0;
        while flight.len() < FLIGHT_ITEMS && bytes < FLIGHT_BYTES {
            let Some((channel, frame)) = self.frames.pop() else {
                break;
            };
            bytes += frame.len();
            flight.push((channel, Content::Frame(frame)));
        }
        flight
    }
}
