//! How a link ends, and what is told before.

use parlor_protocol::hello::Pong;
use parlor_protocol::limit::BODY_BYTES;
use parlor_protocol::session::ServerStep;
use parlor_protocol::{Code, frame};

use super::support::{TestServer, connected, go_away, heads, ping, pong, unknown_frame};
use crate::net::link::GOODBYE_WITHIN;
use crate::net::{CloseReason, Connected, LinkEvent, RequestError};

#[tokio::test]
async fn an_unknown_push_that_may_not_be_skipped_ends_the_link() {
    let server = TestServer::start();
    let (Connected { mut events, .. }, mut session) = connected(&server).await;
    let mut bytes = unknown_frame().to_vec();
    bytes[7] = frame::FLAG_CRITICAL;
    session.push(bytes.into()).await;
    let LinkEvent::Closed(why) = events.next().await else {
        panic!("expected the end")
    };
    assert!(why.to_string().contains("too old to know"), "{why}");
}

#[tokio::test]
async fn an_oversize_frame_ends_the_link_before_it_is_buffered() {
    let server = TestServer::start();
    let (
        Connected {
            link, mut events, ..
        },
        mut session,
    ) = connected(&server).await;
    let mut head = frame::encode(0, &heads()).to_vec();
    head[..4].copy_from_slice(&(BODY_BYTES as u32 + 100).to_le_bytes());
    session.push(head.into()).await;
    let LinkEvent::Closed(why) = events.next().await else {
        panic!("expected the end")
    };
    assert!(why.to_string().contains("above the bound"), "{why}");
    assert!(matches!(
        link.fire(&ping(1)),
        Err(RequestError::Lost(CloseReason::Protocol(_)))
    ));
    // The server is told why.
    let quinn::ConnectionError::ApplicationClosed(told) = session.connection.closed().await else {
        panic!("expected a code")
    };
    assert_eq!(told.error_code, u32::from(Code::MALFORMED.0).into());
}

#[tokio::test]
async fn a_reply_that_nobody_asked_for_ends_the_link() {
    let server = TestServer::start();
    let (
        Connected {
            link, mut events, ..
        },
        mut session,
    ) = connected(&server).await;
    let request = link.fire(&ping(1)).unwrap();
    session.reply(request + 1, &pong(1)).await;
    assert!(matches!(
        events.next().await,
        LinkEvent::Closed(CloseReason::Protocol(_))
    ));
}

#[tokio::test]
async fn go_away_is_told_and_goodbye_reaches_the_server() {
    let server = TestServer::start();
    let (
        Connected {
            link, mut events, ..
        },
        mut session,
    ) = connected(&server).await;
    let go_away = go_away();
    session.control.send(frame::encode(0, &go_away)).await;
    assert_eq!(events.next().await, LinkEvent::GoAway(Box::new(go_away)));
    let serve = async {
        assert_eq!(session.step().await, ServerStep::Goodbye);
        session.connection.close(0_u32.into(), b"");
    };
    let within = tokio::time::timeout(GOODBYE_WITHIN, async {
        tokio::join!(link.goodbye(), serve)
    });
    assert!(within.await.is_ok());
    assert_eq!(events.next().await, LinkEvent::Closed(CloseReason::Local));
    assert_eq!(events.next().await, LinkEvent::Closed(CloseReason::Local));
}

#[tokio::test]
async fn what_came_before_the_servers_close_is_told_before_it() {
    let server = TestServer::start();
    let (
        Connected {
            link, mut events, ..
        },
        mut session,
    ) = connected(&server).await;
    let fired = link.fire(&ping(1)).unwrap();
    let request = session.request().await;
    session.reply(request.header.request, &pong(1)).await;
    session.push(frame::encode(0, &heads())).await;
    // Both have arrived once the client's transport has acknowledged them.
    session.commands().await.send.finish().unwrap();
    session.commands().await.send.stopped().await.unwrap();
    session.connection.close(
        u32::from(Code::SESSION_ENDED.0).into(),
        b"logged out elsewhere",
    );
    while link.closed().is_none() {
        tokio::task::yield_now().await;
    }
    let mut seen = Vec::new();
    loop {
        match events.next().await {
            LinkEvent::Closed(why) => {
                assert_eq!(why.to_string(), "logged out elsewhere");
                break;
            }
            event => seen.push(event),
        }
    }
    assert!(
        matches!(seen[0], LinkEvent::Reply { request, .. } if request == fired),
        "{seen:?}"
    );
}

#[tokio::test]
async fn the_end_of_the_link_fails_requests_at_once() {
    let server = TestServer::start();
    let (
        Connected {
            link, mut events, ..
        },
        session,
    ) = connected(&server).await;
    let asked = link.request::<_, Pong>(&ping(1));
    session.connection.close(0_u32.into(), b"");
    let (answer, event) = tokio::join!(asked, events.next());
    assert_eq!(event, LinkEvent::Closed(CloseReason::Goodbye));
    assert!(
        matches!(answer, Err(RequestError::Lost(CloseReason::Goodbye))),
        "{answer:?}"
    );
}

#[tokio::test]
async fn dropping_the_events_ends_the_link() {
    let server = TestServer::start();
    let (Connected { link, events, .. }, session) = connected(&server).await;
    drop(events);
    assert!(matches!(
        link.fire(&ping(1)),
        Err(RequestError::Lost(CloseReason::Local))
    ));
    session.connection.closed().await;
}
