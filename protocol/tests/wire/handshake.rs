//! Both sides of the handshake, one at a time: the good story, every wrong order, every bound.

use parlor_protocol::frame::{self, FLAG_CRITICAL, FLAG_ZSTD, Frame, Header};
use parlor_protocol::hello::{Goodbye, Hello, feature};
use parlor_protocol::limit::{
    BODY_BYTES, BODY_UNENTERED_BYTES, BODY_WELCOME_BYTES, ENTER_TRIES, ENTER_WITHIN_MS,
    HELLO_WITHIN_MS,
};
use parlor_protocol::session::{
    ClientHandshake, ClientStep, Entry, HandshakeError, ServerHandshake, ServerStep, negotiate,
};
use parlor_protocol::{Code, Extensions, Kind};
use proptest::prelude::*;

use crate::common::bodies::one_frame;
use crate::common::story;

const NOW_MS: u64 = 1_000;

fn frame_of(kind: Kind, request: u32) -> Frame {
    one_frame(story::frame_of(kind).bytes(request))
}

/// A frame of a type that is not known yet.
fn from_later(flags: u8, request: u32) -> Frame {
    let header = Header {
        kind: Kind(0x7001),
        revision: 1,
        flags,
        request,
    };
    Frame {
        header,
        body: vec![1, 2, 3].into(),
    }
}

fn fresh() -> ServerHandshake {
    ServerHandshake::new(feature::ZSTD, NOW_MS)
}

fn greeted() -> ServerHandshake {
    let mut server = fresh();
    let step = server.on_frame(frame_of(Kind::HELLO, 1), NOW_MS);
    assert!(matches!(step, ServerStep::Welcome { request: 1, .. }));
    server
}

fn deciding() -> ServerHandshake {
    let mut server = greeted();
    let step = server.on_frame(frame_of(Kind::LOG_IN, 2), NOW_MS);
    assert!(matches!(step, ServerStep::LogIn { request: 2, .. }));
    server
}

fn entered() -> ServerHandshake {
    let mut server = deciding();
    server.entered();
    server
}

/// A step in few words: its name, and the code where it refuses.
fn said(step: &ServerStep) -> String {
    match step {
        ServerStep::Welcome { .. } => "welcome".into(),
        ServerStep::LogIn { .. } => "log in".into(),
        ServerStep::Register { .. } => "register".into(),
        ServerStep::Enter { .. } => "enter".into(),
        ServerStep::Pong { .. } => "pong".into(),
        ServerStep::Request(_) => "request".into(),
        ServerStep::Skip => "skip".into(),
        ServerStep::Refuse { refusal, .. } => format!("refuse {:?}", refusal.code),
        ServerStep::Fatal { refusal, .. } => format!("fatal {:?}", refusal.code),
        ServerStep::Goodbye => "goodbye".into(),
    }
}

fn check(mut server: ServerHandshake, frame: Frame, expect: &str) {
    let kind = frame.header.kind;
    assert_eq!(
        said(&server.on_frame(frame, NOW_MS)),
        expect,
        "for {kind:?}"
    );
}

#[test]
fn a_session_from_hello_to_goodbye() {
    let mut server = fresh();
    let ServerStep::Welcome { negotiated, .. } = server.on_frame(frame_of(Kind::HELLO, 1), NOW_MS)
    else {
        panic!("no welcome");
    };
    assert_eq!(negotiated.features, feature::ZSTD, "what both have");
    assert_eq!(server.negotiated(), Some(negotiated));
    let step = server.on_frame(frame_of(Kind::LOG_IN, 2), NOW_MS);
    assert!(matches!(step, ServerStep::LogIn { request: 2, log_in } if log_in.name == "ada"));
    assert!(server.is_deciding() && !server.is_entered());
    assert!(!server.not_entered(), "another try may follow");
    let step = server.on_frame(frame_of(Kind::REGISTER, 3), NOW_MS);
    assert!(matches!(step, ServerStep::Register { request: 3, .. }));
    server.entered();
    assert!(server.is_entered() && !server.is_deciding());
    assert_eq!(server.negotiated(), Some(negotiated));
    let step = server.on_frame(frame_of(Kind::POST, 4), NOW_MS);
    assert!(matches!(step, ServerStep::Request(frame) if frame.header.request == 4));
    let step = server.on_frame(frame_of(Kind::PING, 5), NOW_MS);
    assert_eq!(
        step,
        ServerStep::Pong {
            request: 5,
            opaque: 0x0102_0304_0506_0708
        }
    );
    let step = server.on_frame(frame_of(Kind::GOODBYE, 0), NOW_MS);
    assert_eq!(step, ServerStep::Goodbye);
    check(server, frame_of(Kind::POST, 6), "skip");
}

#[test]
fn every_wrong_order_of_a_client() {
    const UNEXPECTED: &str = "fatal UNEXPECTED(11)";
    for (kind, _, _, _) in Kind::TABLE {
        let (kind, frame) = (*kind, frame_of(*kind, 9));
        let is_entry = [Kind::LOG_IN, Kind::REGISTER, Kind::ENTER].contains(&kind);
        let request = frame.header.flags & FLAG_CRITICAL != 0;
        if kind != Kind::HELLO {
            check(fresh(), frame.clone(), UNEXPECTED);
        }
        match kind {
            Kind::PING => check(greeted(), frame.clone(), "pong"),
            Kind::GOODBYE => check(greeted(), frame.clone(), "goodbye"),
            Kind::HELLO => check(greeted(), frame.clone(), UNEXPECTED),
            _ if is_entry => check(deciding(), frame.clone(), UNEXPECTED),
            _ => check(greeted(), frame.clone(), "refuse NOT_ENTERED(4)"),
        }
        match kind {
            Kind::PING => check(entered(), frame, "pong"),
            Kind::GOODBYE => check(entered(), frame, "goodbye"),
            _ if is_entry || kind == Kind::HELLO => check(entered(), frame, UNEXPECTED),
            _ if request => check(entered(), frame, "request"),
            _ => check(entered(), frame, UNEXPECTED),
        }
    }
}

#[test]
fn a_request_without_a_number_ends_the_link() {
    for kind in [Kind::HELLO, Kind::PING, Kind::POST] {
        check(fresh(), frame_of(kind, 0), "fatal UNEXPECTED(11)");
        check(entered(), frame_of(kind, 0), "fatal UNEXPECTED(11)");
    }
    check(greeted(), frame_of(Kind::ENTER, 0), "fatal UNEXPECTED(11)");
}

#[test]
fn types_from_later_are_skipped_unless_critical() {
    check(entered(), from_later(0, 0), "skip");
    check(
        entered(),
        from_later(FLAG_CRITICAL, 5),
        "refuse UNSUPPORTED(2)",
    );
    check(greeted(), from_later(0, 0), "skip");
    check(
        greeted(),
        from_later(FLAG_CRITICAL, 5),
        "refuse NOT_ENTERED(4)",
    );
    let mut later = frame_of(Kind::LOG_IN, 2);
    later.header.revision = 2;
    check(greeted(), later, "fatal UNSUPPORTED(2)");
}

#[test]
fn after_a_fatal_step_nothing_is_read() {
    let mut server = entered();
    let step = server.on_frame(frame_of(Kind::HEADS, 0), NOW_MS);
    assert_eq!(said(&step), "fatal UNEXPECTED(11)");
    assert!(!server.is_entered());
    check(server, frame_of(Kind::POST, 6), "skip");
}

#[test]
fn damaged_bodies_end_the_link() {
    let mut hello = frame_of(Kind::HELLO, 1);
    hello.body.truncate(5);
    check(fresh(), hello, "fatal MALFORMED(1)");
    let mut ping = frame_of(Kind::PING, 1);
    ping.body.truncate(1);
    check(entered(), ping, "fatal MALFORMED(1)");
}

#[test]
fn nothing_is_decompressed_for_a_stranger() {
    for server in [fresh(), greeted(), deciding()] {
        let mut frame = frame_of(Kind::HELLO, 1);
        frame.header.flags |= FLAG_ZSTD;
        check(server, frame, "fatal UNEXPECTED(11)");
    }
}

#[test]
fn entries_are_tried_one_at_a_time_and_five_times() {
    let mut server = greeted();
    for attempt in 1..=ENTER_TRIES {
        let step = server.on_frame(frame_of(Kind::ENTER, attempt.into()), NOW_MS);
        assert_eq!(said(&step), "enter");
        assert_eq!(server.not_entered(), attempt == ENTER_TRIES);
    }
    check(server, frame_of(Kind::ENTER, 9), "skip");
}

#[test]
fn only_a_decision_enters() {
    for mut server in [fresh(), greeted()] {
        server.entered();
        assert!(!server.is_entered());
    }
    let mut ended = deciding();
    ended.on_frame(frame_of(Kind::GOODBYE, 0), NOW_MS);
    ended.entered();
    assert!(!ended.is_entered(), "they left while it was decided");
}

#[test]
fn deadlines_and_bounds_by_state() {
    let mut server = fresh();
    assert_eq!(server.deadline_ms(), Some(NOW_MS + HELLO_WITHIN_MS));
    assert_eq!(server.body_bytes(), BODY_UNENTERED_BYTES);
    server.on_frame(frame_of(Kind::HELLO, 1), 3_000);
    assert_eq!(server.deadline_ms(), Some(3_000 + ENTER_WITHIN_MS));
    server.on_frame(frame_of(Kind::LOG_IN, 2), 9_000);
    assert_eq!(server.deadline_ms(), Some(3_000 + ENTER_WITHIN_MS));
    assert_eq!(server.body_bytes(), BODY_UNENTERED_BYTES);
    server.entered();
    assert_eq!(server.deadline_ms(), None);
    assert_eq!(server.body_bytes(), BODY_BYTES);
}

#[test]
fn versions_and_features_are_negotiated() {
    let check = |client: (u16, u16), server: (u16, u16), expect: Option<u16>| {
        let hello = Hello {
            minor_oldest: client.0,
            minor_newest: client.1,
            ..story::hello()
        };
        let got = negotiate(&hello, server.0, server.1, u64::MAX);
        match (got, expect) {
            (Ok(got), Some(minor)) => {
                assert_eq!((got.minor, got.features), (minor, hello.features));
            }
            (Err(refusal), None) => assert_eq!(refusal.code, Code::VERSION),
            (got, expect) => panic!("{client:?} with {server:?}: {got:?}, not {expect:?}"),
        }
    };
    check((0, 0), (0, 0), Some(0));
    check((0, 3), (2, 5), Some(3));
    check((2, 9), (1, 5), Some(5));
    check((4, 4), (3, 4), Some(4));
    check((0, 1), (2, 3), None);
    check((4, 9), (2, 3), None);
    check((3, 2), (0, 9), None);
    let small = Hello {
        body_bytes: 4_095,
        ..story::hello()
    };
    let refusal = negotiate(&small, 0, 0, 0).unwrap_err();
    assert_eq!(refusal.code, Code::MALFORMED);
}

fn log_in() -> Entry {
    Entry::LogIn(story::log_in())
}

/// A client after its first flight, hello 1 and entry 2.
fn started() -> ClientHandshake {
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

/// One thing that happens to a handshake.
#[derive(Clone, Debug)]
enum Event {
    Frame {
        kind: u16,
        request: u32,
        flags: u8,
        cut: usize,
    },
    Granted,
    Denied,
}

fn an_event() -> impl Strategy<Value = Event> {
    let kind = prop_oneof![
        4 => prop::sample::select(vec![0x10u16, 0x12, 0x13, 0x14, 0x18, 0x11, 0x15, 0x01]),
        2 => prop::sample::select(Kind::TABLE).prop_map(|row| row.0.0),
        1 => any::<u16>(),
    ];
    let flags = prop_oneof![4 => Just(1u8), 2 => Just(0), 1 => any::<u8>()];
    let cut = prop_oneof![6 => Just(usize::MAX), 1 => 0..40usize];
    prop_oneof![
        6 => (kind, 0..6u32, flags, cut).prop_map(|(kind, request, flags, cut)| {
            Event::Frame { kind, request, flags, cut }
        }),
        1 => Just(Event::Granted),
        1 => Just(Event::Denied),
    ]
}

fn frame_for(kind: u16, request: u32, flags: u8, cut: usize) -> Frame {
    let mut frame = match Kind(kind).name() {
        Some(_) => frame_of(Kind(kind), request),
        None => from_later(flags, request),
    };
    frame.header.kind = Kind(kind);
    frame.header.flags = flags;
    frame.body.truncate(cut);
    frame
}

proptest! {
    #[test]
    fn no_plan_of_frames_enters_a_server_undecided(plan in prop::collection::vec(an_event(), 0..60)) {
        let mut server = fresh();
        let (mut asked, mut ended) = (0u32, false);
        for (at, event) in plan.into_iter().enumerate() {
            let (was_deciding, was_entered) = (server.is_deciding(), server.is_entered());
            match event {
                Event::Granted => {
                    server.entered();
                    prop_assert_eq!(server.is_entered(), was_entered || was_deciding);
                }
                Event::Denied => ended |= server.not_entered(),
                Event::Frame { kind, request, flags, cut } => {
                    let step = server.on_frame(frame_for(kind, request, flags, cut), at as u64);
                    prop_assert!(!ended || step == ServerStep::Skip, "{:?} after the end", step);
                    match step {
                        ServerStep::LogIn { .. }
                        | ServerStep::Register { .. }
                        | ServerStep::Enter { .. } => {
                            prop_assert!(!was_deciding && server.is_deciding());
                            asked += 1;
                        }
                        ServerStep::Request(_) => prop_assert!(was_entered),
                        ServerStep::Fatal { .. } | ServerStep::Goodbye => ended = true,
                        _ => {}
                    }
                    prop_assert_eq!(server.is_entered(), was_entered && !ended);
                }
            }
            prop_assert!(asked <= ENTER_TRIES.into());
            prop_assert!(!(ended && server.is_entered()));
            if !ended {
                prop_assert_eq!(server.deadline_ms().is_none(), server.is_entered());
            }
        }
    }

    #[test]
    fn no_plan_of_frames_enters_a_client_unasked(plan in prop::collection::vec(an_event(), 0..60)) {
        let mut client = started();
        for event in plan {
            match event {
                Event::Granted | Event::Denied => drop(client.enter(&log_in())),
                Event::Frame { kind, request, flags, cut } => {
                    let was = client.is_entered();
                    let step = client.on_frame(frame_for(kind, request, flags, cut));
                    let entered = matches!(step, Ok(ClientStep::Entered(_)));
                    let left = matches!(step, Ok(ClientStep::Goodbye));
                    prop_assert_eq!(client.is_entered(), (was || entered) && !left);
                }
            }
        }
    }
}

#[test]
fn a_goodbye_is_read_with_what_later_versions_add() {
    let ext = story::later();
    let goodbye = one_frame(frame::encode(0, &Goodbye { ext }));
    check(entered(), goodbye, "goodbye");
    let plain = Goodbye {
        ext: Extensions::NONE,
    };
    check(greeted(), one_frame(frame::encode(0, &plain)), "goodbye");
}
