//! Clients that keep their link while nodes are killed and drained.

use std::time::{Duration, Instant};

use parlor_client_core::net::{
    ConnectError, Flight, Link, NewLink, Supervisor, SupervisorEvent, hello,
};
use parlor_protocol::session::Entry;
use parlor_testkit::cluster::Cluster;
use parlor_testkit::wait::eventually;

use super::{PROGRAM, owner};

const WITHIN: Duration = Duration::from_secs(60);
/// A dead node's users are back elsewhere in less.
const BACK_WITHIN: Duration = Duration::from_secs(5);

type Client = Supervisor<Box<dyn FnMut() -> Result<Flight, ConnectError> + Send>>;

/// A client whose person gave the address of this node.
fn client(cluster: &Cluster, node: usize, entry: &Entry) -> Client {
    let entry = entry.clone();
    let flight = move || Ok(Flight::new(&hello("testkit", 0), &entry));
    Supervisor::new(cluster.dial(node, None).unwrap(), Box::new(flight))
}

/// What comes until the next link, and the link.
async fn link_up(client: &mut Client) -> (Vec<SupervisorEvent>, NewLink) {
    let mut before = Vec::new();
    loop {
        match client.next().await {
            SupervisorEvent::Connected(new) => return (before, *new),
            event => before.push(event),
        }
    }
}

/// Which node a link leads to.
fn node_of(cluster: &Cluster, new: &NewLink) -> usize {
    let own = &new.welcome.nodes[0].address;
    let mut all = 0..cluster.count();
    all.find(|node| cluster.address(*node).to_string() == *own)
        .unwrap()
}

/// Nodes that run and list each other, and how the owner comes.
async fn known_to_all(nodes: usize) -> (Cluster, Entry) {
    let cluster = Cluster::running(PROGRAM, nodes).await.unwrap();
    let (_ada, _room, entry) = owner(&cluster).await;
    for node in 0..nodes {
        let dial = cluster.dial(node, None).unwrap();
        let all = async || {
            let flight = Flight::new(&hello("testkit", 0), &entry);
            let welcome = Link::connect(&dial, flight).await.unwrap().welcome;
            welcome.nodes.len() == nodes
        };
        eventually(WITHIN, all).await.unwrap();
    }
    (cluster, entry)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_nodes_client_that_only_receives_is_at_another_within_five_seconds() {
    let (mut cluster, entry) = known_to_all(3).await;
    let mut client = client(&cluster, 0, &entry);
    let (_, first) = link_up(&mut client).await;
    let here = node_of(&cluster, &first);
    cluster.kill(here).await.unwrap();
    let killed = Instant::now();
    let (_, new) = link_up(&mut client).await;
    let took = killed.elapsed();
    assert_ne!(node_of(&cluster, &new), here);
    assert!(took < BACK_WITHIN, "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drained_node_sends_its_clients_on_without_a_break_and_ends_when_told() {
    let (cluster, entry) = known_to_all(2).await;
    let mut client = client(&cluster, 0, &entry);
    let (_, first) = link_up(&mut client).await;
    let here = node_of(&cluster, &first);
    let moved = async {
        let (before, new) = link_up(&mut client).await;
        for event in before {
            let calm = matches!(event, SupervisorEvent::Link(_) | SupervisorEvent::State(_));
            assert!(calm, "{event:?}");
        }
        assert_ne!(node_of(&cluster, &new), here);
        // The old link is taken leave of while the client goes on.
        loop {
            client.next().await;
        }
    };
    let said = tokio::select! {
        said = cluster.run(here, &["drain"]) => said.unwrap(),
        () = moved => unreachable!(),
    };
    assert!(said.contains("have gone to other nodes"), "{said}");
    assert!(cluster.node(here).is_running());
    let said = cluster.run(here, &["drain", "--stop"]).await.unwrap();
    assert!(said.contains("the server has ended"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_others_is_not_drained() {
    let cluster = Cluster::running(PROGRAM, 1).await.unwrap();
    let refused = cluster.run(0, &["drain"]).await.unwrap_err().to_string();
    assert!(refused.contains("no other node takes links"), "{refused}");
}
