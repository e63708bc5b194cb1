//! What a frame is about, in so many parts that a node receives little of what it does not need.

use std::fmt;

use parlor_protocol::{RoomId, UserId};

/// A part of all that is said on the bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// For every node: sessions that ended, what caches must forget. Taken by all at all times.
    Cluster,
    /// Batches of the rooms of one shard.
    Rooms(u16),
    /// Entries of the people of one shard.
    People(u16),
}

/// How many shards there are. All nodes of an installation must agree: the numbers stand in the
/// channels' names, so that nodes that do not agree never hear each other, and sweeping alone joins
/// them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Channels {
    rooms: u16,
    people: u16,
}

/// Shards when nobody says otherwise: with a few nodes each needs most of them anyway, with dozens
/// a node is spared most frames; a canary a shard is nothing.
const SHARDS: u16 = 64;
/// More would make canaries the bus' main load.
const SHARDS_MAX: u16 = 1024;

impl Default for Channels {
    fn default() -> Self {
        Self::new(SHARDS, SHARDS)
    }
}

impl Channels {
    /// So many shards of rooms and of people, within 1 and 1024.
    pub fn new(rooms: u16, people: u16) -> Self {
        Self {
            rooms: rooms.clamp(1, SHARDS_MAX),
            people: people.clamp(1, SHARDS_MAX),
        }
    }

    /// Shards of rooms and of people.
    pub fn counts(self) -> (u16, u16) {
        (self.rooms, self.people)
    }

    pub fn room(self, room: RoomId) -> Channel {
        Channel::Rooms(shard(room.as_bytes(), self.rooms))
    }

    pub fn person(self, user: UserId) -> Channel {
        Channel::People(shard(user.as_bytes(), self.people))
    }

    /// The channel's name in Redis: `PREFIX:bus:rooms:SHARD/SHARDS`, `…:people:…`, `…:cluster`.
    pub(super) fn name(self, prefix: &str, channel: Channel) -> String {
        match channel {
            Channel::Cluster => format!("{prefix}:bus:cluster"),
            Channel::Rooms(shard) => format!("{prefix}:bus:rooms:{shard}/{}", self.rooms),
            Channel::People(shard) => format!("{prefix}:bus:people:{shard}/{}", self.people),
        }
    }

    /// The channel of a name that [`Channels::name`] gave.
    pub(super) fn by_name(self, prefix: &str, name: &str) -> Option<Channel> {
        let rest = name.strip_prefix(prefix)?.strip_prefix(":bus:")?;
        if rest == "cluster" {
            return Some(Channel::Cluster);
        }
        let (sort, rest) = rest.split_once(':')?;
        let (shard, shards) = rest.split_once('/')?;
        let (shard, shards): (u16, u16) = (shard.parse().ok()?, shards.parse().ok()?);
        match sort {
            "rooms" if shards == self.rooms && shard < shards => Some(Channel::Rooms(shard)),
            "people" if shards == self.people && shard < shards => Some(Channel::People(shard)),
            _ => None,
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster => f.write_str("cluster"),
            Self::Rooms(shard) => write!(f, "rooms {shard}"),
            Self::People(shard) => write!(f, "people {shard}"),
        }
    }
}

/// FNV-1a over the id, mixed once more: the same on every node of every release for ever. Ids made
/// in one millisecond differ in a few bytes only, which plain remainders would not spread.
fn shard(id: &[u8; 16], shards: u16) -> u16 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in id {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash ^= hash >> 32;
    // Below `shards`, so it fits.
    u16::try_from(hash % u64::from(shards)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shard_of_an_id_never_changes() {
        // Nodes of different releases work side by side: another number here splits a cluster.
        let room = |last: u8| {
            let mut bytes = [0; 16];
            bytes[15] = last;
            Channels::default().room(RoomId(bytes))
        };
        let shards = [room(0), room(1), room(2), room(255)];
        let expected = [28, 11, 6, 17].map(Channel::Rooms);
        assert_eq!(shards, expected);
    }

    #[test]
    fn rooms_made_together_are_spread() {
        let mut shards = [0_u32; 64];
        for _ in 0..6_400 {
            let Channel::Rooms(shard) = Channels::default().room(RoomId::new()) else {
                continue;
            };
            shards[usize::from(shard)] += 1;
        }
        assert!(
            shards.iter().all(|&rooms| (40..200).contains(&rooms)),
            "{shards:?}"
        );
    }

    #[test]
    fn names_lead_back_to_their_channel_and_no_others_do() {
        let channels = Channels::new(64, 8);
        for channel in [Channel::Cluster, Channel::Rooms(63), Channel::People(0)] {
            let name = channels.name("parlor", channel);
            assert_eq!(channels.by_name("parlor", &name), Some(channel));
            assert_eq!(channels.by_name("other", &name), None);
        }
        for name in [
            "rooms:64/64",
            "rooms:1/32",
            "people:9/8",
            "rooms:x/64",
            "what",
        ] {
            assert_eq!(
                channels.by_name("parlor", &format!("parlor:bus:{name}")),
                None
            );
        }
    }
}
