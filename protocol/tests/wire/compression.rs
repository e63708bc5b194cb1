//! Compression when it pays, and nothing that swells beyond its bound.

use bytes::Bytes;
use parlor_protocol::frame::{self, FLAG_ZSTD, Frame, FrameError, Header};
use parlor_protocol::limit::{BODY_PLAIN_BYTES, COMPRESS_ABOVE_BYTES, HEADER_BYTES};
use parlor_protocol::message::Post;
use parlor_protocol::sync::RoomBatch;
use parlor_protocol::{Body, Kind};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::common::bodies::one_frame;
use crate::common::story;

fn posting(text: String) -> Post {
    Post {
        text,
        ..story::post()
    }
}

fn is_compressed(bytes: &Bytes) -> bool {
    bytes[7] & FLAG_ZSTD != 0
}

#[test]
fn a_body_is_compressed_above_its_size_only() {
    let plain_size = |text: usize| {
        let body = posting("a".repeat(text));
        frame::encode(1, &body).len() - HEADER_BYTES
    };
    let fits = (0..2_000).rfind(|text| plain_size(*text) <= COMPRESS_ABOVE_BYTES);
    let fits = fits.unwrap();
    let at = frame::encode_compressed(1, &posting("a".repeat(fits)));
    let above = frame::encode_compressed(1, &posting("a".repeat(fits + 1)));
    assert_eq!((is_compressed(&at), is_compressed(&above)), (false, true));
}

#[test]
fn a_body_that_does_not_shrink_travels_as_it_is() {
    let mut noise = vec![0; 4_096];
    ChaCha8Rng::seed_from_u64(1).fill_bytes(&mut noise);
    let mut batch = story::room_batch();
    batch.entries[0].kind = 200;
    batch.entries[0].body = noise;
    let bytes = frame::encode_compressed(0, &batch);
    assert!(!is_compressed(&bytes));
    assert_eq!(bytes, frame::encode(0, &batch));
}

#[test]
fn compressing_twice_changes_nothing() {
    let once = frame::encode_compressed(0, &story::large_batch());
    assert!(is_compressed(&once));
    assert_eq!(frame::compress(&once), once);
    let plain = one_frame(once).plain_body().unwrap();
    let expected = frame::encode(0, &story::large_batch());
    assert_eq!(plain, expected.slice(HEADER_BYTES..));
}

/// What opening a frame with this compressed body gives.
fn check(packed: Vec<u8>, expect: Result<usize, FrameError>) {
    let header = Header {
        kind: Kind::ROOM_BATCH,
        revision: RoomBatch::REVISION,
        flags: FLAG_ZSTD,
        request: 0,
    };
    let body = packed.into();
    let plain = Frame { header, body }.plain_body();
    assert_eq!(plain.map(|plain| plain.len()), expect);
}

const DAMAGED: Result<usize, FrameError> = Err(FrameError::Compression);

fn packed(size: usize) -> Vec<u8> {
    zstd::bulk::compress(&vec![0; size], 1).unwrap()
}

#[test]
fn the_largest_body_opens_and_a_bomb_does_not() {
    check(packed(BODY_PLAIN_BYTES), Ok(BODY_PLAIN_BYTES));
    check(packed(BODY_PLAIN_BYTES + 1), DAMAGED);
    let bomb = packed(200 * BODY_PLAIN_BYTES);
    assert!(bomb.len() < 32 * 1024, "a bomb of {} bytes", bomb.len());
    check(bomb, DAMAGED);
}

/// Bytes in the frame that lies.
const TRUTH: u32 = 100_000;

/// A frame of [`TRUTH`] zeros that declares `size` instead.
fn lying(size: u32) -> Vec<u8> {
    let mut lie = packed(TRUTH as usize);
    // Magic, descriptor (single segment, size in four bytes), then the size.
    assert_eq!(lie[4], 0xa0, "the layout this test patches");
    lie[5..9].copy_from_slice(&size.to_le_bytes());
    lie
}

#[test]
fn a_size_that_is_not_the_contents_is_refused() {
    check(lying(16), DAMAGED);
    check(lying(TRUTH - 1), DAMAGED);
    check(lying(TRUTH + 1), DAMAGED);
    check(lying(TRUTH), Ok(TRUTH as usize));
    check(lying(u32::MAX), DAMAGED);
}

#[test]
fn only_one_whole_frame_that_declares_its_size_is_taken() {
    let unsized_frame = zstd::stream::encode_all(&[0; 4_096][..], 1).unwrap();
    check(unsized_frame, DAMAGED);
    check([packed(100), packed(100)].concat(), DAMAGED);
    check([packed(100), vec![0]].concat(), DAMAGED);
    let mut cut = packed(BODY_PLAIN_BYTES);
    cut.pop();
    check(cut, DAMAGED);
    check(b"not zstd at all".to_vec(), DAMAGED);
    check(Vec::new(), DAMAGED);
}
