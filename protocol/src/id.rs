//! Identities. Each is a type of its own, so that a room never stands where a person should.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::codec::{Decode, Encode};

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode)]
        pub struct $name(pub [u8; 16]);

        impl $name {
            /// A new time-ordered id (UUIDv7).
            pub fn new() -> Self {
                Self(Uuid::now_v7().into_bytes())
            }

            /// The id from the bytes of a database column; `None` unless there are 16.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }

            pub fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// Milliseconds since the Unix epoch at which a UUIDv7 was made; `None` for other ids.
            pub fn made_at_ms(&self) -> Option<u64> {
                let uuid = Uuid::from_bytes(self.0);
                (uuid.get_version_num() == 7).then(|| {
                    self.0[..6].iter().fold(0, |ms, byte| ms << 8 | u64::from(*byte))
                })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                Uuid::from_bytes(self.0).hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Uuid::from_str(text).map(|id| Self(id.into_bytes())).map_err(|_| InvalidId)
            }
        }
    };
}

uuid_id!(
    /// A person or a bot.
    UserId
);
uuid_id!(
    /// A room. A direct room's id is derived from its people: see [`RoomId::direct`].
    RoomId
);
uuid_id!(
    /// A session of one device.
    SessionId
);
uuid_id!(
    /// A client's idempotency key: unique per sender, made once per mutation, sent with each retry.
    SendKey
);

/// The text is not an id: 32 hexadecimal digits, with or without hyphens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id: expected 32 hexadecimal digits with or without hyphens")]
pub struct InvalidId;

/// Which life of an installation's data a number belongs to; random, made anew by a restore or a
/// move between databases. Never 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct Epoch(pub u64);

impl Epoch {
    /// From 64 random bits; 0 becomes 1, since 0 stands for "none" on the wire.
    pub fn from_random(bits: u64) -> Self {
        Self(bits.max(1))
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Epoch({self})")
    }
}

impl RoomId {
    /// The direct room of two people: the same for both, whoever opens it first, on any device.
    pub fn direct(one: UserId, other: UserId) -> Self {
        use sha2::{Digest, Sha256};
        let (low, high) = if one <= other {
            (one, other)
        } else {
            (other, one)
        };
        let digest = Sha256::new()
            .chain_update(b"parlor direct room")
            .chain_update(low.0)
            .chain_update(high.0)
            .finalize();
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        // Version 8 (free form), so that it can never equal a random room's UUIDv7.
        id[6] = (id[6] & 0x0f) | 0x80;
        id[8] = (id[8] & 0x3f) | 0x80;
        Self(id)
    }
}
