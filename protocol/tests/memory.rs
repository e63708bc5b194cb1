//! What hostile bytes can make this side hold, measured by an allocator that counts.

#![allow(clippy::unwrap_used)]

#[macro_use]
mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use bytes::Bytes;
use parlor_protocol::account::{FindPeople, People, Sessions};
use parlor_protocol::codec::{self, Encode};
use parlor_protocol::frame::{self, FLAG_ZSTD, Frame, FrameReader, Header};
use parlor_protocol::hello::{GoAway, Node, Welcome};
use parlor_protocol::limit::{BODY_BYTES, BODY_PLAIN_BYTES, DECODE_BYTES, HEADER_BYTES};
use parlor_protocol::message::{Message, Page};
use parlor_protocol::room::{Members, Rooms};
use parlor_protocol::signal::PresenceDigest;
use parlor_protocol::sync::{Entry, Heads, RoomBatch, RoomChanges, RoomOpened, UserChanges};
use parlor_protocol::{Body, Kind};
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

use common::bodies::{one_frame, open_entries, opens};
use common::files::{folder, from_hex};
use common::source::{Sample, Source};
use common::story;

/// Error texts and the like, beside the claims of a decode.
const SMALL_BYTES: usize = 4 * 1024;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
    static TOTAL: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, counting what the thread holds. A reallocation counts as the new size
/// in the old one's place.
struct Counting;

fn count(added: usize, gone: usize) {
    let live = LIVE.get() + added as isize - gone as isize;
    LIVE.set(live);
    PEAK.set(PEAK.get().max(live));
    TOTAL.set(TOTAL.get() + added);
}

// SAFETY: every call goes to `System` unchanged; counting touches thread-local cells only, which
// need neither allocation nor a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller's promises are `System`'s.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller's promises are `System`'s.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: the caller's promises are `System`'s.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout.size());
        // SAFETY: the caller's promises are `System`'s.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// What a call held at most, and what it asked for in all, bytes.
fn measured<T>(call: impl FnOnce() -> T) -> (T, usize, usize) {
    let (live, total) = (LIVE.get(), TOTAL.get());
    PEAK.set(live);
    let value = call();
    let peak = PEAK.get() - live;
    (value, peak.max(0) as usize, TOTAL.get() - total)
}

/// Opens a frame, as whatever it claims to be, within the cap.
fn within_cap(frame: &Frame) -> usize {
    let packed = frame.header.flags & FLAG_ZSTD != 0;
    let cap = DECODE_BYTES + SMALL_BYTES + if packed { BODY_PLAIN_BYTES } else { 0 };
    let (_, peak, _) = measured(|| opens(frame));
    assert!(
        peak <= cap,
        "{:?} of {} bytes held {peak} bytes",
        frame.header.kind,
        frame.body.len()
    );
    peak
}

/// All of a frame's way in: found in a stream, opened, its entries opened.
fn read_hostile(bytes: &[u8]) {
    let mut reader = FrameReader::new();
    reader.feed(Bytes::copy_from_slice(bytes));
    while let Ok(Some(frame)) = reader.next(BODY_BYTES) {
        within_cap(&frame);
        open_entries(&frame);
    }
}

/// All frozen frames, and those that carry entries once more for the bodies of these.
fn golden_frames() -> Vec<Vec<u8>> {
    let mut files: Vec<_> = std::fs::read_dir(folder("golden"))
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| !path.to_string_lossy().contains("ENTRY_"))
        .collect();
    files.sort();
    files
        .iter()
        .map(|path| from_hex(&std::fs::read_to_string(path).unwrap()))
        .collect()
}

#[test]
fn every_truncation_of_every_frozen_frame() {
    for golden in golden_frames() {
        let frame = one_frame(golden.clone());
        for cut in 0..golden.len() {
            read_hostile(&golden[..cut]);
        }
        // Cut in the body, with a length that agrees: the body itself must notice.
        for cut in 0..frame.body.len() {
            let short = Frame {
                body: frame.body.slice(..cut),
                ..frame.clone()
            };
            within_cap(&short);
            assert_eq!(opens(&short), Some(false), "{:?} to {cut}", frame.header);
        }
    }
}

#[test]
fn every_other_value_of_every_byte_of_every_frozen_frame() {
    for mut golden in golden_frames() {
        // Each costs a decompression, in a zstd without optimisation: one bit at a time there.
        let packed = golden[7] & FLAG_ZSTD != 0;
        for at in 0..golden.len() {
            let right = golden[at];
            for change in (1..=255u8).filter(|change| !packed || change.is_power_of_two()) {
                golden[at] = right ^ change;
                read_hostile(&golden);
            }
            golden[at] = right;
        }
    }
}

/// A frame around a body that no honest writer makes.
fn around(kind: Kind, body: Vec<u8>) -> Frame {
    let header = Header {
        kind,
        revision: 1,
        flags: 0,
        request: 1,
    };
    let body = body.into();
    Frame { header, body }
}

/// The largest of a body's sizes that decoding holds, over lists of many lengths.
fn swell<T: Body + Encode>(body: impl Fn(usize) -> T) -> usize {
    let most = [1, 10, 100, 1_000, 5_000, 10_000, 20_000, 30_000, 60_000]
        .into_iter()
        .map(|count| codec::encode(&body(count)))
        .filter(|bytes| bytes.len() <= BODY_PLAIN_BYTES)
        .map(|bytes| within_cap(&around(T::KIND, bytes)))
        .max();
    most.unwrap()
}

fn small_message() -> Message {
    Message {
        text: String::new(),
        ..story::message()
    }
}

#[test]
fn long_lists_of_small_things_stay_within_the_cap() {
    let entry = Entry {
        rev: 0,
        kind: 0,
        body: Vec::new(),
    };
    let node = Node {
        address: String::new(),
        load: 0,
    };
    let page = |count| Page {
        messages: vec![small_message(); count],
        ..story::page()
    };
    let batch = |count| RoomBatch {
        entries: vec![entry.clone(); count],
        ..story::room_batch()
    };
    let changes = |count| RoomChanges {
        entries: vec![entry.clone(); count],
        ..story::room_changes()
    };
    let person = story::person_ada();
    let peaks = [
        swell(batch),
        swell(page),
        swell(|count| UserChanges {
            entries: vec![entry.clone(); count],
            heads: vec![story::head(); count],
            ..story::user_changes()
        }),
        swell(|count| RoomOpened {
            changes: changes(count),
            page: Some(page(count / 2)),
            ..story::room_opened()
        }),
        swell(|count| Welcome {
            nodes: vec![node.clone(); count],
            pins: vec![[0; 32]; count],
            ..story::welcome()
        }),
        swell(|count| GoAway {
            nodes: vec![node.clone(); count],
            ..story::go_away()
        }),
        swell(|count| FindPeople {
            ids: vec![story::ada(); count / 4],
            names: vec![String::new(); count],
            ext: Default::default(),
        }),
        swell(|count| People {
            people: vec![person.clone(); count],
            ext: Default::default(),
        }),
        swell(|count| Heads {
            heads: vec![story::head(); count],
            ext: Default::default(),
        }),
    ];
    // Else the cap would prove nothing: each kind of list can come near it.
    for (at, peak) in peaks.iter().enumerate() {
        assert!(*peak > DECODE_BYTES / 4, "case {at} held only {peak} bytes");
    }
}

#[test]
fn lists_within_lists_stay_within_the_cap() {
    // Messages of many empty extensions each: one byte of tag, one of length, 32 in memory.
    for (messages, extensions) in [(1, 30_000), (100, 5_000), (1_000, 500), (3_000, 160)] {
        let mut page = codec::encode(&Page {
            messages: Vec::new(),
            ..story::page()
        });
        page.truncate(page.len() - 2);
        let mut message = codec::encode(&small_message());
        message.pop();
        message.extend(varint(extensions));
        message.extend(vec![0; 2 * extensions as usize]);
        page.extend(varint(messages));
        page.extend(message.repeat(messages as usize));
        page.push(0);
        within_cap(&around(Kind::PAGE, page));
    }
}

/// A length or other number as the wire writes it.
fn varint(number: u64) -> Vec<u8> {
    codec::encode(&number)
}

#[test]
fn lengths_that_nothing_follows_claim_nothing_above_the_cap() {
    for told in story::every_frame() {
        let body = one_frame(told.golden()).body;
        for at in 0..body.len() {
            for length in [300, 20_000, 40_000, 1 << 20, 1 << 31, 1 << 40, u64::MAX] {
                let mut hostile = body[..at].to_vec();
                hostile.extend(varint(length));
                within_cap(&around(told.kind, hostile.clone()));
                hostile.resize(64 * 1024, 0);
                within_cap(&around(told.kind, hostile));
            }
        }
    }
}

#[test]
fn random_bodies_stay_within_the_cap() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    for round in 0..40 {
        for (kind, _, _, _) in Kind::TABLE {
            let mut body = vec![0; rng.random_range(0..=BODY_BYTES / 4)];
            rng.fill_bytes(&mut body);
            // Noise seldom gets far: mostly small numbers do.
            body.iter_mut().for_each(|byte| *byte >>= round % 8);
            within_cap(&around(*kind, body));
        }
    }
}

#[test]
fn compressed_bodies_add_their_plain_size_and_no_more() {
    for size in [
        100,
        100_000,
        BODY_PLAIN_BYTES,
        BODY_PLAIN_BYTES + 1,
        64 << 20,
    ] {
        let mut frame = around(
            Kind::ROOM_BATCH,
            zstd::bulk::compress(&vec![0; size], 1).unwrap(),
        );
        frame.header.flags = FLAG_ZSTD;
        let peak = within_cap(&frame);
        assert!(
            size <= BODY_PLAIN_BYTES || peak <= SMALL_BYTES,
            "{size}: {peak}"
        );
    }
}

#[test]
fn entries_stay_within_the_cap() {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    for kind in 0..=5 {
        for shift in 0..8 {
            let mut body = vec![0; BODY_BYTES];
            rng.fill_bytes(&mut body);
            body.iter_mut().for_each(|byte| *byte >>= shift);
            let entry = Entry { rev: 1, kind, body };
            let (_, peak, _) = measured(|| (entry.open_room().is_ok(), entry.open_user().is_ok()));
            assert!(peak <= DECODE_BYTES + SMALL_BYTES, "kind {kind}: {peak}");
        }
    }
}

#[test]
fn a_frame_that_comes_byte_by_byte_costs_its_length() {
    let mut batch = story::room_batch();
    batch.entries[0].body = vec![7; BODY_BYTES - 256];
    let bytes = frame::encode(0, &batch);
    let half = bytes.len() - 1;
    let mut reader = FrameReader::new();
    let ((), peak, total) = measured(|| {
        for at in 0..half {
            reader.feed(bytes.slice(at..=at));
            assert_eq!(reader.next(BODY_BYTES), Ok(None));
        }
    });
    assert_eq!(reader.buffered_bytes(), half);
    assert!(peak <= 2 * bytes.len(), "held {peak} bytes for {half}");
    assert!(
        total <= 4 * bytes.len(),
        "asked for {total} bytes for {half}"
    );
    let (whole, _, total) = measured(|| {
        reader.feed(bytes.slice(half..));
        reader.next(BODY_BYTES).unwrap().unwrap()
    });
    assert!(total <= SMALL_BYTES, "the last byte cost {total}");
    assert_eq!(whole.to_bytes(), bytes);
}

#[test]
fn a_claimed_length_costs_nothing_until_its_bytes_come() {
    let largest = (BODY_BYTES as u32 + 8).to_le_bytes();
    let head = [&largest[..], &[0x07, 0x04, 1, 0, 0, 0, 0, 0]].concat();
    assert_eq!(head.len(), HEADER_BYTES);
    let (_, peak, _) = measured(|| {
        let mut reader = FrameReader::new();
        reader.feed(Bytes::from_owner(head));
        assert_eq!(reader.next(BODY_BYTES), Ok(None));
    });
    assert!(peak <= SMALL_BYTES, "a header alone held {peak} bytes");
}

/// What every body needs at most when it is honest: the cap leaves room for all of them.
#[test]
fn honest_bodies_fit() {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    macro_rules! each {
        ($($body:ty),*) => {$({
            let body = <$body>::sample(&mut Source::new(rng.random(), 100));
            let frame = one_frame(frame::encode(1, &body));
            assert_eq!(opens(&frame), Some(true), "{:?}", frame.header.kind);
        })*};
    }
    each!(
        Page,
        RoomBatch,
        RoomChanges,
        UserChanges,
        RoomOpened,
        Heads,
        Rooms,
        Members,
        Sessions
    );
    each!(People, PresenceDigest);
    let full = UserChanges {
        entries: vec![Entry::user_room(1, &story::summary()); 2_000],
        heads: vec![story::head(); 2_000],
        ..story::user_changes()
    };
    let frame = around(Kind::USER_CHANGES, codec::encode(&full));
    assert_eq!(
        opens(&frame),
        Some(true),
        "as many rooms as one person can be in"
    );
}
