//! What a batch must know besides rooms and people.

use std::collections::{HashMap, HashSet};

use parlor_protocol::{RoomId, SendKey, UserId};

use crate::room::rules::{First, room_of, target_of};
use crate::store::RoomCommand;

/// What was looked up for one batch alone.
#[derive(Debug, Default)]
pub(in crate::store) struct Found {
    pub(in crate::store) keys: HashMap<(SendKey, UserId), First>,
    /// Folded names of public rooms.
    pub(in crate::store) names: HashSet<String>,
    /// Hashes of uploaded texts, with their bytes.
    pub(in crate::store) texts: HashMap<[u8; 32], u64>,
    /// Tombstones after the marker of a member whose role changes.
    pub(in crate::store) gone: HashMap<(RoomId, UserId), u64>,
}

/// Who is named, and for which room.
pub(in crate::store) fn named(commands: &[RoomCommand]) -> Vec<(RoomId, UserId)> {
    let mut named = Vec::with_capacity(commands.len());
    for command in commands {
        let room = room_of(command);
        named.push((room, command.actor));
        named.extend(target_of(&command.change).map(|user| (room, user)));
    }
    named
}
