//! What writing and reading frames costs. `cargo bench -p parlor-protocol`.

use std::hint::black_box;

use bytes::Bytes;
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use parlor_protocol::codec;
use parlor_protocol::frame::{self, Frame, FrameReader};
use parlor_protocol::limit::{BODY_BYTES, HEADER_BYTES};
use parlor_protocol::message::{Message, MessageState, Post, Posted, Timeline};
use parlor_protocol::sync::{Entry, RoomBatch};
use parlor_protocol::{Extensions, RoomId, SendKey, UserId};

/// Messages of one batch.
const BATCHES: [u64; 3] = [1, 10, 100];
/// Frames of one stream.
const FRAMES: u64 = 1_000;
/// Bytes of a chunk as QUIC hands it over: what a packet carries.
const CHUNK_BYTES: usize = 1_200;

fn main() {
    divan::main();
}

/// A hundred bytes, as people write them: not all the same.
fn text(number: u64) -> String {
    let mut text = format!("{number}: the soup is on, bring bread; the others come at half past ");
    while text.len() < 100 {
        text.push((b'a' + ((number * 7 + text.len() as u64 * 11) % 26) as u8) as char);
    }
    text
}

fn message(number: u64) -> Message {
    Message {
        timeline: Timeline::ROOM,
        seq: 1_000_000 + number,
        author: UserId::new(),
        at_ms: 1_795_197_600_000 + number,
        send_key: SendKey::new(),
        state: MessageState::PLAIN,
        text: text(number),
        long: None,
        ext: Extensions::NONE,
    }
}

fn post() -> Post {
    Post {
        room: RoomId::new(),
        timeline: Timeline::ROOM,
        send_key: SendKey::new(),
        after: None,
        text: text(1),
        long: None,
        ext: Extensions::NONE,
    }
}

fn posted() -> Posted {
    Posted {
        seq: 1_000_000,
        rev: 1_200_000,
        at_ms: 1_795_197_600_000,
        ext: Extensions::NONE,
    }
}

fn batch(messages: u64) -> RoomBatch {
    RoomBatch {
        room: RoomId::new(),
        before: 1_200_000,
        rev: 1_200_000 + messages,
        entries: (0..messages)
            .map(|number| Entry::message(1_200_001 + number, &message(number)))
            .collect(),
        ext: Extensions::NONE,
    }
}

fn only_frame(bytes: Bytes) -> Frame {
    let mut reader = FrameReader::new();
    reader.feed(bytes);
    match reader.next(BODY_BYTES) {
        Ok(Some(frame)) => frame,
        other => panic!("not a frame: {other:?}"),
    }
}

#[divan::bench]
fn encode_post(bencher: Bencher) {
    let post = post();
    bencher.bench(|| frame::encode(7, black_box(&post)));
}

#[divan::bench]
fn decode_post(bencher: Bencher) {
    let frame = only_frame(frame::encode(7, &post()));
    bencher.bench(|| black_box(&frame).open::<Post>());
}

#[divan::bench]
fn encode_posted(bencher: Bencher) {
    let posted = posted();
    bencher.bench(|| frame::encode(7, black_box(&posted)));
}

#[divan::bench]
fn decode_posted(bencher: Bencher) {
    let frame = only_frame(frame::encode(7, &posted()));
    bencher.bench(|| black_box(&frame).open::<Posted>());
}

/// From messages, as the committer does it: each entry, then the batch.
#[divan::bench(args = BATCHES)]
fn encode_batch(bencher: Bencher, messages: u64) {
    let all: Vec<Message> = (0..messages).map(message).collect();
    let empty = batch(0);
    bencher.counter(ItemsCount::new(messages)).bench(|| {
        let entries = all.iter().zip(1_200_001..);
        let batch = RoomBatch {
            entries: entries.map(|(it, rev)| Entry::message(rev, it)).collect(),
            ..empty.clone()
        };
        frame::encode(0, &batch)
    });
}

/// To messages, as a client does it.
#[divan::bench(args = BATCHES)]
fn decode_batch(bencher: Bencher, messages: u64) {
    let frame = only_frame(frame::encode(0, &batch(messages)));
    bencher.counter(ItemsCount::new(messages)).bench(|| {
        let batch: RoomBatch = frame.open().expect("a batch");
        let opened = batch.entries.iter().map(Entry::open_room);
        opened.filter(Result::is_ok).count()
    });
}

#[divan::bench(args = BATCHES)]
fn compress_batch(bencher: Bencher, messages: u64) {
    let frame = frame::encode(0, &batch(messages));
    bencher
        .counter(BytesCount::new(frame.len()))
        .bench(|| frame::compress(black_box(&frame)));
}

#[divan::bench(args = [10, 100])]
fn decompress_batch(bencher: Bencher, messages: u64) {
    let frame = only_frame(frame::encode_compressed(0, &batch(messages)));
    bencher
        .counter(BytesCount::new(frame.body.len()))
        .bench(|| black_box(&frame).plain_body());
}

/// A stream of posts, whole or in packets.
#[divan::bench(args = [CHUNK_BYTES, usize::MAX])]
fn read_frames(bencher: Bencher, chunk_bytes: usize) {
    let stream: Bytes = (0..FRAMES)
        .flat_map(|request| frame::encode(request as u32, &post()))
        .collect::<Vec<u8>>()
        .into();
    bencher.counter(ItemsCount::new(FRAMES)).bench(|| {
        let (mut reader, mut left, mut frames) = (FrameReader::new(), stream.clone(), 0);
        while !left.is_empty() {
            reader.feed(left.split_to(chunk_bytes.min(left.len())));
            while let Ok(Some(frame)) = reader.next(BODY_BYTES) {
                frames += usize::from(frame.body.len() > HEADER_BYTES);
            }
        }
        frames
    });
}

#[divan::bench]
fn encode_entry_body(bencher: Bencher) {
    let message = message(1);
    bencher.bench(|| codec::encode(black_box(&message)));
}
