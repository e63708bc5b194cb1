//! What each link has of rooms: joined, open, left.

use parlor_protocol::limit::OPEN_ROOMS;
use parlor_protocol::room::Head;
use parlor_protocol::{RoomId, UserId};

use super::hub::Depth;
use super::link::Joined;
use super::state::State;
use super::{LinkRef, Wish};

impl State {
    /// Gives a link a room of its person's; a room it has already keeps its depth.
    pub(super) fn join(&mut self, index: u32, head: Head, direct: bool) {
        self.join_as(index, head, direct, false);
    }

    fn join_as(&mut self, index: u32, head: Head, direct: bool, visitor: bool) {
        let known = self.hub.slot(head.room);
        let Some(link) = self.links.get_mut(index as usize) else {
            return;
        };
        let user = link.who.as_ref().map(|who| who.user);
        if let Some(slot) = known
            && let Some(joined) = link.joined(slot)
        {
            // Who looked in has become a member.
            if joined.visitor && !visitor {
                joined.visitor = false;
                self.hub.set_visitor(slot, index, false);
                self.touch(slot, user);
            }
            return;
        }
        let depth = if direct { Depth::Full } else { Depth::Light };
        let slot = self.hub.join(head, direct, index, depth);
        if known.is_none()
            && let Some(peers) = &self.peers
        {
            peers.room_came(head.room);
        }
        link.rooms.push(Joined {
            slot,
            depth,
            opened: 0,
            heads: false,
            since: head.rev,
            visitor,
        });
        if visitor {
            self.hub.set_visitor(slot, index, true);
        } else {
            self.touch(slot, user);
        }
    }

    /// Takes a room from a link.
    pub(super) fn leave(&mut self, index: u32, room: RoomId) {
        let Some(link) = self.links.get_mut(index as usize) else {
            return;
        };
        link.undo_opening(room);
        if !link.entered {
            link.left.push(room);
        }
        if let Some(slot) = self.hub.slot(room) {
            self.drop_room(index, slot);
        }
    }

    fn drop_room(&mut self, index: u32, slot: u32) {
        let Some(link) = self.links.get_mut(index as usize) else {
            return;
        };
        if let Some(at) = link.rooms.iter().position(|joined| joined.slot == slot) {
            let joined = link.rooms.swap_remove(at);
            link.behind.retain(|other| *other != slot);
            let user = link.who.as_ref().map(|who| who.user);
            self.hub_leave(joined, index, user);
        }
    }

    /// Takes all rooms from a link whose entry was not granted.
    pub(super) fn leave_all(&mut self, index: u32, user: UserId) {
        let Some(link) = self.links.get_mut(index as usize) else {
            return;
        };
        link.left.clear();
        for joined in std::mem::take(&mut link.rooms) {
            self.hub_leave(joined, index, Some(user));
        }
    }

    pub(super) fn hub_leave(&mut self, joined: Joined, index: u32, user: Option<UserId>) {
        let room = self.hub.get(joined.slot).map(|room| room.head.room);
        if self.hub.leave(joined.slot, index, joined.depth) {
            self.presences.forget(joined.slot);
            if let Some(room) = room {
                self.forget_nodes_of(joined.slot, room);
                if let Some(peers) = &self.peers {
                    peers.room_went(room);
                }
            }
        } else if !joined.visitor {
            self.touch(joined.slot, user);
        }
    }

    /// Opens a room whose access was granted, for a member or for who looks into a public room.
    /// `false` when the wish was undone meanwhile.
    pub(super) fn activate(&mut self, wish: Wish, head: Head, member: bool) -> bool {
        let Wish { link: at, number } = wish;
        let granted = self
            .link(at)
            .is_some_and(|link| link.entered && link.take_opening(head.room, number));
        if granted {
            self.join_as(at.index, head, false, !member);
            self.set_depth(at.index, head.room, Depth::Full);
            self.close_oldest(at.index);
        }
        granted
    }

    /// Heads only from here on, and nothing at all for who only looked in; a room that is being
    /// opened is not opened after all.
    pub(crate) fn close_room(&mut self, at: LinkRef, room: RoomId) {
        if let Some(link) = self.link(at) {
            link.undo_opening(room);
            self.close(at.index, room);
        }
    }

    fn close(&mut self, index: u32, room: RoomId) {
        let slot = self.hub.slot(room);
        let link = self.links.get_mut(index as usize);
        match link.zip(slot).map(|(link, slot)| (slot, link.joined(slot))) {
            Some((slot, Some(joined))) if joined.visitor => self.drop_room(index, slot),
            _ => self.set_depth(index, room, Depth::Light),
        }
    }

    pub(super) fn set_depth(&mut self, index: u32, room: RoomId, depth: Depth) {
        self.opened = self.opened.wrapping_add(1).max(1);
        let opened = self.opened;
        let Some(slot) = self.hub.slot(room) else {
            return;
        };
        let direct = self.hub.get(slot).is_some_and(|room| room.direct);
        let Some(link) = self.links.get_mut(index as usize) else {
            return;
        };
        let at = LinkRef {
            index,
            generation: link.generation,
        };
        let Some(joined) = link.joined(slot) else {
            return;
        };
        let from = joined.depth;
        joined.depth = if direct { Depth::Full } else { depth };
        joined.opened = if depth == Depth::Full { opened } else { 0 };
        let to = joined.depth;
        self.hub.set_depth(slot, index, from, to);
        if depth == Depth::Full {
            self.presences.openers.push((slot, at));
        }
    }

    /// At most so many rooms are open: the one opened first is closed.
    fn close_oldest(&mut self, index: u32) {
        let Some(link) = self.links.get(index as usize) else {
            return;
        };
        let open = link.rooms.iter().filter(|joined| joined.opened != 0);
        if open.clone().count() > OPEN_ROOMS
            && let Some(slot) = open
                .min_by_key(|joined| joined.opened)
                .map(|joined| joined.slot)
            && let Some(room) = self.hub.get(slot).map(|room| room.head.room)
        {
            self.close(index, room);
        }
    }

    /// Whether the link's person is a member of the room, as far as this shard was told.
    pub(crate) fn is_member(&mut self, at: LinkRef, room: RoomId) -> bool {
        let slot = self.hub.slot(room);
        self.link(at).is_some_and(|link| {
            slot.and_then(|slot| link.joined(slot))
                .is_some_and(|joined| !joined.visitor)
        })
    }

    /// Whether all that the ring of the room may hold after `since` may be seen on this link: what
    /// was committed before its person joined may not.
    pub(crate) fn may_see_since(&mut self, at: LinkRef, room: RoomId, since: u64) -> bool {
        let slot = self.hub.slot(room);
        self.link(at).is_some_and(|link| {
            slot.and_then(|slot| link.joined(slot))
                .is_some_and(|joined| joined.depth == Depth::Full && joined.since <= since)
        })
    }
}
