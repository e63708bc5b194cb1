//! Which node each user is on, and where they turn when it is gone.

use crate::plan::UserIndex;

/// The users of a load over the nodes of a server. No I/O.
#[derive(Clone, Debug)]
pub(super) struct Homes {
    nodes: u32,
    rooms: u32,
    of: Vec<u32>,
}

impl Homes {
    /// Evenly, and so that each room has its people on all nodes: user `u` is in room `u % rooms`.
    pub(super) fn spread(users: usize, rooms: u32, nodes: usize) -> Self {
        let (nodes, rooms) = (nodes.max(1) as u32, rooms.max(1));
        let of = (0..users as UserIndex).map(|user| user / rooms % nodes);
        Self {
            nodes,
            rooms,
            of: of.collect(),
        }
    }

    pub(super) fn of(&self, user: UserIndex) -> usize {
        self.of[user as usize] as usize
    }

    /// Whether there is another place to go to.
    pub(super) fn several(&self) -> bool {
        self.nodes > 1
    }

    /// Turns to another node, those of one node evenly to the others.
    pub(super) fn turn(&mut self, user: UserIndex) {
        let others = self.nodes - 1;
        if others > 0 {
            let step = 1 + user / self.rooms / self.nodes % others;
            let of = &mut self.of[user as usize];
            *of = (*of + step) % self.nodes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(homes: &Homes) -> Vec<usize> {
        let nodes = 0..homes.nodes as usize;
        let users = || 0..homes.of.len() as UserIndex;
        let on = |node| users().filter(|user| homes.of(*user) == node).count();
        nodes.map(on).collect()
    }

    #[test]
    fn every_room_has_its_people_on_every_node() {
        for (rooms, nodes) in [(1, 2), (100, 2), (100, 3), (50, 4)] {
            let homes = Homes::spread(1_000, rooms, nodes);
            for room in 0..rooms {
                let users = (0..1_000).filter(|user| user % rooms == room);
                let mut on = vec![0; nodes];
                users.for_each(|user| on[homes.of(user)] += 1);
                let spread = on.iter().max().unwrap() - on.iter().min().unwrap();
                assert!(spread <= 1, "{rooms} rooms, {nodes} nodes: {on:?}");
            }
        }
    }

    #[test]
    fn the_people_of_a_dead_node_come_to_the_others_evenly() {
        let mut homes = Homes::spread(900, 10, 3);
        for user in 0..900 {
            if homes.of(user) == 0 {
                homes.turn(user);
            }
        }
        assert_eq!(count(&homes), [0, 450, 450]);
    }

    #[test]
    fn alone_there_is_nowhere_to_turn() {
        let mut homes = Homes::spread(2, 1, 1);
        homes.turn(1);
        assert_eq!(homes.of(1), 0);
        assert!(!homes.several());
    }
}
