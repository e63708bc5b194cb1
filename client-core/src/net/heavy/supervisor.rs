//! The one link of a client, kept through everything that ends links.

use parlor_protocol::error::Refusal;
use parlor_protocol::hello::Pong;
use parlor_protocol::session::ServerStep;
use parlor_protocol::{Code, frame};

use super::support::{
    Identity, KilledServer, Options, Session, TestServer, dial, dial_at, flight, go_away_to, heads,
    ping, pong,
};
use crate::net::{
    CloseReason, ConnectError, Flight, LinkEvent, LinkState, NewLink, Supervisor, SupervisorEvent,
};

type Client = Supervisor<fn() -> Result<Flight, ConnectError>>;

fn first_flight() -> Result<Flight, ConnectError> {
    Ok(flight())
}

fn client(server: &TestServer) -> Client {
    Supervisor::new(dial(server), first_flight)
}

/// Polls until a link is up.
async fn link_up(client: &mut Client) -> NewLink {
    loop {
        if let SupervisorEvent::Connected(new) = client.next().await {
            return *new;
        }
    }
}

/// Polls until the state is such.
async fn state(client: &mut Client, wanted: impl Fn(&LinkState) -> bool) {
    while !wanted(&client.state()) {
        client.next().await;
    }
}

async fn connected(server: &TestServer) -> (Client, NewLink, Session) {
    let mut client = client(server);
    let (new, session) = tokio::join!(link_up(&mut client), server.entered());
    (client, new, session)
}

#[tokio::test]
async fn the_link_comes_up_and_carries_events() {
    let server = TestServer::start();
    let (mut client, new, mut session) = connected(&server).await;
    assert_eq!(new.entered.name, "ada");
    assert!(matches!(
        client.next().await,
        SupervisorEvent::State(LinkState::Connected)
    ));
    session.push(frame::encode(0, &heads())).await;
    assert!(matches!(
        client.next().await,
        SupervisorEvent::Link(LinkEvent::Push(_))
    ));
}

#[tokio::test]
async fn a_link_that_the_server_ends_is_made_anew_with_a_new_flight() {
    let server = TestServer::start();
    let mut flights = 0;
    let mut client = Supervisor::new(dial(&server), || {
        flights += 1;
        first_flight()
    });
    for _ in 0..2 {
        let up = async { while !matches!(client.next().await, SupervisorEvent::Connected(_)) {} };
        let ((), session) = tokio::join!(up, server.entered());
        session
            .connection
            .close(u32::from(Code::GOING_AWAY.0).into(), b"restarting");
        loop {
            if let SupervisorEvent::Lost(reason) = client.next().await {
                assert_eq!(reason.to_string(), "restarting");
                break;
            }
        }
    }
    drop(client);
    assert_eq!(flights, 2);
}

#[tokio::test]
async fn go_away_moves_to_a_new_link_before_the_old_one_ends() {
    let server = TestServer::start();
    let (mut client, old, mut first) = connected(&server).await;
    // A request is under way on the old link.
    let asked = tokio::spawn(old.link.request::<_, Pong>(&ping(5)));
    let request = tokio::select! {
        request = first.request() => request,
        () = async { loop { client.next().await; } } => unreachable!(),
    };
    first
        .control
        .send(frame::encode(0, &go_away_to(&server)))
        .await;
    let (new, second) = tokio::join!(link_up(&mut client), server.entered());
    assert!(
        first.connection.close_reason().is_none(),
        "the old link was there until the new one was"
    );
    assert_eq!(client.state(), LinkState::Connected);
    // It is answered there, and only then the client says goodbye.
    first.reply(request.header.request, &pong(5)).await;
    assert_eq!(asked.await.unwrap().unwrap().opaque, 5);
    assert_eq!(first.step().await, ServerStep::Goodbye);
    first.connection.closed().await;
    assert!(new.link.closed().is_none() && second.connection.close_reason().is_none());
}

#[tokio::test]
async fn a_refused_token_stops_the_dialling_until_somebody_acts() {
    let server = TestServer::start();
    let mut client = client(&server);
    let refuse = async {
        let mut session = server.session().await;
        session.greet().await;
        session
            .refuse_entry(&Refusal::new(Code::SESSION_ENDED))
            .await;
        session
    };
    let (event, _session) = tokio::join!(client.next(), refuse);
    assert!(
        matches!(event, SupervisorEvent::Failed(ConnectError::Entry(_))),
        "{event:?}"
    );
    state(&mut client, |state| *state == LinkState::Offline).await;
    client.retry_now();
    let (_new, _session) = tokio::join!(link_up(&mut client), server.entered());
}

#[tokio::test]
async fn a_busy_server_is_asked_again() {
    let server = TestServer::start();
    let mut client = client(&server);
    let serve = async {
        server.endpoint.accept().await.unwrap().refuse();
        server.entered().await
    };
    let (_new, _session) = tokio::join!(link_up(&mut client), serve);
}

#[tokio::test]
async fn a_killed_server_is_doubted_while_silent_and_found_again() {
    let identity = Identity::new();
    let server = KilledServer::start(identity.clone());
    let port = server.port;
    let mut client: Client = Supervisor::new(dial_at(port, identity.pin()), first_flight);
    link_up(&mut client).await;
    server.kill();
    // Nobody is there to reset the link: a client that only receives learns of it by its probe.
    state(&mut client, |state| *state == LinkState::Unsure).await;
    let server = TestServer::with(Options {
        identity,
        port,
        ..Options::default()
    });
    let (_new, _session) = tokio::join!(link_up(&mut client), server.entered());
}

#[tokio::test]
async fn a_restarted_server_is_found_by_its_reset() {
    let identity = Identity::new();
    let server = KilledServer::start(identity.clone());
    let port = server.port;
    let mut client: Client = Supervisor::new(dial_at(port, identity.pin()), first_flight);
    link_up(&mut client).await;
    server.kill();
    let server = TestServer::with(Options {
        identity,
        port,
        ..Options::default()
    });
    let lost = async {
        loop {
            match client.next().await {
                SupervisorEvent::Lost(reason) => return reason,
                SupervisorEvent::State(LinkState::Unsure) => {
                    panic!("the reset comes before any doubt")
                }
                _ => {}
            }
        }
    };
    assert_eq!(lost.await, CloseReason::Reset);
    let (_new, _session) = tokio::join!(link_up(&mut client), server.entered());
}

#[tokio::test]
async fn ending_says_goodbye() {
    let server = TestServer::start();
    let (client, _new, mut session) = connected(&server).await;
    let serve = async {
        assert_eq!(session.step().await, ServerStep::Goodbye);
        session.connection.close(0_u32.into(), b"");
    };
    tokio::join!(client.end(), serve);
}
