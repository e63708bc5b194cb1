//! From an address to a link, and every way in which that fails, told apart.

use std::net::UdpSocket;
use std::time::Duration;

use parlor_protocol::error::Refusal;
use parlor_protocol::link::ServerAddress;
use parlor_protocol::session::ServerStep;
use parlor_protocol::{Code, frame};

use super::support::{
    Identity, KilledServer, Options, TestServer, address, dial, dial_at, dial_trusting, flight,
    other_pin, ping,
};
use crate::net::{
    CloseReason, ConnectError, Connected, Dial, Endpoint, Greeted, Link, LinkEvent, Target, Trust,
    hello,
};

/// Serves nobody, but keeps the transport going, until `client` is done.
async fn beside<T>(server: &TestServer, client: impl Future<Output = T>) -> T {
    let serve = async {
        loop {
            let _ = server.endpoint.accept().await.unwrap().await;
        }
    };
    tokio::select! {
        done = client => done,
        () = serve => unreachable!(),
    }
}

fn at(mut dial: Dial, hosts: &[&str], port: u16) -> Dial {
    let hosts = hosts.iter().map(ToString::to_string).collect();
    dial.target = dial.target.at(ServerAddress { hosts, port });
    dial
}

fn impatient(mut dial: Dial) -> Dial {
    dial.deadlines.answer = Duration::from_millis(300);
    dial
}

#[tokio::test]
async fn another_key_than_the_pin_is_refused_and_told() {
    let server = TestServer::start();
    let dial = dial_trusting(&server, Trust::Pins(vec![other_pin()]));
    let failed = beside(&server, Link::connect(&dial, flight()))
        .await
        .unwrap_err();
    let ConnectError::WrongPin { got, .. } = &failed else {
        panic!("{failed}")
    };
    assert_eq!(*got, server.pin());
    assert!(!failed.is_transient());
}

#[tokio::test]
async fn the_next_pin_is_as_good_as_the_first() {
    let server = TestServer::start();
    let dial = dial_trusting(&server, Trust::Pins(vec![other_pin(), server.pin()]));
    let (connected, _session) = tokio::join!(Link::connect(&dial, flight()), server.entered());
    connected.unwrap();
}

#[tokio::test]
async fn without_a_pin_the_fingerprint_comes_back_and_nothing_was_sent() {
    let server = TestServer::start();
    let dial = dial_trusting(&server, Trust::AskFingerprint);
    let failed = beside(&server, Link::connect(&dial, flight()))
        .await
        .unwrap_err();
    let ConnectError::UnknownKey { pin, .. } = failed else {
        panic!("{failed}")
    };
    assert_eq!(pin, server.pin());
    // Confirmed, it is the pin of the next dial.
    let dial = dial_trusting(&server, Trust::Pins(vec![pin]));
    let (connected, _session) = tokio::join!(Link::connect(&dial, flight()), server.entered());
    connected.unwrap();
}

#[tokio::test]
async fn a_certificate_of_ones_own_is_not_one_of_an_authority() {
    let server = TestServer::start();
    let target = match Target::new(address(&server), Trust::Ca) {
        Ok(target) => target,
        // A bare container: there, too, it is told what to install.
        Err(error) => return assert!(error.to_string().contains("ca-certificates"), "{error}"),
    };
    let dial = Dial::new(Endpoint::open().unwrap(), target);
    let failed = beside(&server, Link::connect(&dial, flight()))
        .await
        .unwrap_err();
    assert!(
        matches!(failed, ConnectError::Certificate { .. }),
        "{failed}"
    );
    assert!(failed.to_string().contains("join link"), "{failed}");
}

#[tokio::test]
async fn another_protocol_on_the_port_is_not_a_parlor_server() {
    let server = TestServer::with(Options {
        alpn: b"h3".to_vec(),
        ..Options::default()
    });
    let dial = dial(&server);
    let failed = beside(&server, Link::connect(&dial, flight()))
        .await
        .unwrap_err();
    assert!(matches!(failed, ConnectError::NotParlor { .. }), "{failed}");
}

#[tokio::test]
async fn where_nothing_listens_the_port_is_named() {
    let server = TestServer::start();
    // Bound, so that nobody else takes it, and silent, as a firewall would be.
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let dial = impatient(at(dial(&server), &["127.0.0.1"], port));
    let failed = Link::connect(&dial, flight()).await.unwrap_err();
    let ConnectError::NoAnswer { tried, .. } = &failed else {
        panic!("{failed}")
    };
    assert_eq!(tried.len(), 1);
    assert!(
        failed.to_string().contains(&port.to_string()) && failed.is_transient(),
        "{failed}"
    );
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_told_apart_from_a_dead_server() {
    let server = TestServer::start();
    // Reserved never to exist (RFC 6761).
    let dial = at(dial(&server), &["no-such-host.invalid"], server.port());
    let failed = Link::connect(&dial, flight()).await.unwrap_err();
    let ConnectError::Resolve { host, .. } = failed else {
        panic!("{failed}")
    };
    assert_eq!(host, "no-such-host.invalid");
}

#[tokio::test]
async fn a_host_that_is_silent_does_not_keep_the_others_waiting() {
    let server = TestServer::start();
    // No test may hear from 127.0.0.9 on the server's port: it is bound here, and silent.
    let _silent = UdpSocket::bind(("127.0.0.9", server.port())).unwrap();
    let dial = at(dial(&server), &["127.0.0.9", "127.0.0.1"], server.port());
    let (connected, _session) = tokio::join!(Link::connect(&dial, flight()), server.entered());
    assert_eq!(connected.unwrap().link.address().port(), server.port());
}

#[tokio::test]
async fn a_server_that_takes_no_new_links_says_so() {
    let server = TestServer::start();
    let dial = dial(&server);
    let refuse = async { server.endpoint.accept().await.unwrap().refuse() };
    let (failed, ()) = tokio::join!(Link::connect(&dial, flight()), refuse);
    let failed = failed.unwrap_err();
    assert!(
        matches!(failed, ConnectError::Refused { .. }) && failed.is_transient(),
        "{failed}"
    );
}

#[tokio::test]
async fn no_common_version_is_a_refusal_with_the_servers_words() {
    let server = TestServer::start();
    let dial = dial(&server);
    let mut newer = hello("test 99", 0);
    (newer.minor_oldest, newer.minor_newest) = (900, 901);
    let serve = async {
        let mut session = server.session().await;
        let ServerStep::Fatal { request, refusal } = session.step().await else {
            panic!("expected a refusal")
        };
        session.control.send(frame::encode(request, &refusal)).await;
        session
    };
    let (failed, _session) = tokio::join!(Greeted::connect(&dial, &newer), serve);
    let failed = failed.unwrap_err();
    assert!(matches!(failed, ConnectError::Version(_)), "{failed}");
    assert!(
        failed.to_string().contains("900") && !failed.is_transient(),
        "{failed}"
    );
}

#[tokio::test]
async fn a_refusal_overtaken_by_its_close_still_says_why() {
    let server = TestServer::start();
    let dial = dial(&server);
    let ours = hello("test 0", 0);
    let serve = async {
        let session = server.session().await;
        session
            .connection
            .close(u32::from(Code::VERSION.0).into(), b"this server speaks 3-4");
        session.connection.closed().await;
    };
    let (failed, ()) = tokio::join!(Greeted::connect(&dial, &ours), serve);
    let failed = failed.unwrap_err();
    assert!(matches!(failed, ConnectError::Version(_)), "{failed}");
    assert_eq!(failed.to_string(), "this server speaks 3-4");
}

#[tokio::test]
async fn a_refused_token_is_told_as_a_refused_entry() {
    let server = TestServer::start();
    let dial = dial(&server);
    let serve = async {
        let mut session = server.session().await;
        session.greet().await;
        session
            .refuse_entry(&Refusal::new(Code::SESSION_ENDED))
            .await;
        session
    };
    let (failed, _session) = tokio::join!(Link::connect(&dial, flight()), serve);
    assert!(
        matches!(failed, Err(ConnectError::Entry(refusal)) if refusal.code == Code::SESSION_ENDED)
    );
}

#[tokio::test]
async fn a_server_that_says_nothing_after_the_handshake_is_given_up() {
    let server = TestServer::start();
    let mut dial = dial(&server);
    dial.deadlines.welcome = Duration::from_millis(100);
    let (failed, connection) = tokio::join!(Link::connect(&dial, flight()), server.connection());
    assert!(matches!(failed, Err(ConnectError::TimedOut { .. })));
    connection.closed().await;
}

#[tokio::test]
async fn the_second_handshake_shows_the_ticket_of_the_first() {
    let server = TestServer::start();
    let dial = dial(&server);
    for resumed in [false, true] {
        let (connected, session) = tokio::join!(Link::connect(&dial, flight()), server.entered());
        let Connected { mut events, .. } = connected.unwrap();
        assert_eq!(dial.target.tickets_used() > 0, resumed);
        session.connection.close(0_u32.into(), b"");
        assert!(matches!(events.next().await, LinkEvent::Closed(_)));
    }
}

#[tokio::test]
async fn a_restarted_servers_reset_ends_the_link_at_once() {
    let identity = Identity::new();
    let server = KilledServer::start(identity.clone());
    let (port, dial) = (server.port, dial_at(server.port, identity.pin()));
    let Connected {
        link, mut events, ..
    } = Link::connect(&dial, flight()).await.unwrap();
    server.kill();

    let _after = TestServer::with(Options {
        identity,
        port,
        ..Options::default()
    });
    link.fire(&ping(1)).unwrap();
    assert_eq!(events.next().await, LinkEvent::Closed(CloseReason::Reset));
    assert!(CloseReason::Reset.is_transient());
}

#[tokio::test]
async fn errors_tell_what_to_do_in_one_line() {
    let server = TestServer::start();
    let somewhere = address(&server).to_string().parse().unwrap();
    let errors = [
        ConnectError::Refused { address: somewhere },
        ConnectError::TimedOut { address: somewhere },
        ConnectError::NotParlor { address: somewhere },
        ConnectError::WrongPin {
            address: somewhere,
            got: other_pin(),
        },
        ConnectError::NoAnswer {
            tried: vec![somewhere, somewhere],
            port: 1,
        },
    ];
    for error in errors {
        let text = error.to_string();
        assert!(!text.contains('\n') && text.contains(':'), "{text}");
    }
}
