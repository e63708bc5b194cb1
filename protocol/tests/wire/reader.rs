//! Frames out of a stream, however it is cut.

use bytes::{Bytes, BytesMut};
use parlor_protocol::Kind;
use parlor_protocol::frame::{self, Frame, FrameError, FrameReader, from_datagram};
use parlor_protocol::limit::{BODY_BYTES, BODY_UNENTERED_BYTES, SIGNAL_BYTES};
use proptest::prelude::*;

use crate::common::story;

/// The story's frames, those picked, as one stream.
fn stream(picked: &[usize]) -> (Vec<Bytes>, Bytes) {
    let all = story::every_frame();
    let frames: Vec<Bytes> = picked
        .iter()
        .map(|pick| all[pick % all.len()].golden())
        .collect();
    let stream = frames.concat().into();
    (frames, stream)
}

/// All frames that can be taken now.
fn take(reader: &mut FrameReader, frames: &mut Vec<Bytes>) {
    while let Some(frame) = reader.next(BODY_BYTES).unwrap() {
        frames.push(frame.to_bytes());
    }
}

proptest! {
    #[test]
    fn any_cut_gives_the_same_frames(
        picked in prop::collection::vec(0..100usize, 1..20),
        cuts in prop::collection::vec((1..400usize, any::<bool>()), 1..60),
    ) {
        let (expected, mut left) = stream(&picked);
        let (mut reader, mut got) = (FrameReader::new(), Vec::new());
        let mut cuts = cuts.iter().cycle();
        while !left.is_empty() {
            let (size, patient) = *cuts.next().unwrap();
            reader.feed(left.split_to(size.min(left.len())));
            // A driver that feeds again before it has taken everything loses nothing either.
            if !patient {
                take(&mut reader, &mut got);
            }
        }
        take(&mut reader, &mut got);
        prop_assert_eq!(got, expected);
        prop_assert_eq!(reader.buffered_bytes(), 0);
    }
}

#[test]
fn a_frame_that_lies_in_one_chunk_is_a_slice_of_it() {
    let (_, stream) = stream(&[1, 2, 3]);
    let chunk = stream.as_ptr_range();
    let mut reader = FrameReader::new();
    reader.feed(stream);
    while let Some(frame) = reader.next(BODY_BYTES).unwrap() {
        assert!(chunk.contains(&frame.body.as_ptr()), "copied");
    }
}

/// A header that claims a body of `body` bytes.
fn header(body: u32, flags: u8) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.extend_from_slice(&(body.wrapping_add(8)).to_le_bytes());
    bytes.extend_from_slice(&[0x00, 0x03, 1, flags, 1, 0, 0, 0]);
    bytes.freeze()
}

fn refused(stream: Bytes, bound: usize) -> FrameError {
    let mut reader = FrameReader::new();
    reader.feed(stream);
    let error = reader.next(bound).unwrap_err();
    assert_eq!(reader.buffered_bytes(), 0, "nothing is kept after {error}");
    reader.feed(story::frame_of(Kind::PING).golden());
    assert_eq!(reader.next(bound), Err(error.clone()), "the stream is over");
    error
}

#[test]
fn a_body_above_its_bound_is_refused_by_its_header() {
    for (bound, above) in [
        (BODY_UNENTERED_BYTES, BODY_UNENTERED_BYTES as u32 + 1),
        (BODY_BYTES, BODY_BYTES as u32 + 1),
        (BODY_BYTES, u32::MAX - 8),
    ] {
        let body = above as usize;
        assert_eq!(
            refused(header(above, 0), bound),
            FrameError::Oversize { body, bound }
        );
    }
    let mut reader = FrameReader::new();
    reader.feed(header(BODY_BYTES as u32, 0));
    assert_eq!(
        reader.next(BODY_BYTES),
        Ok(None),
        "the bound itself is fine"
    );
}

#[test]
fn a_length_that_does_not_cover_the_header_is_refused() {
    for length in 0..8u32 {
        let stream = header(length.wrapping_sub(8), 0);
        assert_eq!(refused(stream, BODY_BYTES), FrameError::Short { length });
    }
}

#[test]
fn flags_from_later_end_the_stream() {
    for bit in 2..8 {
        let flags = 1 << bit;
        assert_eq!(
            refused(header(0, flags), BODY_BYTES),
            FrameError::Flags { flags }
        );
    }
}

#[test]
fn garbage_behind_a_frame_spoils_only_what_follows() {
    let ping = story::frame_of(Kind::PING).golden();
    let mut reader = FrameReader::new();
    reader.feed([&ping[..], &[0xff; 12]].concat().into());
    assert_eq!(reader.next(BODY_BYTES).unwrap().unwrap().to_bytes(), ping);
    assert!(reader.next(BODY_BYTES).is_err());
}

#[test]
fn an_empty_stream_waits() {
    let mut reader = FrameReader::new();
    assert_eq!(reader.next(BODY_BYTES), Ok(None));
    reader.feed(Bytes::new());
    assert_eq!(reader.next(BODY_BYTES), Ok(None));
    assert_eq!(reader.buffered_bytes(), 0);
}

#[test]
fn the_bound_may_change_between_frames() {
    let batch = frame::encode(0, &story::large_batch());
    let ping = story::frame_of(Kind::PING).golden();
    let mut reader = FrameReader::new();
    reader.feed([&ping[..], &batch[..]].concat().into());
    let small = reader.next(64).unwrap().map(|frame| frame.header.kind);
    assert_eq!(small, Some(Kind::PING));
    let large = reader.next(BODY_BYTES).unwrap();
    assert_eq!(large.as_ref().map(Frame::to_bytes), Some(batch));
}

#[test]
fn a_datagram_is_exactly_one_frame() {
    let typing = story::frame_of(Kind::TYPING).golden();
    assert_eq!(from_datagram(typing.clone()).unwrap().to_bytes(), typing);
    let size = typing.len();
    for wrong in [
        Bytes::new(),
        typing.slice(..11),
        typing.slice(..size - 1),
        [&typing[..], &[0]].concat().into(),
    ] {
        let size = wrong.len();
        assert_eq!(from_datagram(wrong), Err(FrameError::Datagram { size }));
    }
    let large = [
        &header(SIGNAL_BYTES as u32 + 1, 0)[..],
        &[0; SIGNAL_BYTES + 1],
    ]
    .concat();
    assert!(matches!(
        from_datagram(large.into()),
        Err(FrameError::Oversize { .. })
    ));
}
