//! Whether the subscriber still hears its channels: rules without I/O, the clock is passed in.
//!
//! Every round a canary is sent through each channel, and must have come back by the next round. A
//! channel that misses two is deaf, although the connection looks well: it is built anew. A
//! connection on which nothing at all arrives for two rounds is dead.

use std::collections::{BTreeMap, BTreeSet};

use crate::bus::channel::Channel;

/// Time of a round, ms.
pub(super) const ROUND_MS: u64 = 2_000;
/// Rounds missed in a row that are no accident.
const MISSES: u32 = 2;

/// What a round brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Send a canary of this round through each of these channels.
    Fine { round: u64, channels: Vec<Channel> },
    /// These channels are deaf: build the connection anew.
    Rebuild { deaf: Vec<Channel> },
    /// The connection is dead, or building it anew did not help: the bus is away.
    Dead,
}

/// The channels of one connection after the other.
#[derive(Debug)]
pub(super) struct Canaries {
    round: u64,
    next_ms: u64,
    channels: BTreeMap<Channel, Ear>,
    /// Something arrived since the last round.
    heard_any: bool,
    silent_rounds: u32,
    /// For these the connection was built anew, and no canary has come through them yet.
    on_trial: BTreeSet<Channel>,
}

#[derive(Debug, Default)]
struct Ear {
    confirmed: bool,
    /// A canary, or the confirmation, is due by the next round.
    waiting: bool,
    misses: u32,
}

impl Canaries {
    pub(super) fn new(now_ms: u64) -> Self {
        Self {
            round: 0,
            next_ms: now_ms,
            channels: BTreeMap::new(),
            heard_any: false,
            silent_rounds: 0,
            on_trial: BTreeSet::new(),
        }
    }

    /// A new connection: all channels have to be asked for anew. The first round comes at once.
    pub(super) fn connected(&mut self, now_ms: u64) {
        self.channels.clear();
        self.heard_any = true;
        self.silent_rounds = 0;
        self.next_ms = now_ms;
    }

    /// The channel was asked for.
    pub(super) fn asked(&mut self, channel: Channel) {
        self.channels.entry(channel).or_default();
    }

    /// The channel was given up.
    pub(super) fn left(&mut self, channel: Channel) {
        self.channels.remove(&channel);
        self.on_trial.remove(&channel);
    }

    /// Redis confirmed the channel. Whether it was waited for.
    pub(super) fn confirmed(&mut self, channel: Channel) -> bool {
        let Some(ear) = self.channels.get_mut(&channel) else {
            return false;
        };
        let first = !ear.confirmed;
        *ear = Ear {
            confirmed: true,
            ..Ear::default()
        };
        first
    }

    /// Redis gave the channel up. One that was asked for again meanwhile begins anew.
    pub(super) fn unconfirmed(&mut self, channel: Channel) {
        if let Some(ear) = self.channels.get_mut(&channel) {
            *ear = Ear::default();
        }
    }

    /// Whether all that was asked for is confirmed.
    pub(super) fn all_confirmed(&self) -> bool {
        self.channels.values().all(|ear| ear.confirmed)
    }

    /// Whether the connection still has to show that building it anew helped.
    pub(super) fn on_trial(&self) -> bool {
        !self.on_trial.is_empty()
    }

    /// Something arrived.
    pub(super) fn heard_any(&mut self) {
        self.heard_any = true;
    }

    /// A canary came back through a channel; one of an earlier round does as well.
    pub(super) fn heard(&mut self, channel: Channel) {
        if let Some(ear) = self.channels.get_mut(&channel) {
            ear.waiting = false;
            ear.misses = 0;
            self.on_trial.remove(&channel);
        }
    }

    /// When the next round is due, ms.
    pub(super) fn next_ms(&self) -> u64 {
        self.next_ms
    }

    /// Ends a round and begins the next. `can_send`: canaries can be sent now; else no channel is
    /// blamed for not being heard.
    pub(super) fn round(&mut self, now_ms: u64, can_send: bool) -> Verdict {
        self.next_ms = now_ms + ROUND_MS;
        self.silent_rounds = match std::mem::take(&mut self.heard_any) {
            true => 0,
            false => self.silent_rounds + 1,
        };
        if self.silent_rounds >= MISSES {
            return Verdict::Dead;
        }
        let mut deaf = Vec::new();
        for (channel, ear) in &mut self.channels {
            ear.misses = if ear.waiting { ear.misses + 1 } else { 0 };
            if ear.misses >= MISSES {
                deaf.push(*channel);
            }
            ear.waiting = can_send || !ear.confirmed;
        }
        if !deaf.is_empty() {
            let was_on_trial = self.on_trial();
            self.on_trial.extend(&deaf);
            return match was_on_trial {
                true => Verdict::Dead,
                false => Verdict::Rebuild { deaf },
            };
        }
        self.round += 1;
        let confirmed = self.channels.iter().filter(|(_, ear)| ear.confirmed);
        let channels = match can_send {
            true => confirmed.map(|(channel, _)| *channel).collect(),
            false => Vec::new(),
        };
        Verdict::Fine {
            round: self.round,
            channels,
        }
    }
}

#[cfg(test)]
mod tests;
