//! One installation of several nodes, some of them dead.

use std::net::UdpSocket;

use parlor_protocol::hello::Node;
use parlor_protocol::link::ServerAddress;
use parlor_protocol::{Code, frame};

use super::support::{
    Identity, KilledServer, Options, Session, TestServer, address, dial, dial_at, flight,
    go_away_to, node,
};
use crate::net::{ConnectError, Flight, LinkState, NewLink, Supervisor, SupervisorEvent};

type Client = Supervisor<fn() -> Result<Flight, ConnectError>>;

fn first_flight() -> Result<Flight, ConnectError> {
    Ok(flight())
}

/// A client whose person gave this server's address.
fn client(home: &TestServer) -> Client {
    Supervisor::new(dial(home), first_flight)
}

/// A node of the same installation.
fn sibling(identity: &Identity) -> TestServer {
    TestServer::with(Options {
        identity: identity.clone(),
        ..Options::default()
    })
}

/// An address at which nothing answers, as that of a machine that is off; taken for as long as the
/// socket lives.
fn silence() -> (UdpSocket, ServerAddress) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let hosts = vec!["127.0.0.1".to_owned()];
    (socket, ServerAddress { hosts, port })
}

fn named(address: &ServerAddress, load: u8) -> Node {
    Node {
        address: address.to_string(),
        load,
    }
}

/// The next link; no dial may fail before it.
async fn link_up(client: &mut Client) -> NewLink {
    loop {
        match client.next().await {
            SupervisorEvent::Connected(new) => return *new,
            SupervisorEvent::Failed(error) => panic!("{error}"),
            _ => {}
        }
    }
}

/// A link to the first of two nodes, which names both as loaded so.
async fn linked(one: &TestServer, other: &TestServer, loads: [u8; 2]) -> (Client, Session) {
    let mut client = client(one);
    let nodes = vec![node(one, loads[0]), node(other, loads[1])];
    let (_new, session) = tokio::join!(link_up(&mut client), one.entered_with(nodes));
    (client, session)
}

#[tokio::test]
async fn a_start_with_a_dead_address_finds_a_node_that_was_remembered() {
    let identity = Identity::new();
    let server = sibling(&identity);
    let (_socket, home) = silence();
    let dial = dial_at(home.port, identity.pin());
    let remembered = [home.clone(), address(&server)];
    let mut client = Client::new(dial, first_flight).remembering(&remembered);
    let (_new, _session) = tokio::join!(link_up(&mut client), server.entered());
}

#[tokio::test]
async fn a_node_that_does_not_answer_is_overtaken_by_another_in_the_same_dial() {
    let identity = Identity::new();
    let (one, other) = (sibling(&identity), sibling(&identity));
    let (_socket, dead) = silence();
    let mut client = client(&one);
    // The dead one is the emptiest, so it comes first.
    let nodes = vec![node(&one, 9), named(&dead, 0), node(&other, 200)];
    let (_new, session) = tokio::join!(link_up(&mut client), one.entered_with(nodes));
    session
        .connection
        .close(u32::from(Code::GOING_AWAY.0).into(), b"");
    let (_new, _session) = tokio::join!(link_up(&mut client), other.entered());
}

#[tokio::test]
async fn a_lost_link_is_made_anew_at_another_node_though_the_first_is_emptier() {
    let identity = Identity::new();
    let (one, other) = (sibling(&identity), sibling(&identity));
    let (mut client, session) = linked(&one, &other, [0, 200]).await;
    session.connection.close(0_u32.into(), b"");
    let (_new, _session) = tokio::join!(link_up(&mut client), other.entered());
}

#[tokio::test]
async fn a_killed_nodes_clients_are_at_another_while_they_still_doubt() {
    let identity = Identity::new();
    let other = sibling(&identity);
    // Emptier, and dead.
    let first = KilledServer::naming(identity.clone(), vec![node(&other, 200)]);
    let dial = dial_at(first.port, identity.pin());
    let mut client = Client::new(dial, first_flight);
    link_up(&mut client).await;
    first.kill();
    while client.state() != LinkState::Unsure {
        client.next().await;
    }
    let (_new, _session) = tokio::join!(link_up(&mut client), other.entered());
}

#[tokio::test]
async fn go_away_to_one_node_leads_there_before_the_old_link_ends() {
    let identity = Identity::new();
    let (one, other) = (sibling(&identity), sibling(&identity));
    // Known of this one alone so far.
    let mut client = client(&one);
    let (_new, mut session) = tokio::join!(link_up(&mut client), one.entered());
    session
        .control
        .send(frame::encode(0, &go_away_to(&other)))
        .await;
    let (_new, _second) = tokio::join!(link_up(&mut client), other.entered());
    assert_eq!(client.state(), LinkState::Connected);
    assert!(session.connection.close_reason().is_none());
}

#[tokio::test]
async fn an_address_that_another_installation_has_by_now_stops_nobody() {
    let (home, stranger) = (TestServer::start(), TestServer::start());
    let remembered = [address(&stranger), address(&stranger)];
    let mut client = client(&home).remembering(&remembered);
    let serve = async {
        loop {
            let _ = stranger.endpoint.accept().await.unwrap().await;
        }
    };
    tokio::select! {
        (_new, _session) = async { tokio::join!(link_up(&mut client), home.entered()) } => {}
        () = serve => unreachable!(),
    }
}

#[tokio::test]
async fn where_only_a_stranger_answers_the_client_goes_on_trying() {
    let stranger = TestServer::start();
    let (_socket, home) = silence();
    let mut dial = dial_at(home.port, Identity::new().pin());
    dial.deadlines.answer = std::time::Duration::from_millis(300);
    let remembered = [address(&stranger), address(&stranger)];
    let mut client = Client::new(dial, first_flight).remembering(&remembered);
    let serve = async {
        loop {
            let _ = stranger.endpoint.accept().await.unwrap().await;
        }
    };
    let failed = async {
        loop {
            if let SupervisorEvent::Failed(error) = client.next().await {
                return error;
            }
        }
    };
    let failed = tokio::select! {
        failed = failed => failed,
        () = serve => unreachable!(),
    };
    assert!(matches!(failed, ConnectError::NoAnswer { .. }), "{failed}");
    assert!(failed.is_transient());
}
