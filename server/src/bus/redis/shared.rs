//! What the halves of the bus and its users share.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use parlor_protocol::Epoch;
use parlor_protocol::limit::{BODY_BYTES, HEADER_BYTES};
use tokio::sync::Notify;

use super::Settings;
use super::outgoing::Outgoing;
use crate::bus::channel::Channel;
use crate::bus::counters::Counters;
use crate::bus::envelope::{Content, Reject, Sealer};
use crate::bus::event::EventQueue;
use crate::bus::interest::Interest;

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) counters: Counters,
    pub(super) events: Arc<EventQueue>,
    pub(super) outgoing: Outgoing,
    /// Woken when the wanted channels change.
    pub(super) interest_changed: Notify,
    interest: Mutex<Interest>,
    sealer: Sealer,
    epoch: AtomicU64,
}

impl Shared {
    pub(super) fn new(settings: Settings, events: Arc<EventQueue>) -> Self {
        Self {
            counters: Counters::default(),
            events,
            outgoing: Outgoing::default(),
            interest_changed: Notify::new(),
            interest: Mutex::new(Interest::default()),
            sealer: Sealer {
                key: settings.key.clone(),
                node: settings.node,
            },
            epoch: AtomicU64::new(settings.epoch.0),
            settings,
        }
    }

    pub(super) fn publish(&self, channel: Channel, frame: Bytes) {
        if frame.len() > HEADER_BYTES + BODY_BYTES {
            self.counters.publish_oversize.add(1);
        } else if !self.outgoing.push(channel, frame) {
            self.counters.publish_full.add(1);
        }
    }

    pub(super) fn take(&self, channel: Channel) {
        let changed = self.interest().take(channel);
        self.note(changed);
    }

    pub(super) fn release(&self, channel: Channel) {
        let changed = self.interest().release(channel);
        self.note(changed);
    }

    pub(super) fn wanted(&self) -> BTreeSet<Channel> {
        self.interest().wanted()
    }

    pub(super) fn set_epoch(&self, epoch: Epoch) {
        self.epoch.store(epoch.0, Ordering::Relaxed);
    }

    /// The channel's name in Redis.
    pub(super) fn name(&self, channel: Channel) -> String {
        self.settings.channels.name(&self.settings.prefix, channel)
    }

    pub(super) fn seal(&self, channel: &str, content: &Content) -> Vec<u8> {
        self.sealer.seal(self.epoch(), channel, content)
    }

    pub(super) fn open(&self, channel: &str, bytes: Bytes) -> Result<Content, Reject> {
        self.sealer.open(self.epoch(), channel, bytes)
    }

    fn epoch(&self) -> Epoch {
        Epoch(self.epoch.load(Ordering::Relaxed))
    }

    fn note(&self, changed: bool) {
        if changed {
            self.counters.channels.set(self.interest().len() as i64);
            self.interest_changed.notify_one();
        }
    }

    fn interest(&self) -> MutexGuard<'_, Interest> {
        self.interest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
