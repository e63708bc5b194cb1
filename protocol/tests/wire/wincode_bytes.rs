//! The way out of bincode: wincode with variable-length integers writes and reads the same bytes.
//!
//! It matches everything the wire uses. What differs and the wire therefore does not lean on: the
//! tag of an enum with more than two arms follows wincode's own setting (no wire struct holds an
//! enum; an `Option` is one byte in both), and wincode bounds each list by its memory (4 MiB by
//! default) where bincode counts one body's claims together, so `codec.rs` would bring its own sum.

use parlor_protocol::{Extensions, codec, hello, message, sync};
use proptest::prelude::*;
use wincode::config::{Configuration, deserialize, serialize};
use wincode::{SchemaRead, SchemaWrite};

use crate::common::source::{Sample, Source};
use crate::common::story;

/// Every shape that a wire field has, and a signed integer for what may come.
#[derive(Clone, Debug, PartialEq, codec::Encode, codec::Decode, SchemaRead, SchemaWrite)]
struct Shapes {
    byte: u8,
    short: u16,
    word: u32,
    long: u64,
    signed: i64,
    flag: bool,
    text: String,
    id: [u8; 16],
    hashes: Vec<[u8; 32]>,
    bytes: Vec<u8>,
    numbers: Vec<u64>,
    maybe: Option<u64>,
    maybe_id: Option<[u8; 16]>,
    nested: Vec<Inner>,
    maybe_nested: Option<Inner>,
}

#[derive(Clone, Debug, PartialEq, codec::Encode, codec::Decode, SchemaRead, SchemaWrite)]
struct Inner {
    tag: u16,
    value: Vec<u8>,
    wrapped: Wrapped,
}

#[derive(Clone, Debug, PartialEq, codec::Encode, codec::Decode, SchemaRead, SchemaWrite)]
struct Wrapped(u64);

fn inner() -> impl Strategy<Value = Inner> {
    let number = prop_oneof![0..=300u64, any::<u64>()];
    (any::<u16>(), any::<Vec<u8>>(), number).prop_map(|(tag, value, number)| Inner {
        tag,
        value,
        wrapped: Wrapped(number),
    })
}

prop_compose! {
    fn shapes()(
        (byte, short, word, long, signed, flag) in
            (any::<u8>(), any::<u16>(), any::<u32>(), any::<u64>(), any::<i64>(), any::<bool>()),
        (small, small_signed, pick) in (0..70_000u64, -40_000..40_000i64, any::<bool>()),
        (text, id, hashes, bytes, numbers, maybe, maybe_id) in
            (".{0,300}", any::<[u8; 16]>(), any::<Vec<[u8; 32]>>(), any::<Vec<u8>>(),
             any::<Vec<u64>>(), any::<Option<u64>>(), any::<Option<[u8; 16]>>()),
        nested in prop::collection::vec(inner(), 0..5),
        maybe_nested in prop::option::of(inner()),
    ) -> Shapes {
        let long = if pick { small } else { long };
        let signed = if pick { small_signed } else { signed };
        Shapes {
            byte, short, word, long, signed, flag, text, id, hashes, bytes, numbers, maybe,
            maybe_id, nested, maybe_nested,
        }
    }
}

proptest! {
    #[test]
    fn every_shape_is_the_same_in_both(shapes in shapes()) {
        let config = Configuration::default().with_varint_encoding();
        let bytes = codec::encode(&shapes);
        prop_assert_eq!(&serialize(&shapes, config).unwrap(), &bytes);
        let read: Shapes = deserialize(&bytes, config).unwrap();
        prop_assert_eq!(read, shapes);
    }
}

/// The bodies that travel most, mirrored field by field.
mod mirror {
    use wincode::{SchemaRead, SchemaWrite};

    type Id = [u8; 16];

    #[derive(Debug, PartialEq, SchemaRead, SchemaWrite)]
    pub(super) struct Post {
        room: Id,
        timeline: u64,
        send_key: Id,
        after: Option<Id>,
        text: String,
        long: Option<LongText>,
        ext: Vec<Extension>,
    }

    #[derive(Debug, PartialEq, SchemaRead, SchemaWrite)]
    struct LongText {
        bytes: u32,
        hash: [u8; 32],
    }

    #[derive(Debug, PartialEq, SchemaRead, SchemaWrite)]
    pub(super) struct Extension {
        tag: u16,
        value: Vec<u8>,
    }

    #[derive(Debug, PartialEq, SchemaRead, SchemaWrite)]
    pub(super) struct RoomBatch {
        room: Id,
        before: u64,
        rev: u64,
        entries: Vec<Entry>,
        ext: Vec<Extension>,
    }

    #[derive(Debug, PartialEq, SchemaRead, SchemaWrite)]
    struct Entry {
        rev: u64,
        kind: u8,
        body: Vec<u8>,
    }

    #[derive(Debug, PartialEq, SchemaRead, SchemaWrite)]
    pub(super) struct Welcome {
        minor: u16,
        features: u64,
        body_bytes: u32,
        text_bytes: u32,
        epoch: u64,
        installation: String,
        nodes: Vec<Node>,
        pins: Vec<[u8; 32]>,
        clock_ms: u64,
        heartbeat_ms: u32,
        idle_ms: u32,
        registration: u8,
        ext: Vec<Extension>,
    }

    #[derive(Debug, PartialEq, SchemaRead, SchemaWrite)]
    struct Node {
        address: String,
        load: u8,
    }
}

macro_rules! mirrored {
    ($body:expr, $mirror:ty) => {{
        let config = Configuration::default().with_varint_encoding();
        let bytes = codec::encode(&$body);
        let read: $mirror = deserialize(&bytes, config).unwrap();
        assert_eq!(serialize(&read, config).unwrap(), bytes);
    }};
}

#[test]
fn the_story_is_the_same_in_both() {
    mirrored!(story::post(), mirror::Post);
    mirrored!(story::room_batch(), mirror::RoomBatch);
    mirrored!(story::large_batch(), mirror::RoomBatch);
    mirrored!(story::welcome(), mirror::Welcome);
    mirrored!(story::later(), Vec<mirror::Extension>);
}

proptest! {
    #[test]
    fn any_body_is_the_same_in_both(seed: u64, size in 0..9usize) {
        let source = &mut Source::new(seed, size);
        mirrored!(message::Post::sample(source), mirror::Post);
        mirrored!(sync::RoomBatch::sample(source), mirror::RoomBatch);
        mirrored!(hello::Welcome::sample(source), mirror::Welcome);
        mirrored!(Extensions::sample(source), Vec<mirror::Extension>);
    }
}
