//! Connection ids that a restarted server knows for its own, and does not give out again.

use quinn_proto::{ConnectionId, ConnectionIdGenerator, InvalidCid, RandomConnectionIdGenerator};
use ring::hmac;

/// Of chance. The library's keyed generator has 3: under one key a restarted server then gives a new
/// link the id of an old one that still lives, and takes the old one's packets for damaged ones of
/// the new instead of resetting it; with 1,000 links once in ten to twenty restarts.
const CHANCE_BYTES: usize = 8;
/// Of proof that the id is this node's.
const PROOF_BYTES: usize = 4;

/// Ids of chance and proof; the same key after each start.
pub(super) struct ConnectionIds(hmac::Key);

impl ConnectionIds {
    pub(super) fn new(key: u64) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, &key.to_be_bytes()))
    }

    fn proof(&self, chance: &[u8]) -> [u8; PROOF_BYTES] {
        let tag = hmac::sign(&self.0, chance);
        let mut proof = [0; PROOF_BYTES];
        proof.copy_from_slice(&tag.as_ref()[..PROOF_BYTES]);
        proof
    }
}

impl ConnectionIdGenerator for ConnectionIds {
    fn generate_cid(&mut self) -> ConnectionId {
        let chance = RandomConnectionIdGenerator::new(CHANCE_BYTES).generate_cid();
        let mut id = [0; CHANCE_BYTES + PROOF_BYTES];
        id[..CHANCE_BYTES].copy_from_slice(&chance);
        id[CHANCE_BYTES..].copy_from_slice(&self.proof(&chance));
        ConnectionId::new(&id)
    }

    fn validate(&self, id: &ConnectionId) -> Result<(), InvalidCid> {
        match id.split_at_checked(CHANCE_BYTES) {
            Some((chance, proof)) if self.proof(chance)[..] == *proof => Ok(()),
            _ => Err(InvalidCid),
        }
    }

    fn cid_len(&self) -> usize {
        CHANCE_BYTES + PROOF_BYTES
    }

    fn cid_lifetime(&self) -> Option<std::time::Duration> {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_restarted_server_knows_its_ids_and_gives_out_others() {
        let (mut before, mut after) = (ConnectionIds::new(7), ConnectionIds::new(7));
        let old: HashSet<_> = (0..20_000).map(|_| before.generate_cid()).collect();
        assert!(old.iter().all(|id| after.validate(id).is_ok()));
        // With 3 bytes of chance some 24 of them would meet.
        assert!((0..20_000).all(|_| !old.contains(&after.generate_cid())));
        let foreign = ConnectionIds::new(8);
        assert!(old.iter().all(|id| foreign.validate(id).is_err()));
    }
}
