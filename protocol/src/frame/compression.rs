//! Bodies as single zstd frames, when that pays.

use std::cell::RefCell;

use bytes::Bytes;
use zstd::bulk::{Compressor, Decompressor};

use super::FLAG_ZSTD;
use crate::kind::Body;
use crate::limit::{BODY_PLAIN_BYTES, COMPRESS_ABOVE_BYTES, HEADER_BYTES, HEADER_COUNTED_BYTES};

/// The fastest level: higher ones win a few per cent of chat for several times the time.
const LEVEL: i32 = 1;

thread_local! {
    // Making them anew for each body costs more than small bodies do.
    static PACKER: RefCell<Option<Compressor<'static>>> =
        RefCell::new(Compressor::new(LEVEL).ok());
    static UNPACKER: RefCell<Option<Decompressor<'static>>> =
        RefCell::new(Decompressor::new().ok());
}

fn pack(plain: &[u8]) -> Option<Vec<u8>> {
    PACKER.with_borrow_mut(|packer| packer.as_mut()?.compress(plain).ok())
}

/// [`super::encode`], then [`compress`].
pub fn encode_compressed<T: Body>(request: u32, body: &T) -> Bytes {
    compress(&super::encode(request, body))
}

/// A frame's bytes with the body compressed when it is large and that saves at least an eighth,
/// else the same bytes. `frame` is a whole frame as [`super::encode`] makes it.
pub fn compress(frame: &Bytes) -> Bytes {
    let plain = frame.get(HEADER_BYTES..).unwrap_or_default();
    if plain.len() <= COMPRESS_ABOVE_BYTES || frame[7] & FLAG_ZSTD != 0 {
        return frame.clone();
    }
    match pack(plain) {
        Some(packed) if packed.len() <= plain.len() - plain.len() / 8 => {
            let mut bytes = Vec::with_capacity(HEADER_BYTES + packed.len());
            bytes.extend_from_slice(&frame[..HEADER_BYTES]);
            bytes.extend_from_slice(&packed);
            bytes[7] |= FLAG_ZSTD;
            let counted = (HEADER_COUNTED_BYTES + packed.len()) as u32;
            bytes[..4].copy_from_slice(&counted.to_le_bytes());
            bytes.into()
        }
        _ => frame.clone(),
    }
}

/// What one zstd frame holds; `None` when it is damaged, declares no size or one above
/// [`BODY_PLAIN_BYTES`], or is not all there is. The declared size is checked before anything is
/// allocated for it, and zstd holds the content to it.
pub(super) fn decompress(packed: &[u8]) -> Option<Vec<u8>> {
    use zstd::zstd_safe::{find_frame_compressed_size, get_frame_content_size};
    let size = usize::try_from(get_frame_content_size(packed).ok()??).ok()?;
    if size > BODY_PLAIN_BYTES || find_frame_compressed_size(packed) != Ok(packed.len()) {
        return None;
    }
    let plain = UNPACKER.with_borrow_mut(|unpacker| {
        let unpacker = unpacker.as_mut()?;
        unpacker.decompress(packed, size).ok()
    })?;
    (plain.len() == size).then_some(plain)
}
