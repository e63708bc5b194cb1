//! Nodes on a clock that the test turns.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::cluster::record::tests::record;

/// One node's view, and what the others last wrote.
struct Desk {
    registry: Registry,
    written: BTreeMap<u64, NodeRecord>,
    now: Instant,
    clock_ms: u64,
}

impl Desk {
    /// The node 1, beside others.
    fn new(others: &[u64]) -> Self {
        Self {
            registry: Registry::new(record(1)),
            written: others.iter().map(|it| (*it, record(*it))).collect(),
            now: Instant::now(),
            clock_ms: 1_000_000_000,
        }
    }

    fn of(mut own: NodeRecord, change: impl FnOnce(&mut NodeRecord), others: &[u64]) -> Self {
        change(&mut own);
        Self {
            registry: Registry::new(own),
            ..Self::new(others)
        }
    }

    fn change(&mut self, number: u64, change: impl FnOnce(&mut NodeRecord)) {
        change(self.written.get_mut(&number).unwrap());
    }

    /// All say something but those named, then this node reads.
    fn beat_without(&mut self, silent: &[u64]) -> Vec<Finding> {
        self.now += BEAT_EVERY;
        self.clock_ms += 2_000;
        for (number, record) in &mut self.written {
            if !silent.contains(number) {
                record.beat += 1;
                record.clock_ms = self.clock_ms.wrapping_add(record.clock_ms % 1_000) - 500;
            }
        }
        self.read()
    }

    fn beat(&mut self) -> Vec<Finding> {
        self.beat_without(&[])
    }

    fn read(&mut self) -> Vec<Finding> {
        let seen = self.written.iter().map(|(number, record)| Seen {
            number: *number,
            mark: 0,
            record: Ok(record.clone()),
        });
        let seen = seen.collect();
        self.registry.observe(seen, self.now, self.clock_ms)
    }

    fn listed(&self) -> Vec<String> {
        let addresses = self.registry.nodes().into_iter().map(|it| it.address);
        addresses.collect()
    }

    fn nodes(&self) -> u32 {
        self.registry.standing().nodes
    }
}

fn address(number: u64) -> String {
    record(number).address
}

#[test]
fn a_node_counts_once_it_was_seen_to_move() {
    let mut desk = Desk::new(&[2, 3]);
    assert_eq!(desk.beat(), []);
    assert_eq!(desk.listed(), [address(1)], "they may be leftovers");
    assert!(desk.registry.has_company(desk.clock_ms));
    let later_ms = desk.clock_ms + LEFTOVER_MS + 1_000;
    assert!(!desk.registry.has_company(later_ms), "killed long ago");
    let came = desk.beat_without(&[3]);
    assert_eq!(
        came,
        [Finding::Came {
            address: address(2)
        }]
    );
    assert_eq!(desk.listed(), [address(1), address(2)]);
    assert_eq!(desk.nodes(), 2);
}

#[test]
fn who_is_silent_for_six_seconds_is_dead_and_may_come_back() {
    let mut desk = Desk::new(&[2]);
    desk.beat();
    desk.beat();
    assert_eq!(desk.beat_without(&[2]), []);
    assert_eq!(desk.beat_without(&[2]), []);
    assert_eq!(desk.listed().len(), 2, "two beats may be lost");
    let went = Finding::Went {
        address: address(2),
        dead: true,
    };
    assert_eq!(desk.beat_without(&[2]), [went]);
    assert_eq!((desk.listed(), desk.nodes()), (vec![address(1)], 1));
    assert_eq!(
        desk.beat(),
        [Finding::Came {
            address: address(2)
        }]
    );
}

#[test]
fn a_node_that_says_goodbye_has_gone_at_once() {
    let mut desk = Desk::new(&[2]);
    desk.beat();
    desk.beat();
    desk.change(2, |it| it.state = NodeState::Gone);
    let went = Finding::Went {
        address: address(2),
        dead: false,
    };
    assert_eq!(desk.beat(), [went]);
    assert!(!desk.registry.has_company(desk.clock_ms));
}

#[test]
fn whoever_cannot_read_keeps_the_view_it_had() {
    let mut desk = Desk::new(&[2]);
    desk.beat();
    desk.beat();
    // Neither Redis nor the database for a minute.
    desk.now += Duration::from_secs(60);
    assert_eq!(desk.listed().len(), 2);
    assert_eq!(desk.beat(), [], "and it moved meanwhile");
    assert_eq!(desk.listed().len(), 2);
}

#[test]
fn only_nodes_that_take_links_are_listed_the_emptiest_first_and_each_address_once() {
    let mut desk = Desk::new(&[2, 3, 4, 5, 6]);
    desk.change(2, |it| it.links = 900);
    desk.change(3, |it| it.links = 10);
    desk.change(4, |it| it.state = NodeState::Draining);
    desk.change(5, |it| it.state = NodeState::Joining);
    desk.change(6, |it| {
        it.address = address(3);
        it.links = 500;
    });
    desk.beat();
    desk.beat();
    assert_eq!(desk.listed(), [address(1), address(3), address(2)]);
    assert_eq!(desk.nodes(), 6, "all of them live");
    let level = desk.registry.standing().level;
    let links = level * 20_000.0 * 4.0;
    assert_eq!(links.round(), 1_410.0, "of those that take links");
    let emptier: Vec<_> = desk
        .registry
        .emptier()
        .into_iter()
        .map(|it| it.address)
        .collect();
    assert_eq!(emptier, [address(3)]);
}

#[test]
fn a_list_is_bounded() {
    let others: Vec<u64> = (2..400).collect();
    let mut desk = Desk::new(&others);
    desk.beat();
    desk.beat();
    assert_eq!(desk.listed().len(), NODES);
    assert_eq!(desk.listed()[0], address(1), "this one first");
    assert_eq!(desk.registry.others().len(), NODES);
    assert!(desk.registry.known.len() <= NODES_KNOWN);
}

#[test]
fn a_restarted_node_is_a_new_one_and_what_it_left_before_is_not_believed() {
    let mut desk = Desk::new(&[2]);
    desk.beat();
    desk.beat();
    let before = desk.written[&2].clone();
    desk.change(2, |it| {
        it.start += 1;
        it.started_at_ms += 1;
        it.beat = 1;
    });
    assert_eq!(desk.read(), []);
    assert_eq!(desk.nodes(), 1, "it has not moved yet");
    desk.written.insert(2, before);
    assert_eq!(desk.beat(), []);
    assert_eq!(desk.nodes(), 1, "kept by a database from before");
}

#[test]
fn of_two_nodes_with_one_number_the_later_one_ends() {
    for later in [true, false] {
        let mut desk = Desk::of(record(1), |it| it.started_at_ms = 100, &[]);
        // What an earlier start of this node left.
        let mut left = record(1);
        left.start = 9;
        left.started_at_ms = if later { 50 } else { 150 };
        desk.written.insert(1, left);
        assert_eq!(desk.beat(), [], "it may be a leftover");
        // Written again after ours.
        let found = desk.beat();
        let [Finding::Stranger { why, ours_to_end }] = &found[..] else {
            panic!("{found:?}")
        };
        assert_eq!(*ours_to_end, later);
        assert!(matches!(why, Strange::Number { number: 1, .. }));
        assert!(why.to_string().contains("data folder"), "{why}");
        assert_eq!(desk.beat(), [], "told once");
    }
}

#[test]
fn a_node_of_another_kind_is_told_and_listed_by_nobody() {
    let check = |change: fn(&mut NodeRecord), word: &str| {
        let mut desk = Desk::new(&[2, 3]);
        desk.change(2, change);
        desk.beat();
        let found = desk.beat();
        let [Finding::Stranger { why, ours_to_end }, Finding::Came { .. }] = &found[..] else {
            panic!("{found:?}")
        };
        assert!(!ours_to_end, "this node was there before");
        assert!(why.to_string().contains(word), "{why}");
        assert_eq!(desk.listed(), [address(1), address(3)]);
        assert_eq!(desk.beat(), [], "told once");
        // Seen from the other side it is the newcomer that ends.
        let mut desk = Desk::of(record(2), change, &[1]);
        desk.beat();
        let found = desk.beat();
        let ends = matches!(
            found[..],
            [Finding::Stranger {
                ours_to_end: true,
                ..
            }]
        );
        assert!(ends, "{found:?}");
    };
    check(|it| it.epoch = 8, "databases");
    check(|it| it.channels = (64, 32), "channels");
    check(|it| it.protocol += 2, "release");
}

#[test]
fn a_neighbouring_release_works_along() {
    let mut desk = Desk::new(&[2]);
    desk.change(2, |it| it.protocol += 1);
    desk.beat();
    desk.beat();
    assert_eq!(desk.nodes(), 2);
}

#[test]
fn a_node_with_another_secret_stops_one_that_joins_and_its_leftovers_do_not() {
    let mut desk = Desk::new(&[]);
    let mut look = |number, mark, record| {
        let seen = Seen {
            number,
            mark,
            record,
        };
        desk.registry.observe(vec![seen], desk.now, 0)
    };
    let foreign = || Err(Unreadable::Foreign);
    assert_eq!(look(2, 1, foreign()), []);
    assert_eq!(look(2, 1, foreign()), [], "nobody writes it");
    assert_eq!(look(2, 2, foreign()), [stranger(Strange::Secret, true)]);
    assert_eq!(look(2, 3, foreign()), [], "told once");
    // A good record under a number that is not its own is somebody's copy.
    assert_eq!(look(5, 1, Ok(record(6))), []);
    assert_eq!(look(5, 2, Ok(record(6))).len(), 1);
    assert_eq!(desk.nodes(), 1);
}

#[test]
fn clocks_that_differ_by_more_than_is_borne_are_told() {
    let ahead = |by_ms: i64| {
        let mut desk = Desk::new(&[2]);
        desk.beat();
        desk.now += BEAT_EVERY;
        desk.clock_ms += 2_000;
        let said = (desk.clock_ms - 1_000).saturating_add_signed(by_ms);
        desk.change(2, |it| {
            it.beat += 1;
            it.clock_ms = said;
        });
        let skew = |it| match it {
            Finding::Skew { ahead_ms, .. } => Some(ahead_ms),
            _ => None,
        };
        desk.read().into_iter().find_map(skew)
    };
    assert_eq!(ahead(0), None);
    assert_eq!(ahead(2_900), None, "within what a beat leaves open");
    assert_eq!(ahead(10_000), Some(9_000));
    assert_eq!(ahead(-10_000), Some(-9_000));
}

#[test]
fn what_a_dead_node_left_is_forgotten_in_the_end() {
    let mut desk = Desk::new(&[2, 3]);
    desk.beat();
    desk.beat();
    desk.now += FORGOTTEN_AFTER - BEAT_EVERY;
    desk.beat_without(&[2]);
    desk.now += BEAT_EVERY;
    assert_eq!(desk.registry.take_forgotten(desk.now), [2]);
    assert!(desk.registry.take_forgotten(desk.now).is_empty());
    assert_eq!(desk.nodes(), 2);
}
