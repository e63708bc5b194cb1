//! The bus over the publish and subscribe of a Redis.
//!
//! Two connections: frames out go over one for commands, frames in over one of their own that only
//! subscribes (`subscriber`). What goes out comes back in: a canary through each channel every 2 s
//! shows that both halves work (`canary`), since a subscription can be lost without a word.

mod canary;
mod outgoing;
mod publisher;
mod shared;
mod subscriber;

use std::sync::Arc;

use bytes::Bytes;
use parlor_protocol::Epoch;
use tokio::task::JoinHandle;

use super::Bus;
use super::channel::{Channel, Channels};
use super::counters::Counters;
use super::envelope::{BusKey, NodeNumber};
use super::event::{EventQueue, Events};
use crate::redis::RedisAddress;
use shared::Shared;

/// What a node's bus is made of.
#[derive(Clone, Debug)]
pub struct Settings {
    pub address: RedisAddress,
    /// Begins the names of channels, so that installations can share a Redis.
    pub prefix: String,
    pub channels: Channels,
    pub key: BusKey,
    pub node: NodeNumber,
    pub epoch: Epoch,
}

/// One node's end of the bus. Dropping it ends its connections and its events.
#[derive(Debug)]
pub struct RedisBus {
    shared: Arc<Shared>,
    tasks: [JoinHandle<()>; 2],
}

impl RedisBus {
    /// Begins to connect and goes on for as long as it lives, whatever the Redis does. Must be called
    /// within a runtime. An operator's mistakes are found by [`RedisAddress::check`] before.
    pub fn start(settings: Settings) -> (Self, Events) {
        let (queue, events) = EventQueue::new();
        let shared = Arc::new(Shared::new(settings, queue));
        // Sessions that ended concern every node at all times.
        shared.take(Channel::Cluster);
        let tasks = [
            tokio::spawn(publisher::run(shared.clone())),
            tokio::spawn(subscriber::run(shared.clone())),
        ];
        (Self { shared, tasks }, events)
    }
}

impl Bus for RedisBus {
    fn publish(&self, channel: Channel, frame: Bytes) {
        self.shared.publish(channel, frame);
    }

    fn take(&self, channel: Channel) {
        self.shared.take(channel);
    }

    fn release(&self, channel: Channel) {
        self.shared.release(channel);
    }

    fn channels(&self) -> Channels {
        self.shared.settings.channels
    }

    fn is_away(&self) -> bool {
        self.shared.events.is_away()
    }

    fn set_epoch(&self, epoch: Epoch) {
        self.shared.set_epoch(epoch);
    }

    fn counters(&self) -> &Counters {
        &self.shared.counters
    }
}

impl Drop for RedisBus {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
        self.shared.events.close();
    }
}
