use parlor_protocol::frame::{self, FLAG_CRITICAL, FLAG_ZSTD, Frame};
use parlor_protocol::hello::{Goodbye, Hello, feature};
use parlor_protocol::limit::{
    BODY_BYTES, BODY_UNENTERED_BYTES, ENTER_TRIES, ENTER_WITHIN_MS, HELLO_WITHIN_MS,
};
use parlor_protocol::session::{ServerHandshake, ServerStep, negotiate};
use parlor_protocol::{Code, Extensions, Kind};

use super::{NOW_MS, frame_of, from_later};
use crate::common::bodies::one_frame;
use crate::common::story;

pub(super) fn fresh() -> ServerHandshake {
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
