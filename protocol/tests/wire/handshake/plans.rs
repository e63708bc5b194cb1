//! Any frames in any order, with decisions in between.

use parlor_protocol::Kind;
use parlor_protocol::frame::Frame;
use parlor_protocol::limit::ENTER_TRIES;
use parlor_protocol::session::{ClientStep, ServerStep};
use proptest::prelude::*;

use super::client::{log_in, started};
use super::server::fresh;
use super::{frame_of, from_later};

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
