//! How many links a node sends elsewhere so that each holds its share. A rule without I/O.
//!
//! Every node decides for itself from what all of them said. Whoever is fuller than its share, by a
//! margin, moves a few links every ten seconds until it is not: a node that joins an evenly loaded
//! cluster takes from all of them at once.

use std::time::{Duration, Instant};

/// The part of its links that a node moves in any minute, at most: each of them costs its client a
/// new link, and the node that takes it a handshake.
pub const MOST_A_MINUTE: f64 = 0.15;
/// How often some are moved: those of the time before have moved by then (see `SPREAD`).
const STEP_EVERY: Duration = Duration::from_secs(10);
/// Within how long the clients of one step go, each at a time of its own.
pub(super) const SPREAD: Duration = Duration::from_secs(8);
/// Steps in a minute.
const STEPS: f64 = 6.0;
/// Moving begins this far above the share: below it is what clients' own choices even out.
const BEGINS_ABOVE: f64 = 1.10;
/// … and ends here.
const ENDS_ABOVE: f64 = 1.02;
/// Links above the share that are not worth a move, however few there are.
const SLACK_LINKS: f64 = 3.0;

/// What counts of a node here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filled {
    pub links: u32,
    pub capacity: u32,
}

/// One node's moves.
#[derive(Debug, Default)]
pub struct Mover {
    moving: bool,
    last: Option<Instant>,
    /// Parts of links that earlier steps had left over.
    credit: f64,
}

/// What each node would have if all were filled alike: links for each one of capacity.
pub(super) fn level(nodes: impl Iterator<Item = Filled>) -> f64 {
    let (links, capacity) = nodes.fold((0.0, 0.0), |(links, capacity), node| {
        (
            links + f64::from(node.links),
            capacity + f64::from(node.capacity),
        )
    });
    if capacity > 0.0 {
        links / capacity
    } else {
        0.0
    }
}

impl Mover {
    /// How many links go elsewhere now. `level`: over this node and all others that are ready.
    pub fn step(&mut self, own: Filled, level: f64, now: Instant) -> u32 {
        let since = self.last.map(|last| now.saturating_duration_since(last));
        if since.is_some_and(|since| since < STEP_EVERY) {
            return 0;
        }
        self.last = Some(now);
        let (links, share) = (f64::from(own.links), level * f64::from(own.capacity));
        let bound = if self.moving {
            ENDS_ABOVE
        } else {
            BEGINS_ABOVE
        };
        self.moving = links > share * bound + SLACK_LINKS;
        if !self.moving {
            self.credit = 0.0;
            return 0;
        }
        let allowed = links * MOST_A_MINUTE / STEPS;
        // What was not used is not saved up: a minute's bound holds for any minute.
        self.credit = (self.credit + allowed).min(allowed.max(1.0));
        let count = self.credit.min(links - share).floor().max(0.0);
        self.credit -= count;
        count as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPACITY: u32 = 20_000;

    /// Nodes whose clients go where they are sent: to the emptiest.
    struct Cluster {
        nodes: Vec<(u32, Mover)>,
        now: Instant,
        /// When how many left which node.
        moves: Vec<(Instant, usize, u32, u32)>,
    }

    impl Cluster {
        fn new(links: &[u32]) -> Self {
            Self {
                nodes: links.iter().map(|it| (*it, Mover::default())).collect(),
                now: Instant::now(),
                moves: Vec::new(),
            }
        }

        fn filled(&self) -> impl Iterator<Item = Filled> {
            self.nodes.iter().map(|(links, _)| Filled {
                links: *links,
                capacity: CAPACITY,
            })
        }

        /// So many seconds, a beat every two.
        fn run(&mut self, seconds: u64) {
            for _ in 0..seconds / 2 {
                self.now += Duration::from_secs(2);
                let level = level(self.filled());
                for at in 0..self.nodes.len() {
                    let links = self.nodes[at].0;
                    let own = Filled {
                        links,
                        capacity: CAPACITY,
                    };
                    let count = self.nodes[at].1.step(own, level, self.now);
                    self.moves.push((self.now, at, count, links));
                    self.nodes[at].0 -= count;
                    for _ in 0..count {
                        let emptiest = self.nodes.iter_mut().min_by_key(|node| node.0);
                        emptiest.into_iter().for_each(|node| node.0 += 1);
                    }
                }
            }
        }

        fn links(&self) -> Vec<u32> {
            self.nodes.iter().map(|node| node.0).collect()
        }
    }

    #[test]
    fn a_node_that_joins_holds_its_share_within_five_minutes() {
        for (before, share) in [(vec![1_000, 0], 500), (vec![500, 500, 0], 333)] {
            let mut cluster = Cluster::new(&before);
            cluster.run(300);
            let links = cluster.links();
            assert_eq!(links.iter().sum::<u32>(), 1_000);
            for held in &links {
                assert!(held.abs_diff(share) <= share / 10, "{before:?}: {links:?}");
            }
        }
    }

    #[test]
    fn no_node_moves_more_than_its_part_in_any_minute() {
        for before in [vec![1_000, 0], vec![12, 0, 0], vec![9_999, 3, 50]] {
            let mut cluster = Cluster::new(&before);
            cluster.run(600);
            for (from, node, _, links) in &cluster.moves {
                let minute = cluster.moves.iter().filter(|(at, other, ..)| {
                    node == other && (*from..*from + Duration::from_secs(60)).contains(at)
                });
                let moved: u32 = minute.map(|(_, _, count, _)| count).sum();
                let most = (f64::from(*links) * MOST_A_MINUTE).max(1.0);
                assert!(f64::from(moved) <= most + 1.0, "{moved} of {links}");
            }
        }
    }

    #[test]
    fn an_even_cluster_is_left_alone_and_a_settled_one_stays_so() {
        let mut cluster = Cluster::new(&[340, 333, 327]);
        cluster.run(600);
        assert_eq!(cluster.links(), [340, 333, 327]);
        let mut cluster = Cluster::new(&[3, 0]);
        cluster.run(600);
        assert_eq!(cluster.links(), [3, 0], "not worth a move");
        let mut cluster = Cluster::new(&[900, 100]);
        cluster.run(900);
        cluster.moves.clear();
        cluster.run(900);
        assert!(cluster.moves.iter().all(|(_, _, count, _)| *count == 0));
    }

    #[test]
    fn a_larger_node_holds_a_larger_share() {
        let nodes =
            [(100, 1_000), (100, 3_000)].map(|(links, capacity)| Filled { links, capacity });
        let level = level(nodes.into_iter());
        let mut mover = Mover::default();
        assert!(mover.step(nodes[0], level, Instant::now()) > 0);
        assert_eq!(Mover::default().step(nodes[1], level, Instant::now()), 0);
    }
}
