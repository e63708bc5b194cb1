//! A link over TCP: one stream, told apart by type.

use bytes::Bytes;
use parlor_protocol::frame::{Frame, FrameReader};
use parlor_protocol::hello::Welcome;
use parlor_protocol::kind::Way;
use parlor_protocol::limit::{BODY_BYTES, BODY_UNENTERED_BYTES, HEADER_BYTES, SIGNAL_BYTES};
use parlor_protocol::tcp::{Lane, LinkToken};
use parlor_protocol::{Header, Kind};
use proptest::prelude::*;

use crate::common::story;

fn frames(picked: &[usize]) -> Vec<Bytes> {
    let all = story::every_frame();
    let frame = |pick: &usize| all[pick % all.len()].golden();
    picked.iter().map(frame).collect()
}

/// What lies in a stream, by lane, however it is cut; `false` when it cannot be read on.
fn read(mut stream: Bytes, cuts: &[usize], bound: usize) -> (Vec<Frame>, Vec<Frame>, bool) {
    let (mut reader, mut cuts) = (FrameReader::new(), cuts.iter().cycle());
    let (mut ordered, mut signals) = (Vec::new(), Vec::new());
    while !stream.is_empty() {
        let cut = cuts.next().map_or(stream.len(), |cut| *cut);
        reader.feed(stream.split_to(cut.min(stream.len())));
        loop {
            match reader.next(bound) {
                Ok(Some(frame)) => match Lane::of(frame) {
                    Lane::Stream(frame) => ordered.push(frame),
                    Lane::Signal(frame) => signals.push(frame),
                    Lane::Nowhere => {}
                },
                Ok(None) => break,
                Err(_) => return (ordered, signals, false),
            }
        }
        assert!(
            reader.buffered_bytes() < HEADER_BYTES + bound,
            "too much is held"
        );
    }
    (ordered, signals, true)
}

fn is_signal(bytes: &Bytes) -> bool {
    Kind(u16::from_le_bytes([bytes[4], bytes[5]])).way() == Some(Way::Signal)
}

proptest! {
    #[test]
    fn any_cut_gives_each_lane_its_frames_in_order(
        picked in prop::collection::vec(0..100usize, 1..30),
        cuts in prop::collection::vec(1..400usize, 1..60),
    ) {
        let sent = frames(&picked);
        let (ordered, signals, whole) = read(sent.concat().into(), &cuts, BODY_BYTES);
        let (told, rest): (Vec<Bytes>, Vec<Bytes>) = sent.into_iter().partition(is_signal);
        prop_assert!(whole);
        prop_assert_eq!(ordered.iter().map(Frame::to_bytes).collect::<Vec<_>>(), rest);
        prop_assert_eq!(signals.iter().map(Frame::to_bytes).collect::<Vec<_>>(), told);
    }

    #[test]
    fn garbage_gives_frames_or_an_error_within_the_cap(
        garbage in prop::collection::vec(any::<u8>(), 0..20_000),
        picked in prop::collection::vec(0..100usize, 0..3),
        cuts in prop::collection::vec(1..3_000usize, 1..20),
    ) {
        let mut stream = frames(&picked).concat();
        stream.extend_from_slice(&garbage);
        // The bounds are asserted while it reads.
        read(stream.into(), &cuts, BODY_UNENTERED_BYTES);
    }

    #[test]
    fn a_flipped_byte_never_moves_what_came_before_it(
        picked in prop::collection::vec(0..100usize, 1..10),
        at in any::<prop::sample::Index>(),
        flip in 1..=255u8,
        cuts in prop::collection::vec(1..400usize, 1..20),
    ) {
        let sent = frames(&picked);
        let mut stream = sent.concat();
        let at = at.index(stream.len());
        stream[at] ^= flip;
        let (mut end, mut before) = (0, Vec::new());
        for frame in &sent {
            end += frame.len();
            if end <= at && !is_signal(frame) {
                before.push(frame.clone());
            }
        }
        let (ordered, _, _) = read(stream.into(), &cuts, BODY_BYTES);
        let read: Vec<Bytes> = ordered.iter().take(before.len()).map(Frame::to_bytes).collect();
        prop_assert_eq!(read, before);
    }
}

#[test]
fn a_signal_larger_than_a_datagram_is_left_out() {
    let header = Header {
        kind: Kind::TYPING,
        revision: 1,
        flags: 0,
        request: 0,
    };
    let frame = |bytes: usize| Frame {
        header,
        body: vec![0; bytes].into(),
    };
    assert!(matches!(Lane::of(frame(SIGNAL_BYTES)), Lane::Signal(_)));
    assert_eq!(Lane::of(frame(SIGNAL_BYTES + 1)), Lane::Nowhere);
}

#[test]
fn an_unknown_type_goes_with_the_stream() {
    let header = Header {
        kind: Kind(0x7fff),
        revision: 1,
        flags: 0,
        request: 0,
    };
    let frame = Frame {
        header,
        body: Bytes::new(),
    };
    assert_eq!(Lane::of(frame.clone()), Lane::Stream(frame));
}

#[test]
fn the_welcome_carries_the_links_token_and_no_debug_does() {
    let token = LinkToken([7; 32]);
    let welcome = story::every_frame()
        .into_iter()
        .find_map(|it| {
            let mut reader = FrameReader::new();
            reader.feed(it.golden());
            reader.next(BODY_BYTES).unwrap()?.open::<Welcome>().ok()
        })
        .unwrap();
    assert_eq!(LinkToken::of(&welcome), None);
    let welcome = Welcome {
        ext: token.extension(),
        ..welcome
    };
    assert_eq!(LinkToken::of(&welcome), Some(token));
    assert!(!format!("{token:?} {:?}", welcome.ext).contains("7, 7"));
}
