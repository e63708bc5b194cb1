//! Which links receive which room, at which depth: rules without I/O.

use std::collections::{HashMap, HashSet};

use parlor_protocol::RoomId;
use parlor_protocol::room::Head;
use slab::Slab;

use super::RoomCommitted;
use super::loopback::LOOPBACK;
use crate::room::{Order, Ring};

/// How much of a room a link receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Heads only, coalesced.
    Light,
    /// Every batch.
    Full,
}

/// Rooms with at least one link here, by a small number that links and queues carry.
#[derive(Default)]
pub(crate) struct Hub {
    by_id: HashMap<RoomId, u32>,
    rooms: Slab<Room>,
}

pub(crate) struct Room {
    pub(crate) head: Head,
    pub(crate) direct: bool,
    pub(crate) full: Vec<u32>,
    pub(crate) light: Vec<u32>,
    /// Links whose people are no members and only look in: none in most rooms.
    visitors: HashSet<u32>,
    /// Its newest batches, and by them how far the room was taken here.
    pub(crate) ring: Ring,
    /// The newest rev at which a link came to the room.
    pub(crate) newest_since: u64,
    /// Batches that came before their time.
    pub(crate) order: Order<RoomCommitted>,
}

impl Hub {
    pub(crate) fn slot(&self, room: RoomId) -> Option<u32> {
        self.by_id.get(&room).copied()
    }

    pub(crate) fn get(&self, slot: u32) -> Option<&Room> {
        self.rooms.get(slot as usize)
    }

    pub(crate) fn get_mut(&mut self, slot: u32) -> Option<&mut Room> {
        self.rooms.get_mut(slot as usize)
    }

    /// Rooms that somebody has open.
    pub(crate) fn open_slots(&self) -> impl Iterator<Item = u32> + '_ {
        self.rooms
            .iter()
            .filter(|(_, room)| room.full.first().is_some_and(|link| *link != LOOPBACK))
            .map(|(slot, _)| slot as u32)
    }

    #[cfg(test)]
    pub(crate) fn rooms(&self) -> usize {
        self.rooms.len()
    }

    /// Adds a link to a room. The room's slot.
    pub(crate) fn join(&mut self, head: Head, direct: bool, link: u32, depth: Depth) -> u32 {
        let slot = *self.by_id.entry(head.room).or_insert_with(|| {
            self.rooms.insert(Room {
                head,
                direct,
                full: Vec::new(),
                light: Vec::new(),
                visitors: HashSet::new(),
                ring: Ring::new(head.rev),
                newest_since: head.rev,
                order: Order::default(),
            }) as u32
        });
        if let Some(room) = self.rooms.get_mut(slot as usize) {
            room.list(depth).push(link);
            room.newest_since = room.newest_since.max(head.rev);
            // What a link's own reading saw may be newer than what this room's batches have said.
            if head.rev > room.head.rev {
                room.head = head;
            }
        }
        slot
    }

    pub(crate) fn set_depth(&mut self, slot: u32, link: u32, from: Depth, to: Depth) {
        if let Some(room) = self.get_mut(slot).filter(|_| from != to) {
            remove(room.list(from), link);
            room.list(to).push(link);
        }
    }

    /// Whether a link's person is no member.
    pub(crate) fn set_visitor(&mut self, slot: u32, link: u32, visitor: bool) {
        if let Some(room) = self.get_mut(slot) {
            match visitor {
                true => room.visitors.insert(link),
                false => room.visitors.remove(&link),
            };
        }
    }

    /// Takes a link out of a room; `true` when the room went with it: its slot may be used again.
    pub(crate) fn leave(&mut self, slot: u32, link: u32, depth: Depth) -> bool {
        let Some(room) = self.get_mut(slot) else {
            return false;
        };
        remove(room.list(depth), link);
        room.visitors.remove(&link);
        let empty = room.full.is_empty() && room.light.is_empty();
        if empty {
            let id = room.head.room;
            self.by_id.remove(&id);
            self.rooms.remove(slot as usize);
        }
        empty
    }
}

impl Room {
    fn list(&mut self, depth: Depth) -> &mut Vec<u32> {
        match depth {
            Depth::Light => &mut self.light,
            Depth::Full => &mut self.full,
        }
    }

    /// How many links are in it.
    pub(crate) fn links(&self) -> usize {
        self.full.len() + self.light.len()
    }

    /// Links of its members.
    pub(crate) fn members(&self) -> impl Iterator<Item = u32> + '_ {
        let links = self.full.iter().chain(&self.light).copied();
        links.filter(|link| self.visitors.is_empty() || !self.visitors.contains(link))
    }
}

fn remove(list: &mut Vec<u32>, link: u32) {
    if let Some(at) = list.iter().position(|other| *other == link) {
        list.swap_remove(at);
    }
    if list.len() * 4 < list.capacity() {
        list.shrink_to(list.len() * 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(room: RoomId, rev: u64) -> Head {
        Head {
            room,
            head: rev,
            rev,
        }
    }

    #[test]
    fn a_room_lives_as_long_as_a_link_is_in_it() {
        let (room, mut hub) = (RoomId::new(), Hub::default());
        let slot = hub.join(head(room, 3), false, 1, Depth::Light);
        assert_eq!(hub.join(head(room, 5), false, 2, Depth::Full), slot);
        assert_eq!(hub.get(slot).map(|room| room.head.rev), Some(5));
        hub.set_depth(slot, 1, Depth::Light, Depth::Full);
        assert_eq!(
            hub.get(slot).map(|room| room.full.clone()),
            Some(vec![2, 1])
        );
        hub.set_visitor(slot, 2, true);
        let members = |hub: &Hub| hub.get(slot).map(|room| room.members().collect::<Vec<_>>());
        assert_eq!(members(&hub), Some(vec![1]));
        assert!(!hub.leave(slot, 2, Depth::Full));
        // The link's number is another's now, who is a member.
        hub.join(head(room, 6), false, 2, Depth::Light);
        assert_eq!(members(&hub), Some(vec![1, 2]));
        assert!(!hub.leave(slot, 2, Depth::Light));
        assert!(hub.leave(slot, 1, Depth::Full));
        assert_eq!((hub.rooms(), hub.slot(room)), (0, None));
    }
}
