//! What is written is read back equal, for every body and entry.

use parlor_protocol::codec::{self, DecodeError};
use parlor_protocol::frame::{self, FrameError};
use parlor_protocol::message::Message;
use parlor_protocol::room::RoomSummary;
use parlor_protocol::sync::{
    DetailsEntry, Entry, Marker, MemberEntry, RoomEntry, RoomGone, UserEntry,
};
use parlor_protocol::{Body, account, bus, hello, message, room, signal, sync};
use parlor_protocol::{Extensions, Refusal};
use proptest::prelude::*;

use crate::common::bodies::one_frame;
use crate::common::source::{Sample, Source};
use crate::common::story;

/// One frame there and back, plain and compressed.
fn there_and_back<T: Body + Sample + PartialEq + std::fmt::Debug>(seed: u64, size: usize) {
    let body = T::sample(&mut Source::new(seed, size));
    for bytes in [frame::encode(9, &body), frame::encode_compressed(9, &body)] {
        let frame = one_frame(bytes.clone());
        assert_eq!(frame.open::<T>().unwrap(), body);
        assert_eq!(frame.to_bytes(), bytes);
    }
}

proptest! {
    #[test]
    fn every_body(seed: u64, size in 0..9usize) {
        macro_rules! each {
            ($($body:ty,)*) => {{ $(there_and_back::<$body>(seed, size);)* }};
        }
        every_body!(each);
    }

    #[test]
    fn every_entry(seed: u64, size in 0..9usize, rev: u64) {
        let source = &mut Source::new(seed, size);
        let message = Message::sample(source);
        let read = Entry::message(rev, &message).open_room();
        prop_assert_eq!(read, Ok(RoomEntry::Message(message)));
        let member = MemberEntry::sample(source);
        let read = Entry::member(rev, &member).open_room();
        prop_assert_eq!(read, Ok(RoomEntry::Member(member)));
        let details = DetailsEntry::sample(source);
        let read = Entry::details(rev, &details).open_room();
        prop_assert_eq!(read, Ok(RoomEntry::Details(details)));
        let room = RoomSummary::sample(source);
        let read = Entry::user_room(rev, &room).open_user();
        prop_assert_eq!(read, Ok(UserEntry::Room(Box::new(room))));
        let gone = RoomGone { ext: Extensions::NONE, ..RoomGone::sample(source) };
        let read = Entry::user_room_gone(rev, gone.room).open_user();
        prop_assert_eq!(read, Ok(UserEntry::RoomGone(gone)));
        let marker = Marker::sample(source);
        let read = Entry::user_marker(rev, &marker).open_user();
        prop_assert_eq!(read, Ok(UserEntry::Marker(marker)));
        prop_assert_eq!(Entry::user_sessions(rev).open_user(), Ok(UserEntry::Sessions));
    }
}

#[test]
fn an_entry_of_a_kind_from_later_keeps_its_rev_and_is_skipped() {
    let entry = story::unknown_entry(410);
    assert_eq!(entry.open_room(), Ok(RoomEntry::Unknown(200)));
    assert_eq!(entry.open_user(), Ok(UserEntry::Unknown(200)));
}

#[test]
fn every_byte_of_a_body_must_be_used() {
    let mut bytes = codec::encode(&story::posted());
    bytes.push(0);
    assert_eq!(
        codec::decode::<message::Posted>(&bytes),
        Err(DecodeError::Trailing { left: 1 })
    );
}

#[test]
fn a_frame_is_opened_only_as_what_it_is() {
    let frame = one_frame(frame::encode(1, &story::posted()));
    let wrong = frame.open::<message::Post>();
    assert!(matches!(wrong, Err(FrameError::Kind { .. })), "{wrong:?}");
    let mut later = frame;
    later.header.revision = 2;
    let wrong = later.open::<message::Posted>();
    assert!(
        matches!(wrong, Err(FrameError::Revision { revision: 2, .. })),
        "{wrong:?}"
    );
}

#[test]
fn bounds_are_checked_when_a_frame_is_opened() {
    let mut batch = story::room_batch();
    batch.entries = vec![story::unknown_entry(1); 501];
    let frame = one_frame(frame::encode(0, &batch));
    let refused = frame.open::<sync::RoomBatch>();
    assert!(
        matches!(
            &refused,
            Err(FrameError::Body {
                error: DecodeError::Bound { bound: 500, .. },
                ..
            })
        ),
        "{refused:?}"
    );
    let opened = sync::RoomOpened {
        page: Some(message::Page {
            messages: vec![story::message(); 201],
            ..story::page()
        }),
        ..story::room_opened()
    };
    let frame = one_frame(frame::encode(1, &opened));
    assert!(frame.open::<sync::RoomOpened>().is_err(), "the page inside");
}

#[test]
fn extensions_are_bounded_for_writer_and_reader() {
    let mut ext = Extensions::NONE;
    assert!(ext.push(1, vec![0; 4097]).is_err());
    assert!(ext.is_empty(), "a refused one leaves nothing behind");
    for tag in 0..16 {
        ext.push(tag, vec![tag as u8]).unwrap();
    }
    assert!(ext.push(16, Vec::new()).is_err());
    assert_eq!(ext.get(3), Some(&[3][..]));
    assert_eq!(ext.get(99), None);

    // 17 of them, as a hostile writer would put them.
    let mut bytes = vec![17];
    bytes.extend([0, 0].repeat(17));
    assert_eq!(
        codec::decode::<Extensions>(&bytes).unwrap().iter().count(),
        17
    );
    assert!(
        codec::decode::<hello::Done>(&bytes)
            .unwrap()
            .check()
            .is_err()
    );
}

#[test]
fn secrets_are_not_printed() {
    let shown = format!("{:?} {:?}", story::log_in(), story::enter());
    assert!(!shown.contains("horse") && !shown.contains("17"), "{shown}");
}

#[test]
fn the_text_of_a_refusal_is_cut_at_what_a_reader_takes() {
    let refusal = Refusal::with_text(parlor_protocol::Code::INTERNAL, "é".repeat(2_000));
    assert_eq!(refusal.text.len(), 1024);
    assert!(refusal.check().is_ok());
}
