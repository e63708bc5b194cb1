//! The bus of a single node: nobody else is there, and nothing is ever missed.

use std::sync::Arc;

use bytes::Bytes;
use parlor_protocol::Epoch;

use super::Bus;
use super::channel::{Channel, Channels};
use super::counters::Counters;
use super::event::{EventQueue, Events};

/// A bus that leads nowhere.
#[derive(Debug)]
pub struct LocalBus {
    counters: Counters,
    events: Arc<EventQueue>,
}

impl LocalBus {
    /// The bus and its events, which only end.
    pub fn start() -> (Self, Events) {
        let (queue, events) = EventQueue::new();
        let bus = Self {
            counters: Counters::default(),
            events: queue,
        };
        (bus, events)
    }
}

impl Bus for LocalBus {
    fn publish(&self, _channel: Channel, _frame: Bytes) {}

    fn take(&self, _channel: Channel) {}

    fn release(&self, _channel: Channel) {}

    fn channels(&self) -> Channels {
        Channels::default()
    }

    fn is_away(&self) -> bool {
        false
    }

    fn set_epoch(&self, _epoch: Epoch) {}

    fn counters(&self) -> &Counters {
        &self.counters
    }
}

impl Drop for LocalBus {
    fn drop(&mut self) {
        self.events.close();
    }
}
