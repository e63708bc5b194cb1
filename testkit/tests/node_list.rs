//! What clients know of a cluster's nodes: they are told, they spread, and they move without a break.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use parlor_client_core::net::{
    ConnectError, Dial, Endpoint, Flight, LinkEvent, NewLink, Supervisor, SupervisorEvent, Target,
    Trust, hello,
};
use parlor_protocol::link::ServerAddress;
use parlor_protocol::message::Posted;
use parlor_protocol::room::{RoomDone, RoomKind};
use parlor_server::config::{Config, Registration};
use parlor_testkit::ask;
use parlor_testkit::nodes::Nodes;
use parlor_testkit::server::{TestPerson, TestServer};
use parlor_testkit::wait::eventually;

const WITHIN: Duration = Duration::from_secs(60);

fn open(config: &mut Config) {
    config.server.registration = Registration::Open;
}

/// A client that keeps its link, of a person with a session.
type Client = Supervisor<Box<dyn FnMut() -> Result<Flight, ConnectError> + Send>>;

fn client(at: &TestServer, person: &TestPerson) -> Client {
    let entry = person.by_token();
    let flight = move || Ok(Flight::new(&hello("testkit", 0), &entry));
    Supervisor::new(at.dial(), Box::new(flight))
}

/// The next link. Nothing may fail and nothing may be lost on the way to it.
async fn link_up(client: &mut Client) -> NewLink {
    loop {
        match client.next().await {
            SupervisorEvent::Connected(new) => return *new,
            SupervisorEvent::Failed(error) => panic!("{error}"),
            SupervisorEvent::Lost(reason) => panic!("lost: {reason}"),
            SupervisorEvent::Link(_) | SupervisorEvent::State(_) => {}
        }
    }
}

fn address(server: &TestServer) -> String {
    server.server.reach().address.to_string()
}

/// Waits until each node lists so many.
async fn known_to_all(nodes: &Nodes, count: usize) {
    let all = async || {
        let listed = |it: &TestServer| it.server.core().nodes.nodes().len();
        nodes.servers.iter().all(|it| listed(it) == count)
    };
    eventually(WITHIN, all).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_welcome_names_every_node_its_own_first() {
    let nodes = Nodes::start(2, open).await;
    known_to_all(&nodes, 2).await;
    let ada = nodes.servers[0].owner("ada").await;
    for at in 0..2 {
        let (here, there) = (&nodes.servers[at], &nodes.servers[1 - at]);
        let mut client = client(here, &ada);
        let new = link_up(&mut client).await;
        let named: Vec<_> = new.welcome.nodes.iter().map(|it| &it.address).collect();
        assert_eq!(named, [&address(here), &address(there)]);
        client.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drained_nodes_clients_are_at_another_before_their_link_ends() {
    let nodes = Nodes::start(2, open).await;
    known_to_all(&nodes, 2).await;
    let [one, other] = [&nodes.servers[0], &nodes.servers[1]];
    let ada = one.owner("ada").await;
    let mut client = client(one, &ada);
    let old = link_up(&mut client).await;
    let made = old
        .link
        .request::<_, RoomDone>(&ask::create_room(RoomKind::PRIVATE, "workshop"));
    let room = during(&mut client, made).await.unwrap().room;
    let core = one.server.core().clone();
    let drained = tokio::spawn(async move { core.drain().await });
    let new = link_up(&mut client).await;
    assert_eq!(new.welcome.nodes[0].address, address(other));
    let posted = new
        .link
        .request::<_, Posted>(&ask::post(room, "from the other node"));
    assert_eq!(during(&mut client, posted).await.unwrap().seq, 1);
    // The client takes leave of the old one by itself.
    let gone = async {
        loop {
            client.next().await;
        }
    };
    let elsewhere = tokio::select! {
        drained = drained => drained.unwrap(),
        () = gone => unreachable!(),
    };
    assert!(elsewhere);
    assert_eq!(one.server.core().metrics.links.get(), 0);
    // The node is listed by nobody, and turns newcomers to the others.
    eventually(WITHIN, async || {
        other.server.core().nodes.others().is_empty()
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_dials_a_node_that_is_gone_finds_another_that_it_remembers() {
    let mut nodes = Nodes::start(2, open).await;
    known_to_all(&nodes, 2).await;
    let ada = nodes.servers[0].owner("ada").await;
    let first = nodes.servers.remove(0);
    let remembered: Vec<ServerAddress> = [&first, &nodes.servers[0]]
        .map(|it| it.server.reach().address.clone())
        .into();
    let mut client = client(&first, &ada).remembering(&remembered);
    first.server.stop().await;
    // Its farewell is not waited for by the other: it is simply not there any more.
    known_to_all(&nodes, 1).await;
    let new = link_up(&mut client).await;
    assert_eq!(new.welcome.nodes[0].address, address(&nodes.servers[0]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_of_one_node_is_shown_to_another_and_harms_nothing() {
    let nodes = Nodes::start(2, open).await;
    let [one, other] = [&nodes.servers[0], &nodes.servers[1]];
    let ada = one.owner("ada").await;
    let target = Target::new(
        one.server.reach().address.clone(),
        Trust::Pins(one.server.pins().to_vec()),
    )
    .unwrap();
    let mut dial = Dial::new(Endpoint::open().unwrap(), target);
    let mut links = Vec::new();
    for (place, shown) in [(one, 0), (other, 1), (one, 2)] {
        dial.target = dial.target.at(place.server.reach().address.clone());
        let flight = Flight::new(&hello("testkit", 0), &ada.by_token());
        let connected = parlor_client_core::net::Link::connect(&dial, flight)
            .await
            .unwrap();
        assert_eq!(dial.target.tickets_used(), shown);
        links.push(connected);
    }
}

/// Waits for a reply while the client does its work.
async fn during<T>(client: &mut Client, reply: impl Future<Output = T>) -> T {
    let mut reply = std::pin::pin!(reply);
    loop {
        tokio::select! {
            biased;
            reply = &mut reply => return reply,
            event = client.next() => match event {
                SupervisorEvent::Link(LinkEvent::Closed(reason)) => panic!("{reason}"),
                SupervisorEvent::Failed(error) => panic!("{error}"),
                _ => {}
            },
        }
    }
}
