//! What a node says of itself, and the seal under which it says it.
//!
//! `32 hexadecimal digits of MAC | JSON`: whoever else reaches the Redis can read it and cannot put
//! an address into the clients' node lists. The MAC does not cover when it was written: an old
//! record said again has an old beat, and nobody is alive by an old beat.

use std::fmt;

use ring::hmac;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::bus::NodeNumber;

/// What of the frames and records between nodes must be understood: raised when a node of today
/// could not work beside one of yesterday. Nodes of N and of N−1 work together.
pub const PROTOCOL: u16 = 1;
/// Longest record, bytes: an address with several host names, and some.
pub const RECORD_BYTES: usize = 2 * 1024;
/// Sets this use of the cluster's secret apart from all others.
const PURPOSE: &[u8] = b"parlor node records 1";
/// What a forger would have to guess, bytes.
const MAC_BYTES: usize = 16;

/// How a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// It has not looked around yet.
    Joining,
    /// It takes links.
    Ready,
    /// It sends its links away and takes no new ones.
    Draining,
    /// It has ended in good order.
    Gone,
}

/// One node, as it said at its last beat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRecord {
    pub number: u64,
    /// Of this start of the node, as at random: tells a node that came back from two with one number.
    pub start: u64,
    pub started_at_ms: u64,
    /// Where clients reach it: `host[,host2]:port`.
    pub address: String,
    pub state: NodeState,
    pub links: u32,
    /// Links that it takes at most.
    pub capacity: u32,
    /// Counts what it said.
    pub beat: u64,
    /// Its clock then, ms since the Unix epoch.
    pub clock_ms: u64,
    pub epoch: u64,
    /// Shards of rooms and of people on the bus.
    pub channels: (u16, u16),
    pub protocol: u16,
    /// Of its program, for people.
    pub version: String,
}

impl NodeRecord {
    pub fn node(&self) -> NodeNumber {
        NodeNumber(self.number)
    }

    /// How full it is, as clients are told.
    pub fn load(&self) -> u8 {
        load(self.links, self.capacity)
    }

    /// Whether it began after the other: of two that cannot be together it is the one that goes.
    pub fn is_later_than(&self, other: &Self) -> bool {
        (self.started_at_ms, self.start) > (other.started_at_ms, other.start)
    }
}

/// How full a node is, 0 to 255, on a logarithmic scale: a twenty-fifth more links is one step more,
/// whether the node has a hundred or ten thousand, so that clients can tell nearly empty nodes apart.
pub fn load(links: u32, capacity: u32) -> u8 {
    let full = f64::from(capacity.max(1)).ln_1p();
    let filled = f64::from(links).ln_1p() / full;
    (filled.clamp(0.0, 1.0) * 255.0).round() as u8
}

/// What records are sealed under.
#[derive(Clone)]
pub struct RecordKey(hmac::Key);

/// Why bytes are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// Not under our secret, or damaged.
    Foreign,
    /// Under our secret, and yet not understood: a node of another release.
    Unknown,
}

impl RecordKey {
    /// From the secret that all nodes of the installation share.
    pub fn derive(cluster_secret: &[u8]) -> Self {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, cluster_secret);
        let derived = hmac::sign(&secret, PURPOSE);
        Self(hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()))
    }

    fn mac(&self, json: &[u8]) -> String {
        let mac = hmac::sign(&self.0, json);
        data_encoding::HEXLOWER.encode(&mac.as_ref()[..MAC_BYTES])
    }

    /// The record as it is kept.
    pub fn seal(&self, record: &NodeRecord) -> Vec<u8> {
        // Numbers, texts and a name: nothing that could fail to become JSON.
        let json = serde_json::to_vec(record).unwrap_or_default();
        let mut sealed = self.mac(&json).into_bytes();
        sealed.extend_from_slice(&json);
        sealed
    }

    pub fn open(&self, sealed: &[u8]) -> Result<NodeRecord, Unreadable> {
        if sealed.len() > RECORD_BYTES {
            return Err(Unreadable::Foreign);
        }
        let parts = sealed.split_at_checked(2 * MAC_BYTES);
        let (mac, json) = parts.ok_or(Unreadable::Foreign)?;
        if !bool::from(self.mac(json).as_bytes().ct_eq(mac)) {
            return Err(Unreadable::Foreign);
        }
        serde_json::from_slice(json).map_err(|_| Unreadable::Unknown)
    }
}

impl fmt::Debug for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecordKey(…)")
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// A node that is ready.
    pub(in crate::cluster) fn record(number: u64) -> NodeRecord {
        NodeRecord {
            number,
            start: number * 1_000,
            started_at_ms: number,
            address: format!("node{number}.example.org:7443"),
            state: NodeState::Ready,
            links: 0,
            capacity: 20_000,
            beat: 1,
            clock_ms: 0,
            epoch: 7,
            channels: (64, 64),
            protocol: PROTOCOL,
            version: "0.1.0".to_owned(),
        }
    }

    #[test]
    fn a_record_opens_under_its_own_secret_only() {
        let key = RecordKey::derive(b"secret");
        let sealed = key.seal(&record(1));
        assert_eq!(key.open(&sealed), Ok(record(1)));
        let other = RecordKey::derive(b"another");
        assert_eq!(other.open(&sealed), Err(Unreadable::Foreign));
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert_eq!(key.open(&damaged), Err(Unreadable::Foreign), "byte {at}");
            assert!(key.open(&sealed[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn what_a_later_release_adds_is_passed_over() {
        let key = RecordKey::derive(b"secret");
        let mut json = serde_json::to_value(record(1)).unwrap();
        json["zone"] = "a".into();
        let json = serde_json::to_vec(&json).unwrap();
        let sealed = [key.mac(&json).as_bytes(), &json].concat();
        assert_eq!(key.open(&sealed), Ok(record(1)));
        let sealed = [key.mac(b"{}").as_bytes(), b"{}"].concat();
        assert_eq!(key.open(&sealed), Err(Unreadable::Unknown));
    }

    #[test]
    fn load_tells_nodes_apart_whether_few_links_are_there_or_many() {
        assert_eq!((load(0, 20_000), load(20_000, 20_000)), (0, 255));
        assert_eq!((load(7, 0), load(40_000, 20_000)), (255, 255));
        for links in [20, 300, 5_000] {
            assert!(load(links, 20_000) < load(links + links / 10, 20_000));
        }
    }
}
