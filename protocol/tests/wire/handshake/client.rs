use parlor_protocol::Kind;
use parlor_protocol::frame::{self, FLAG_CRITICAL, Frame};
use parlor_protocol::limit::{BODY_BYTES, BODY_WELCOME_BYTES};
use parlor_protocol::session::{ClientHandshake, ClientStep, Entry, HandshakeError};

use super::{frame_of, from_later};
use crate::common::bodies::one_frame;
use crate::common::story;

pub(super) fn log_in() -> Entry {
    Entry::LogIn(story::log_in())
}

/// A client after its first flight, hello 1 and entry 2.
pub(super) fn started() -> ClientHandshake {
    let mut client = ClientHandshake::new();
    client.start(&story::hello(), Some(&log_in()));
    client
}

fn welcomed() -> ClientHandshake {
    let mut client = started();
    let step = client.on_frame(frame_of(Kind::WELCOME, 1));
    assert!(matches!(step, Ok(ClientStep::Welcomed(_))));
    client
}

fn inside() -> ClientHandshake {
    let mut client = welcomed();
    let step = client.on_frame(frame_of(Kind::ENTERED, 2));
    assert!(matches!(step, Ok(ClientStep::Entered(_))));
    client
}

fn told(result: &Result<ClientStep, HandshakeError>) -> &'static str {
    match result {
        Ok(ClientStep::Welcomed(_)) => "welcomed",
        Ok(ClientStep::Entered(_)) => "entered",
        Ok(ClientStep::Refused(_)) => "refused",
        Ok(ClientStep::GoAway(_)) => "go away",
        Ok(ClientStep::Goodbye) => "goodbye",
        Ok(ClientStep::Frame(_)) => "frame",
        Err(HandshakeError::Frame(_)) => "damaged",
        Err(HandshakeError::Unexpected(_)) => "unexpected",
        Err(HandshakeError::Unsupported(_)) => "unsupported",
    }
}

fn check_client(mut client: ClientHandshake, frame: Frame, expect: &str) {
    let kind = frame.header.kind;
    assert_eq!(told(&client.on_frame(frame)), expect, "for {kind:?}");
}

#[test]
fn a_client_from_hello_to_goodbye() {
    let mut client = inside();
    assert!(client.is_entered());
    assert_eq!(client.next_request(), 3);
    check_client(inside(), frame_of(Kind::POSTED, 3), "frame");
    check_client(inside(), frame_of(Kind::HEADS, 0), "frame");
    check_client(inside(), frame_of(Kind::GO_AWAY, 0), "go away");
    let step = client.on_frame(frame_of(Kind::GOODBYE, 0));
    assert_eq!(told(&step), "goodbye");
    check_client(client, frame_of(Kind::POSTED, 3), "unexpected");
}

#[test]
fn every_wrong_order_of_a_server() {
    for (kind, _, way, _) in Kind::TABLE {
        use parlor_protocol::kind::Way;
        let (kind, frame) = (*kind, frame_of(*kind, 9));
        if [Kind::GO_AWAY, Kind::GOODBYE].contains(&kind) {
            continue;
        }
        check_client(ClientHandshake::new(), frame.clone(), "unexpected");
        match kind {
            Kind::REFUSED => check_client(started(), frame.clone(), "refused"),
            _ => check_client(started(), frame.clone(), "unexpected"),
        }
        let expect = match kind {
            Kind::WELCOME | Kind::ENTERED => "unexpected",
            _ if *way == Way::Request => "unexpected",
            _ => "frame",
        };
        check_client(welcomed(), frame.clone(), expect);
        check_client(inside(), frame, expect);
    }
    check_client(inside(), from_later(0, 0), "frame");
    check_client(inside(), from_later(FLAG_CRITICAL, 0), "unsupported");
    let mut damaged = frame_of(Kind::WELCOME, 1);
    damaged.body.truncate(9);
    check_client(started(), damaged, "damaged");
}

#[test]
fn a_refused_hello_ends_it_and_a_refused_entry_does_not() {
    let mut client = started();
    assert_eq!(
        told(&client.on_frame(frame_of(Kind::REFUSED, 1))),
        "refused"
    );
    check_client(client, frame_of(Kind::WELCOME, 1), "unexpected");

    let mut client = welcomed();
    assert_eq!(
        told(&client.on_frame(frame_of(Kind::REFUSED, 2))),
        "refused"
    );
    assert!(!client.is_entered());
    // A request of the first flight, refused behind its entry.
    assert_eq!(told(&client.on_frame(frame_of(Kind::REFUSED, 3))), "frame");
    client.next_request();
    let again = one_frame(client.enter(&log_in()));
    assert_eq!((again.header.kind, again.header.request), (Kind::LOG_IN, 4));
    assert_eq!(
        told(&client.on_frame(frame_of(Kind::ENTERED, 4))),
        "entered"
    );
}

#[test]
fn an_entry_may_follow_a_hello_before_its_welcome() {
    let mut client = ClientHandshake::new();
    client.start(&story::hello(), None);
    client.enter(&Entry::Token(story::enter()));
    assert_eq!(
        told(&client.on_frame(frame_of(Kind::WELCOME, 1))),
        "welcomed"
    );
    assert_eq!(
        told(&client.on_frame(frame_of(Kind::ENTERED, 2))),
        "entered"
    );
    client.enter(&log_in());
    assert!(client.is_entered(), "an entry out of place changes nothing");
}

#[test]
fn the_first_flight_is_hello_then_the_entry() {
    let mut client = ClientHandshake::new();
    let flight = client.start(&story::hello(), Some(&log_in()));
    let expected = [
        frame::encode(1, &story::hello()),
        frame::encode(2, &story::log_in()),
    ];
    assert_eq!(flight, expected.concat());
    assert_eq!(client.body_bytes(), BODY_WELCOME_BYTES);
    assert_eq!(inside().body_bytes(), BODY_BYTES);
}
