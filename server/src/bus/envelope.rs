//! What stands around a frame on the bus: who sent it, in which life of the installation, and a MAC
//! under the cluster's secret, so that whoever else reaches the Redis cannot speak for a node.
//!
//! `u8 version | u8 sort | u64 node | u64 epoch | 16 bytes MAC | frame`, little-endian. The MAC covers
//! the channel's name and all but itself: a frame is worth nothing on another channel. An old frame
//! said again passes, and does no harm: it is a hint about a rev that is known by then.

use bytes::{Buf, Bytes};
use parlor_protocol::Epoch;
use parlor_protocol::frame::FrameReader;
use parlor_protocol::limit::BODY_BYTES;
use ring::hmac;
use subtle::ConstantTimeEq;

const VERSION: u8 = 1;
const SORT_FRAME: u8 = 1;
const SORT_CANARY: u8 = 2;
/// Where the MAC begins, and its length: what a forger would have to guess.
const MAC_AT: usize = 18;
const MAC_BYTES: usize = 16;
/// Bytes before a frame.
pub(super) const ENVELOPE_BYTES: usize = MAC_AT + MAC_BYTES;
/// Sets this use of the cluster's secret apart from all others.
const PURPOSE: &[u8] = b"parlor bus frames 1";

/// Which node sent a frame: a number of its own for each start of each node, as at random.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NodeNumber(pub u64);

/// What frames are sealed under.
#[derive(Clone)]
pub struct BusKey(hmac::Key);

impl BusKey {
    /// From the secret that all nodes of the installation share.
    pub fn derive(cluster_secret: &[u8]) -> Self {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, cluster_secret);
        let derived = hmac::sign(&secret, PURPOSE);
        Self(hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()))
    }

    fn mac(&self, channel: &str, head: &[u8], body: &[u8]) -> [u8; MAC_BYTES] {
        let mut context = hmac::Context::with_key(&self.0);
        // Its length first: names and heads must not run into each other.
        context.update(&(channel.len() as u64).to_le_bytes());
        context.update(channel.as_bytes());
        context.update(head);
        context.update(body);
        let mut mac = [0; MAC_BYTES];
        mac.copy_from_slice(&context.sign().as_ref()[..MAC_BYTES]);
        mac
    }
}

impl std::fmt::Debug for BusKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BusKey(…)")
    }
}

/// What is sent through a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// A whole frame of the wire.
    Frame(Bytes),
    /// A sign of life of this round: whoever sent it still hears the channel.
    Canary(u64),
}

/// Why something that came in is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reject {
    /// Sent by this node.
    Own,
    /// A canary of another node, which means nothing here.
    OthersCanary,
    /// Not under our secret, damaged, or moved from another channel.
    Forged,
    /// Of another life of the installation.
    Epoch,
    /// Under our secret, and yet no frame: a node of another release.
    Malformed,
}

/// One node's pen and eye.
#[derive(Debug)]
pub(super) struct Sealer {
    pub(super) key: BusKey,
    pub(super) node: NodeNumber,
}

impl Sealer {
    pub(super) fn seal(&self, epoch: Epoch, channel: &str, content: &Content) -> Vec<u8> {
        let round;
        let (sort, body): (u8, &[u8]) = match content {
            Content::Frame(frame) => (SORT_FRAME, frame),
            Content::Canary(number) => {
                round = number.to_le_bytes();
                (SORT_CANARY, &round)
            }
        };
        let mut bytes = Vec::with_capacity(ENVELOPE_BYTES + body.len());
        bytes.extend_from_slice(&[VERSION, sort]);
        bytes.extend_from_slice(&self.node.0.to_le_bytes());
        bytes.extend_from_slice(&epoch.0.to_le_bytes());
        let mac = self.key.mac(channel, &bytes, body);
        bytes.extend_from_slice(&mac);
        bytes.extend_from_slice(body);
        bytes
    }

    /// What another node sent, or this node's own canary.
    pub(super) fn open(
        &self,
        epoch: Epoch,
        channel: &str,
        mut bytes: Bytes,
    ) -> Result<Content, Reject> {
        if bytes.len() < ENVELOPE_BYTES {
            return Err(Reject::Forged);
        }
        let envelope = bytes.split_to(ENVELOPE_BYTES);
        let (head, mac) = envelope.split_at(MAC_AT);
        let (sort, own) = (head[1], (&head[2..10]).get_u64_le() == self.node.0);
        // Not worth a MAC: it is dropped whoever sent it.
        match (sort, own) {
            (SORT_FRAME, true) => return Err(Reject::Own),
            (SORT_CANARY, false) => return Err(Reject::OthersCanary),
            _ => {}
        }
        let expected = self.key.mac(channel, head, &bytes);
        if !bool::from(expected[..].ct_eq(mac)) {
            return Err(Reject::Forged);
        }
        if head[0] != VERSION {
            return Err(Reject::Malformed);
        }
        if (&head[10..18]).get_u64_le() != epoch.0 {
            return Err(Reject::Epoch);
        }
        match sort {
            SORT_FRAME if is_one_frame(&bytes) => Ok(Content::Frame(bytes)),
            SORT_CANARY if bytes.len() == 8 => Ok(Content::Canary(bytes.get_u64_le())),
            _ => Err(Reject::Malformed),
        }
    }
}

/// Who sent it; to be believed once it was opened.
pub(super) fn sender(bytes: &[u8]) -> NodeNumber {
    NodeNumber(bytes.get(2..10).map_or(0, |mut at| at.get_u64_le()))
}

/// Whether the bytes are exactly one frame of the wire.
fn is_one_frame(bytes: &Bytes) -> bool {
    let mut reader = FrameReader::new();
    reader.feed(bytes.clone());
    let whole = matches!(reader.next(BODY_BYTES), Ok(Some(_)));
    whole && reader.buffered_bytes() == 0
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use parlor_protocol::frame::encode;
    use parlor_protocol::hello::Goodbye;
    use proptest::prelude::*;

    use super::*;

    const EPOCH: Epoch = Epoch(7);

    fn sealer(secret: &[u8], node: u64) -> Sealer {
        Sealer {
            key: BusKey::derive(secret),
            node: NodeNumber(node),
        }
    }

    fn frame() -> Content {
        Content::Frame(encode(0, &Goodbye::default()))
    }

    fn sent(content: &Content) -> Bytes {
        sealer(b"secret", 1).seal(EPOCH, "a", content).into()
    }

    #[test]
    fn another_node_reads_a_frame_and_the_sender_does_not() {
        let opened = sealer(b"secret", 2).open(EPOCH, "a", sent(&frame()));
        assert_eq!(opened, Ok(frame()));
        let opened = sealer(b"secret", 1).open(EPOCH, "a", sent(&frame()));
        assert_eq!(opened, Err(Reject::Own));
    }

    #[test]
    fn canaries_are_for_their_sender_alone() {
        let canary = Content::Canary(9);
        let opened = sealer(b"secret", 1).open(EPOCH, "a", sent(&canary));
        assert_eq!(opened, Ok(canary.clone()));
        let opened = sealer(b"secret", 2).open(EPOCH, "a", sent(&canary));
        assert_eq!(opened, Err(Reject::OthersCanary));
    }

    #[test]
    fn another_secret_channel_or_life_is_refused() {
        let open =
            |secret: &[u8], epoch, channel| sealer(secret, 2).open(epoch, channel, sent(&frame()));
        assert_eq!(open(b"other", EPOCH, "a"), Err(Reject::Forged));
        assert_eq!(open(b"secret", EPOCH, "b"), Err(Reject::Forged));
        assert_eq!(open(b"secret", Epoch(8), "a"), Err(Reject::Epoch));
    }

    #[test]
    fn what_is_not_one_frame_is_refused() {
        let two = [
            encode(0, &Goodbye::default()),
            encode(0, &Goodbye::default()),
        ]
        .concat();
        for bytes in [two, Vec::new(), vec![0; 11]] {
            let content = Content::Frame(bytes.into());
            let opened = sealer(b"secret", 2).open(EPOCH, "a", sent(&content));
            assert_eq!(opened, Err(Reject::Malformed));
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let whole = sent(&frame());
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let opened = sealer(b"secret", 2).open(EPOCH, "a", bytes.into());
            assert!(opened.is_err(), "bit {bit}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_taken_for_a_frame(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            prop_assert!(sealer(b"secret", 2).open(EPOCH, "a", bytes.into()).is_err());
        }
    }
}
