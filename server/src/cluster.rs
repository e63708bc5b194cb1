//! What makes one installation of many nodes: the file they share, how they tell each other what
//! happened ([`Peers`]), and which of them there are ([`Membership`]).
//!
//! Each node says every two seconds that it lives, in Redis, or in the database while Redis is away
//! ([`Roll`]), and reads what the others said. [`Registry`] judges what was read, [`Mover`] decides
//! how many links go elsewhere, [`Membership`] drives both. What they find reaches clients by the
//! node list of the welcome and of `GoAway` ([`Listed`]). None of that decides about messages: a node
//! that is taken for dead still serves whoever is linked to it, and one that is taken for alive and
//! is not costs a client one more dial.

mod attach;
mod census;
pub mod file;
mod hear;
mod listed;
mod membership;
mod peers;
mod record;
mod redis;
mod registry;
mod share;
mod watch;

pub use attach::{AttachError, Attached, Ends, attach};
pub use census::living;
pub use file::{ClusterFile, ClusterFileError};
pub use listed::Listed;
pub use membership::{JoinError, Joined, Membership, MembershipCounters, Settings, Taking, join};
pub use peers::Peers;
pub use record::{NodeRecord, NodeState, PROTOCOL, RECORD_BYTES, RecordKey, Unreadable, load};
pub use redis::{Kept, RedisRoll, Roll, RollError};
pub use registry::{
    BEAT_EVERY, DEAD_AFTER, FORGOTTEN_AFTER, Finding, NODES_KNOWN, Registry, SKEW_MS, Seen,
    Standing, Strange,
};
pub use share::{MOST_A_MINUTE, Mover};
pub use watch::watch;
