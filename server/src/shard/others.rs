//! Who is in which room at other nodes, as those last said. Rules without I/O.
//!
//! A node tells the others who of its links is in a room while one of them has the room open: that
//! one asks when the first of its people opens it, and again now and then; what is not said again
//! is forgotten.

use std::collections::HashMap;

use parlor_protocol::UserId;
use parlor_protocol::bus::NodePresence;
use parlor_protocol::signal::PresenceState;

use crate::bus::NodeNumber;

/// How often a node asks of rooms that are open at it, ms; half of what its own digests live.
pub(super) const ASK_MS: u64 = 30_000;
/// How long a node that asked is told of changes, and how long one that told is believed, ms: two
/// asks may be lost.
const LIFE_MS: u64 = 3 * ASK_MS + 5_000;

/// One node's people in one room.
#[derive(Debug, Default)]
struct There {
    people: HashMap<UserId, PresenceState>,
    /// How many they are, where too many to name.
    online: u32,
    until_ms: u64,
}

/// What other nodes said, by room's slot.
#[derive(Debug, Default)]
pub(super) struct Others {
    rooms: HashMap<u32, HashMap<NodeNumber, There>>,
    /// Rooms that another node has open, and until when that is believed, ms.
    wanted: HashMap<u32, u64>,
}

/// Everyone online in a room, here and elsewhere.
#[derive(Debug, Default)]
pub(super) struct Online {
    pub(super) people: HashMap<UserId, PresenceState>,
    /// Those of other nodes that are not named.
    pub(super) unnamed: u32,
}

impl Online {
    /// How many they are; who is at two nodes counts once where both name them.
    pub(super) fn count(&self) -> usize {
        self.people.len() + self.unnamed as usize
    }

    /// Who is anywhere at work is online, though away elsewhere.
    fn add(&mut self, user: UserId, state: PresenceState) {
        let held = self.people.entry(user).or_insert(state);
        if *held == PresenceState::AWAY {
            *held = state;
        }
    }
}

/// Whose state another node's word changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    Nothing,
    Some(Vec<UserId>),
    All,
}

impl Others {
    /// A node told of a room.
    pub(super) fn heard(
        &mut self,
        slot: u32,
        node: NodeNumber,
        said: NodePresence,
        now_ms: u64,
    ) -> Heard {
        if said.asks {
            self.wanted.insert(slot, now_ms + LIFE_MS);
        }
        let nodes = self.rooms.entry(slot).or_default();
        let before = nodes.remove(&node).unwrap_or_default();
        let there = There {
            people: match said.complete {
                true => said.people.iter().map(|it| (it.user, it.state)).collect(),
                false => HashMap::new(),
            },
            online: said.online,
            until_ms: now_ms + LIFE_MS,
        };
        let heard = difference(&before, &there);
        if there.online > 0 {
            nodes.insert(node, there);
        }
        if nodes.is_empty() {
            self.rooms.remove(&slot);
        }
        heard
    }

    /// Whether another node has the room open.
    pub(super) fn wants(&self, slot: u32, now_ms: u64) -> bool {
        self.wanted.get(&slot).is_some_and(|until| *until > now_ms)
    }

    /// Adds who is elsewhere to who is here.
    pub(super) fn add_to(&self, slot: u32, online: &mut Online) {
        for there in self.rooms.get(&slot).into_iter().flat_map(HashMap::values) {
            for (user, state) in &there.people {
                online.add(*user, *state);
            }
            let named = u32::try_from(there.people.len()).unwrap_or(u32::MAX);
            online.unnamed += there.online.saturating_sub(named);
        }
    }

    /// Forgets what was not said again, and nodes that are dead; the rooms in which that changes
    /// something.
    pub(super) fn forget_old(
        &mut self,
        now_ms: u64,
        lives: impl Fn(NodeNumber) -> bool,
    ) -> Vec<u32> {
        self.wanted.retain(|_, until| *until > now_ms);
        let mut changed = Vec::new();
        self.rooms.retain(|slot, nodes| {
            let before = nodes.len();
            nodes.retain(|node, there| there.until_ms > now_ms && lives(*node));
            if nodes.len() != before {
                changed.push(*slot);
            }
            !nodes.is_empty()
        });
        changed
    }

    /// A room has no links here any more.
    pub(super) fn forget(&mut self, slot: u32) {
        self.rooms.remove(&slot);
        self.wanted.remove(&slot);
    }
}

fn difference(before: &There, after: &There) -> Heard {
    if before.online as usize != before.people.len() || after.online as usize != after.people.len()
    {
        return match before.online == after.online {
            true => Heard::Nothing,
            false => Heard::All,
        };
    }
    let changed = |(user, state): &(&UserId, &PresenceState)| after.people.get(user) != Some(state);
    let gone = before.people.iter().filter(changed).map(|it| *it.0);
    let new = after.people.keys();
    let new = new
        .filter(|user| !before.people.contains_key(user))
        .copied();
    let people: Vec<UserId> = gone.chain(new).collect();
    match people.is_empty() {
        true => Heard::Nothing,
        false => Heard::Some(people),
    }
}

#[cfg(test)]
mod tests {
    use parlor_protocol::signal::PersonPresence;
    use parlor_protocol::{Extensions, RoomId};

    use super::*;

    const A: NodeNumber = NodeNumber(1);
    const B: NodeNumber = NodeNumber(2);

    fn said(people: &[(UserId, PresenceState)], asks: bool) -> NodePresence {
        NodePresence {
            room: RoomId::default(),
            online: people.len() as u32,
            complete: true,
            people: people
                .iter()
                .map(|(user, state)| PersonPresence {
                    user: *user,
                    state: *state,
                })
                .collect(),
            asks,
            ext: Extensions::NONE,
        }
    }

    fn online(others: &Others) -> Online {
        let mut online = Online::default();
        others.add_to(1, &mut online);
        online
    }

    #[test]
    fn people_of_all_nodes_are_counted_once_each() {
        let (mut others, ada, bob) = (Others::default(), UserId::new(), UserId::new());
        let both = [(ada, PresenceState::AWAY), (bob, PresenceState::ONLINE)];
        assert!(matches!(
            others.heard(1, A, said(&both, false), 0),
            Heard::Some(_)
        ));
        let one = [(ada, PresenceState::ONLINE)];
        assert_eq!(
            others.heard(1, B, said(&one, false), 0),
            Heard::Some(vec![ada])
        );
        let seen = online(&others);
        assert_eq!(seen.count(), 2);
        assert_eq!(seen.people[&ada], PresenceState::ONLINE);
        assert_eq!(others.heard(1, B, said(&one, false), 1), Heard::Nothing);

        let many = NodePresence {
            online: 5_000,
            complete: false,
            people: Vec::new(),
            ..said(&[], false)
        };
        assert_eq!(others.heard(1, A, many, 1), Heard::All);
        assert_eq!(online(&others).count(), 5_001);
        assert_eq!(others.heard(1, A, said(&[], false), 2), Heard::All);
        assert_eq!(online(&others).count(), 1);
    }

    #[test]
    fn a_node_that_falls_silent_or_dies_is_forgotten() {
        let (mut others, ada) = (Others::default(), UserId::new());
        let here = [(ada, PresenceState::ONLINE)];
        others.heard(1, A, said(&here, true), 0);
        others.heard(2, B, said(&here, false), 0);
        assert!(others.wants(1, 10) && !others.wants(2, 10));
        assert!(others.forget_old(LIFE_MS - 1, |_| true).is_empty());
        assert_eq!(others.forget_old(LIFE_MS - 1, |node| node != B), [2]);
        assert_eq!(others.forget_old(LIFE_MS, |_| true), [1]);
        assert!(!others.wants(1, LIFE_MS));
        assert_eq!(online(&others).count(), 0);
    }
}
