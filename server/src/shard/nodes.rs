//! Presence and typing between nodes: what this one tells, asks and hears.

use parlor_protocol::bus::{NodePresence, NodeTyping};
use parlor_protocol::limit::BUS_PEOPLE;
use parlor_protocol::signal::PersonPresence;
use parlor_protocol::{Extensions, RoomId, UserId};

use super::others::{ASK_MS, Heard};
use super::pace::Sort;
use super::state::{Shard, State};
use crate::bus::NodeNumber;

impl State {
    /// Who is in the room here changed: the others hear of it if one of them has it open.
    pub(super) fn touch_nodes(&mut self, slot: u32) {
        let Some(peers) = &self.peers else { return };
        if self.others.wants(slot, peers.now_ms()) {
            self.presences.pacer.touch((slot, Sort::Nodes));
        }
    }

    /// A link opened a room: the other nodes are asked who is there, now and then.
    pub(super) fn ask_nodes_of(&mut self, slot: u32, now_ms: u64) {
        if self.peers.is_some() {
            let due = self.asked.entry(slot).or_insert(0);
            if *due <= now_ms {
                *due = now_ms + ASK_MS;
                self.asking.insert(slot);
                self.presences.pacer.touch((slot, Sort::Nodes));
            }
        }
    }

    /// Asks again of all rooms that are open here, and forgets what was not said again.
    pub(super) fn ask_nodes(&mut self, now_ms: u64) {
        let Some(peers) = self.peers.clone() else {
            return;
        };
        for slot in self.others.forget_old(peers.now_ms(), |_| true) {
            self.presences.touch(slot, None);
        }
        let open: Vec<u32> = self.hub.open_slots().collect();
        for slot in open {
            self.ask_nodes_of(slot, now_ms);
        }
    }

    /// The bus is there again: what was said meanwhile is asked for.
    pub(super) fn ask_nodes_anew(&mut self, now_ms: u64) {
        self.asked.clear();
        self.ask_nodes(now_ms);
    }

    /// Tells the other nodes who is in a room here. People online, and one frame.
    pub(super) fn tell_nodes(&mut self, slot: u32) -> (usize, usize) {
        let asks = self.asking.remove(&slot);
        let Some((peers, room)) = self.peers.as_ref().zip(self.hub.get(slot)) else {
            return (0, 0);
        };
        let here = self.online_here(room);
        let complete = here.len() <= BUS_PEOPLE;
        let people = here.iter().filter(|_| complete);
        peers.tell_presence(NodePresence {
            room: room.head.room,
            online: u32::try_from(here.len()).unwrap_or(u32::MAX),
            complete,
            people: people
                .map(|(user, state)| PersonPresence {
                    user: *user,
                    state: *state,
                })
                .collect(),
            asks,
            ext: Extensions::NONE,
        });
        (here.len(), 1)
    }

    pub(super) fn tell_nodes_of_typing(&self, slot: u32, room: RoomId, user: UserId, on: bool) {
        if let Some(peers) = &self.peers
            && self.others.wants(slot, peers.now_ms())
        {
            peers.tell_typing(&NodeTyping {
                room,
                user,
                on,
                ext: Extensions::NONE,
            });
        }
    }

    /// Another node said who is in a room there.
    pub(super) fn presence_elsewhere(&mut self, node: NodeNumber, said: NodePresence) {
        let Some((peers, slot)) = self.peers.clone().zip(self.hub.slot(said.room)) else {
            return;
        };
        let asked = said.asks;
        let is_open = self.hub.get(slot).is_some_and(|room| !room.full.is_empty());
        match self.others.heard(slot, node, said, peers.now_ms()) {
            Heard::Some(people) if is_open => people
                .into_iter()
                .for_each(|user| self.presences.touch(slot, Some(user))),
            Heard::All if is_open => self.presences.touch(slot, None),
            _ => {}
        }
        if asked {
            self.presences.pacer.touch((slot, Sort::Nodes));
        }
    }

    /// Somebody began or stopped typing at another node.
    pub(super) fn typing_elsewhere(&mut self, said: &NodeTyping, shard: &Shard) {
        if let Some(slot) = self.hub.slot(said.room) {
            let now_ms = shard.core.steady_ms();
            self.presences.typing(slot, said.user, said.on, now_ms);
        }
    }

    /// A room has no links here any more: nobody of this node is in it.
    pub(super) fn forget_nodes_of(&mut self, slot: u32, room: RoomId) {
        if let Some(peers) = &self.peers
            && self.others.wants(slot, peers.now_ms())
        {
            peers.tell_presence(NodePresence {
                room,
                online: 0,
                complete: true,
                people: Vec::new(),
                asks: false,
                ext: Extensions::NONE,
            });
        }
        self.others.forget(slot);
        self.asked.remove(&slot);
        self.asking.remove(&slot);
    }
}
