//! Where a message stands.

use std::fmt;

use parlor_protocol::RoomId;
use serde::{Deserialize, Serialize};

use super::text::as_text;

/// A seq of a timeline of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The room.
    #[serde(with = "as_text")]
    pub room: RoomId,
    /// 0 is the room's own timeline, another number that of a thread.
    pub timeline: u64,
    /// The place within it, from 1.
    pub seq: u64,
}

impl Place {
    pub(super) fn new(room: RoomId, timeline: u64, seq: u64) -> Place {
        Place {
            room,
            timeline,
            seq,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seq {} of ", self.seq)?;
        if self.timeline != 0 {
            write!(f, "thread {} in ", self.timeline)?;
        }
        write!(f, "room {}", self.room)
    }
}
