//! A link from its first packet to its end, against a real QUIC server.

use std::time::Duration;

use bytes::Bytes;
use parlor_protocol::hello::{Done, LogIn, Password, Ping, Pong};
use parlor_protocol::id::RoomId;
use parlor_protocol::kind::Kind;
use parlor_protocol::limit::REQUESTS_IN_FLIGHT;
use parlor_protocol::session::{Entry, ServerStep};
use parlor_protocol::signal::{Typing, TypingDigest};
use parlor_protocol::sync::{SyncUser, UserChanges};
use parlor_protocol::{Code, Extensions, Refusal, frame};

use super::support::{TestServer, connected, dial, flight, heads, ping, pong, unknown_frame};
use crate::net::{ConnectError, Connected, Greeted, Link, LinkEvent, RequestError, hello};

#[tokio::test]
async fn hello_entry_and_first_requests_leave_in_one_flight() {
    let server = TestServer::start();
    let dial = dial(&server);
    let mut first = flight();
    let sync = first.request(&SyncUser {
        since: None,
        ext: Extensions::NONE,
    });
    let serve = async {
        let mut session = server.session().await;
        session.enter().await;
        // The request was there before the entry was decided: nothing more came from the client.
        let ServerStep::Request(request) = session.step().await else {
            panic!("expected the request")
        };
        let changes = UserChanges {
            since: 0,
            through: 0,
            rev: 0,
            reset: true,
            entries: Vec::new(),
            heads: Vec::new(),
            ext: Extensions::NONE,
        };
        session
            .control
            .send(frame::encode(request.header.request, &changes))
            .await;
        session
    };
    let (connected, _session) = tokio::join!(Link::connect(&dial, first), serve);
    let Connected {
        link,
        mut events,
        welcome,
        entered,
    } = connected.unwrap();
    assert_eq!(
        (welcome.installation.as_str(), entered.name.as_str()),
        ("test", "ada")
    );
    assert_eq!(link.in_flight(), 1);
    let LinkEvent::Reply { request, frame } = events.next().await else {
        panic!("expected the reply")
    };
    assert_eq!((request, frame.header.kind), (sync, Kind::USER_CHANGES));
    assert_eq!(link.in_flight(), 0);
}

#[tokio::test]
async fn replies_find_their_requests_in_any_order() {
    let server = TestServer::start();
    let (
        Connected {
            link, mut events, ..
        },
        mut session,
    ) = connected(&server).await;
    let asked = async {
        tokio::join!(
            link.request::<_, Pong>(&ping(1)),
            link.request::<_, Pong>(&ping(2))
        )
    };
    let serve = async {
        let (one, two) = (session.request().await, session.request().await);
        session
            .reply(
                two.header.request,
                &pong(two.open::<Ping>().unwrap().opaque),
            )
            .await;
        session
            .reply(
                one.header.request,
                &pong(one.open::<Ping>().unwrap().opaque),
            )
            .await;
    };
    tokio::select! {
        ((one, two), ()) = async { tokio::join!(asked, serve) } => {
            assert_eq!((one.unwrap().opaque, two.unwrap().opaque), (1, 2));
        }
        event = events.next() => panic!("{event:?}"),
    }
}

#[tokio::test]
async fn a_refusal_is_an_error_with_the_servers_words() {
    let server = TestServer::start();
    let (
        Connected {
            link, mut events, ..
        },
        mut session,
    ) = connected(&server).await;
    let serve = async {
        let request = session.request().await.header.request;
        session
            .reply(
                request,
                &Refusal::with_text(Code::SLOW_MODE, "wait").retry_after_ms(3_000),
            )
            .await;
    };
    tokio::select! {
        (answer, ()) = async { tokio::join!(link.request::<_, Pong>(&ping(1)), serve) } => {
            let Err(RequestError::Refused(refusal)) = answer else { panic!("{answer:?}") };
            assert_eq!((refusal.code, refusal.retry_after_ms), (Code::SLOW_MODE, 3_000));
        }
        event = events.next() => panic!("{event:?}"),
    }
}

#[tokio::test]
async fn a_late_reply_is_an_error_for_its_request_and_no_harm_to_the_link() {
    let server = TestServer::start();
    let (
        Connected {
            link, mut events, ..
        },
        mut session,
    ) = connected(&server).await;
    let late = link
        .request_within::<_, Pong>(&ping(1), Duration::from_millis(1))
        .await;
    assert!(matches!(late, Err(RequestError::TimedOut { .. })));
    assert_eq!(link.in_flight(), 1);
    let fired = link.fire(&ping(2)).unwrap();
    for opaque in [1, 2] {
        let request = session.request().await;
        session.reply(request.header.request, &pong(opaque)).await;
    }
    let LinkEvent::Reply { request, .. } = events.next().await else {
        panic!("expected the reply")
    };
    assert_eq!((request, link.in_flight()), (fired, 0));
}

#[tokio::test]
async fn requests_in_flight_are_bounded_and_a_reply_makes_room() {
    let server = TestServer::start();
    let (
        Connected {
            link, mut events, ..
        },
        mut session,
    ) = connected(&server).await;
    let first = link.fire(&ping(0)).unwrap();
    for opaque in 1..REQUESTS_IN_FLIGHT as u64 {
        link.fire(&ping(opaque)).unwrap();
    }
    assert!(matches!(link.fire(&ping(99)), Err(RequestError::Busy)));
    assert_eq!(session.request().await.header.request, first);
    session.reply(first, &pong(0)).await;
    assert!(matches!(events.next().await, LinkEvent::Reply { request, .. } if request == first));
    link.fire(&ping(100)).unwrap();
    assert_eq!(link.in_flight(), REQUESTS_IN_FLIGHT);
}

#[tokio::test]
async fn pushes_come_as_they_travelled_and_unknown_ones_are_skipped() {
    let server = TestServer::start();
    let (Connected { mut events, .. }, mut session) = connected(&server).await;
    let batch = frame::encode(0, &heads());
    session.push(unknown_frame()).await;
    session.push(batch.slice(..5)).await;
    session.push(batch.slice(5..)).await;
    let LinkEvent::Push(frame) = events.next().await else {
        panic!("expected the push")
    };
    assert_eq!(frame.to_bytes(), batch);
}

#[tokio::test]
async fn signals_travel_both_ways_and_nonsense_in_datagrams_is_dropped() {
    let server = TestServer::start();
    let (
        Connected {
            link, mut events, ..
        },
        session,
    ) = connected(&server).await;
    let room = RoomId([3; 16]);
    assert!(link.signal(&Typing {
        room,
        on: true,
        ext: Extensions::NONE
    }));
    let sent = frame::from_datagram(session.connection.read_datagram().await.unwrap()).unwrap();
    assert_eq!(sent.open::<Typing>().unwrap().room, room);

    let digest = TypingDigest {
        room,
        people: Vec::new(),
        ext: Extensions::NONE,
    };
    session
        .connection
        .send_datagram(Bytes::from_static(b"nonsense"))
        .unwrap();
    session
        .connection
        .send_datagram(frame::encode(0, &digest))
        .unwrap();
    let LinkEvent::Signal(signal) = events.next().await else {
        panic!("expected the signal")
    };
    assert_eq!(signal.open::<TypingDigest>().unwrap(), digest);
}

#[tokio::test]
async fn a_blocked_transport_loses_no_half_frame() {
    let server = TestServer::start();
    let (
        Connected {
            link, mut events, ..
        },
        mut session,
    ) = connected(&server).await;
    let long = |n: u8| parlor_protocol::account::RedeemInvite {
        code: "x".repeat(60_000 + usize::from(n)),
        ext: Extensions::NONE,
    };
    // More than the server's stream window takes while nothing is read there.
    for n in 0..50 {
        link.fire(&long(n)).unwrap();
    }
    let serve = async {
        for n in 0..50 {
            let request = session.request().await;
            assert_eq!(request.body.len(), frame::encode(0, &long(n)).len() - 12);
            session
                .reply(request.header.request, &Done::default())
                .await;
        }
    };
    let read = async {
        for _ in 0..50 {
            assert!(matches!(events.next().await, LinkEvent::Reply { .. }));
        }
    };
    tokio::join!(serve, read);
}

#[tokio::test]
async fn a_wrong_password_may_be_tried_again_on_the_same_link() {
    let server = TestServer::start();
    let dial = dial(&server);
    let log_in = |password: &str| {
        Entry::LogIn(LogIn {
            name: "ada".to_owned(),
            password: Password(password.to_owned()),
            device: "test".to_owned(),
            ext: Extensions::NONE,
        })
    };
    let serve = async {
        let mut session = server.session().await;
        session.greet().await;
        session.refuse_entry(&Refusal::new(Code::BAD_LOG_IN)).await;
        session.accept_log_in().await;
        session
    };
    let client = async {
        let mut greeted = Greeted::connect(&dial, &hello("test 0", 0)).await.unwrap();
        assert_eq!(greeted.welcome().registration, 0);
        let within = dial.deadlines.enter;
        let refused = greeted.enter(&log_in("wrong"), within).await;
        assert!(
            matches!(refused, Err(ConnectError::Entry(refusal)) if refusal.code == Code::BAD_LOG_IN)
        );
        let entered = greeted.enter(&log_in("right"), within).await.unwrap();
        greeted.into_link(entered)
    };
    let (connected, mut session) = tokio::join!(client, serve);
    let fired = connected.link.fire(&ping(1)).unwrap();
    assert_eq!(session.request().await.header.request, fired);
}

#[tokio::test]
async fn a_new_socket_carries_the_link_on() {
    let server = TestServer::start();
    let dial = dial(&server);
    let (connected, mut session) = tokio::join!(Link::connect(&dial, flight()), server.entered());
    let Connected {
        link, mut events, ..
    } = connected.unwrap();
    let before = session.connection.remote_address();
    dial.endpoint.rebind().unwrap();
    let fired = link.fire(&ping(1)).unwrap();
    let request = session.request().await.header.request;
    assert_eq!(request, fired);
    assert_ne!(session.connection.remote_address(), before);
    session.reply(request, &pong(1)).await;
    assert!(matches!(events.next().await, LinkEvent::Reply { .. }));
}
