//! Send keys that say which post of the plan they stand for.

use parlor_protocol::SendKey;

use super::PostIndex;

/// Bits of a UUIDv7 that are free: 12 after the version, 62 after the variant. The last 32 carry
/// the post's index, the others a tag that tells one run from every other.
const TAG_BITS: u32 = 12 + 62 - 32;
const TAG_LOW_BITS: u32 = 62 - 32;

/// Makes and reads the send keys of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyMaker {
    tag: u64,
}

impl KeyMaker {
    /// `random`: any random number; runs against one database must not share it.
    pub fn new(random: u64) -> Self {
        Self {
            tag: random & ((1 << TAG_BITS) - 1),
        }
    }

    /// The key of a post first sent at `made_at_ms` (ms since the Unix epoch).
    pub fn key(&self, post: PostIndex, made_at_ms: u64) -> SendKey {
        let high = made_at_ms << 16 | 0x7000 | self.tag >> TAG_LOW_BITS;
        let tag_low = self.tag & ((1 << TAG_LOW_BITS) - 1);
        let low = 0b10 << 62 | tag_low << 32 | u64::from(post);
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&high.to_be_bytes());
        bytes[8..].copy_from_slice(&low.to_be_bytes());
        SendKey(bytes)
    }

    /// The post that a key stands for; `None` for a key of somebody else.
    pub fn post(&self, key: &SendKey) -> Option<PostIndex> {
        let made_at_ms = key.made_at_ms()?;
        let post = u32::from_be_bytes([key.0[12], key.0[13], key.0[14], key.0[15]]);
        (self.key(post, made_at_ms) == *key).then_some(post)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_key_is_a_uuid_v7_of_its_instant_and_reads_back(
            random: u64,
            post: u32,
            made_at_ms in 0u64..1 << 48,
        ) {
            let keys = KeyMaker::new(random);
            let key = keys.key(post, made_at_ms);
            let uuid = uuid::Uuid::from_bytes(key.0);
            prop_assert_eq!(uuid.get_version_num(), 7);
            prop_assert_eq!(uuid.get_variant(), uuid::Variant::RFC4122);
            prop_assert_eq!(key.made_at_ms(), Some(made_at_ms));
            prop_assert_eq!(keys.post(&key), Some(post));
        }

        #[test]
        fn another_runs_key_is_nobodys(one in 0u64..1 << 42, other in 0u64..1 << 42, post: u32) {
            prop_assume!(one != other);
            let key = KeyMaker::new(one).key(post, 1_700_000_000_000);
            prop_assert_eq!(KeyMaker::new(other).post(&key), None);
        }
    }

    #[test]
    fn a_random_id_is_nobodys_key() {
        let keys = KeyMaker::new(3);
        assert_eq!(keys.post(&SendKey::new()), None);
        assert_eq!(keys.post(&SendKey([0; 16])), None);
    }
}
