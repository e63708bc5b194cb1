//! Choices among nodes, on a clock that the test turns.

#![allow(clippy::unwrap_used)]

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::*;

struct Desk {
    nodes: Nodes,
    now: Instant,
    rng: ChaCha8Rng,
}

fn node(number: usize, load: u8) -> Node {
    Node {
        address: address(number).to_string(),
        load,
    }
}

fn address(number: usize) -> ServerAddress {
    format!("node{number}:7443").parse().unwrap()
}

fn home() -> ServerAddress {
    "chat.example.org:7443".parse().unwrap()
}

impl Desk {
    fn new(nodes: Nodes) -> Self {
        Self {
            nodes,
            now: Instant::now(),
            rng: ChaCha8Rng::seed_from_u64(1),
        }
    }

    /// Linked to the first of nodes with these loads.
    fn linked(loads: &[u8]) -> Self {
        let mut desk = Self::new(Nodes::default());
        let nodes: Vec<Node> = (0..).zip(loads).map(|(at, load)| node(at, *load)).collect();
        desk.nodes.welcomed(&nodes);
        desk
    }

    fn plan(&mut self, failures: u32) -> Vec<ServerAddress> {
        self.nodes.plan(&home(), failures, self.now, &mut self.rng)
    }

    /// What a hundred dials begin with, each once, in order.
    fn firsts(&mut self) -> Vec<ServerAddress> {
        let mut firsts: Vec<_> = (0..100).map(|_| self.plan(0).swap_remove(0)).collect();
        firsts.sort_by_key(ToString::to_string);
        firsts.dedup();
        firsts
    }
}

#[test]
fn the_most_loaded_node_is_never_chosen_and_the_others_all_are() {
    let mut desk = Desk::linked(&[200, 10, 20]);
    assert_eq!(desk.firsts(), [address(1), address(2)]);
}

#[test]
fn a_dial_goes_to_two_nodes_and_home_each_once() {
    let mut desk = Desk::linked(&[0, 0, 0, 0]);
    for _ in 0..100 {
        let plan = desk.plan(0);
        assert_eq!((plan.len(), &plan[2]), (3, &home()));
        assert!(plan[0] != plan[1] && plan[0] != home() && plan[1] != home());
        let plan = desk.plan(1);
        assert_eq!((plan.len(), &plan[0]), (3, &home()), "at every second try");
        assert_ne!(plan[1], plan[2]);
    }
}

#[test]
fn a_lone_server_is_dialled_where_the_person_said() {
    let mut desk = Desk::new(Nodes::default());
    assert_eq!(desk.plan(0), [home()]);
    // What it calls itself may be wrong, or lead around what stands before it.
    let mut desk = Desk::linked(&[1]);
    assert_eq!((desk.plan(0), desk.plan(1)), (vec![home()], vec![home()]));
    desk.nodes.doubt(desk.now);
    assert_eq!(desk.plan(0), [home()]);
}

#[test]
fn what_an_earlier_run_knew_is_tried_from_the_start() {
    let remembered = [address(1), address(2)];
    let mut desk = Desk::new(Nodes::remembered(&remembered));
    assert_eq!(desk.firsts(), remembered);
    assert!(desk.plan(0).contains(&home()));
}

#[test]
fn a_node_that_let_a_link_die_is_not_the_first_choice_for_a_while() {
    let mut desk = Desk::linked(&[0, 200]);
    desk.nodes.doubt(desk.now);
    assert_eq!(desk.firsts(), [address(1)]);
    assert_eq!(
        desk.plan(0),
        [address(1), address(0), home()],
        "but the second"
    );
    desk.nodes.trust();
    assert_eq!(desk.firsts(), [address(0)]);
    desk.nodes.doubt(desk.now);
    desk.now += AVOIDED_FOR;
    assert_eq!(desk.firsts(), [address(0)]);
}

#[test]
fn when_all_are_avoided_all_are_tried() {
    let mut desk = Desk::linked(&[0, 0]);
    desk.nodes.failed(address(0), desk.now);
    desk.nodes.failed(address(1), desk.now);
    assert_eq!(desk.firsts(), [address(0), address(1)]);
}

#[test]
fn who_is_asked_to_go_goes_where_it_is_sent() {
    let mut desk = Desk::linked(&[0, 0, 0]);
    assert!(desk.nodes.go_away(&[node(7, 9)], desk.now));
    assert_eq!(desk.firsts(), [address(7)], "though it is one alone");
    // There the list is another, and the wish is over.
    desk.nodes.welcomed(&[node(7, 9), node(8, 0), node(0, 0)]);
    assert_eq!(desk.firsts(), [address(8)], "not back to who sent us");
}

#[test]
fn who_is_sent_away_to_nowhere_goes_to_another_node_that_it_knows() {
    let mut desk = Desk::linked(&[0, 0]);
    assert!(desk.nodes.go_away(&[], desk.now));
    assert_eq!(desk.firsts(), [address(1)]);
    assert!(!Desk::linked(&[0]).nodes.go_away(&[], Instant::now()));
    assert!(!Nodes::default().go_away(&[], Instant::now()));
}

#[test]
fn the_last_node_of_several_is_still_a_place_to_go() {
    let mut desk = Desk::linked(&[0, 0]);
    desk.nodes.welcomed(&[node(1, 0)]);
    assert_eq!(desk.plan(0), [address(1), address(0), home()]);
}

#[test]
fn nodes_that_were_away_when_the_list_was_made_are_tried_where_it_is_of_no_use() {
    let mut desk = Desk::linked(&[0, 0, 0]);
    // The others are being restarted.
    desk.nodes.welcomed(&[node(0, 0)]);
    desk.nodes.doubt(desk.now);
    assert_eq!(desk.firsts(), [address(1), address(2)]);
    assert!(desk.nodes.go_away(&[], desk.now));
    desk.nodes.welcomed(&[node(0, 0), node(1, 0), node(2, 0)]);
    assert!(desk.nodes.former.is_empty(), "listed again");
    for number in 0..1_000 {
        desk.nodes.welcomed(&[node(number, 0)]);
    }
    assert_eq!(desk.nodes.former.len(), NODES);
    assert_eq!(desk.nodes.former[0].address, address(998));
}

#[test]
fn a_node_that_is_home_is_one_place_of_three() {
    let mut desk = Desk::new(Nodes::default());
    let own = Node {
        address: home().to_string(),
        load: 0,
    };
    desk.nodes.welcomed(&[own, node(1, 0), node(2, 0)]);
    for failures in 0..100 {
        let mut plan = desk.plan(failures);
        plan.sort_by_key(ToString::to_string);
        assert_eq!(plan, [home(), address(1), address(2)]);
    }
}

#[test]
fn what_is_no_address_is_passed_over() {
    let mut desk = Desk::linked(&[]);
    let odd = Node {
        address: "node:of:nothing".to_owned(),
        load: 0,
    };
    desk.nodes.welcomed(&[node(0, 0), odd, node(1, 0)]);
    assert_eq!(desk.firsts(), [address(0), address(1)]);
}

#[test]
fn a_list_is_bounded() {
    let many: Vec<ServerAddress> = (0..1_000).map(address).collect();
    let mut desk = Desk::new(Nodes::remembered(&many));
    assert_eq!(desk.nodes.known.len(), NODES);
    many.into_iter()
        .for_each(|it| desk.nodes.failed(it, desk.now));
    assert!(desk.nodes.avoided.len() <= NODES);
    assert_eq!(desk.plan(0).len(), 3);
}

#[test]
fn a_thousand_clients_spread_evenly_over_nodes_that_are_equally_full() {
    let mut desk = Desk::linked(&[5, 5, 5, 5]);
    let mut counts = [0_u32; 4];
    for _ in 0..1_000 {
        let first = desk.plan(0).swap_remove(0);
        let at = (0..4).find(|at| address(*at) == first).unwrap();
        counts[at] += 1;
    }
    assert!(
        counts.iter().all(|it| (190..310).contains(it)),
        "{counts:?}"
    );
}
