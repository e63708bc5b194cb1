//! Which of an installation's nodes to dial. A rule without I/O.

use parlor_protocol::hello::Node;
use parlor_protocol::link::ServerAddress;
use rand::Rng;

/// The less loaded of two nodes drawn at random, so that a thousand clients that leave one node do
/// not all go to the same other. `None` for the address that the person gave: where the server
/// names fewer than two, and at every second try, since what it says may be out of date.
pub(super) fn choose<R: Rng + ?Sized>(
    nodes: &[Node],
    failures: u32,
    rng: &mut R,
) -> Option<ServerAddress> {
    let known: Vec<(&Node, ServerAddress)> = nodes
        .iter()
        .filter_map(|node| Some((node, node.address.parse().ok()?)))
        .collect();
    if known.len() < 2 || failures % 2 == 1 {
        return None;
    }
    let first = rng.random_range(0..known.len());
    let second = (first + rng.random_range(1..known.len())) % known.len();
    let better = if known[second].0.load < known[first].0.load {
        second
    } else {
        first
    };
    known.into_iter().nth(better).map(|(_, address)| address)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn nodes(loads: &[u8]) -> Vec<Node> {
        let node = |(at, load): (usize, &u8)| Node {
            address: format!("node{at}:7443"),
            load: *load,
        };
        loads.iter().enumerate().map(node).collect()
    }

    #[test]
    fn the_most_loaded_node_is_never_chosen_and_the_others_all_are() {
        let (nodes, mut rng) = (nodes(&[200, 10, 20]), ChaCha8Rng::seed_from_u64(1));
        let mut chosen: Vec<String> = (0..100)
            .filter_map(|_| choose(&nodes, 0, &mut rng))
            .map(|address| address.to_string())
            .collect();
        chosen.sort();
        chosen.dedup();
        assert_eq!(chosen, ["node1:7443", "node2:7443"]);
    }

    #[test]
    fn a_single_node_and_every_second_try_leave_it_to_the_persons_address() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        assert_eq!(choose(&nodes(&[1]), 0, &mut rng), None);
        assert_eq!(choose(&nodes(&[1, 2, 3]), 1, &mut rng), None);
        assert_eq!(choose(&[], 0, &mut rng), None);
    }
}
