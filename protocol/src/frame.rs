//! The frame: `u32 length | u16 type | u8 revision | u8 flags | u32 request | body`, little-endian.
//! `length` counts what follows it.

mod compression;
mod reader;

use bytes::{Buf, Bytes};

pub use compression::{compress, encode_compressed};
pub use reader::FrameReader;

use crate::codec::{self, DecodeError, TYPICAL_BYTES};
use crate::kind::{Body, Kind};
use crate::limit::{BODY_PLAIN_BYTES, HEADER_BYTES, HEADER_COUNTED_BYTES, SIGNAL_BYTES};

/// A reader that does not know this type must answer `Unsupported` instead of skipping it.
pub const FLAG_CRITICAL: u8 = 1 << 0;
/// The body is one zstd frame with its content size declared.
pub const FLAG_ZSTD: u8 = 1 << 1;
const FLAGS_KNOWN: u8 = FLAG_CRITICAL | FLAG_ZSTD;

/// What stands before a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub kind: Kind,
    pub revision: u8,
    pub flags: u8,
    /// Which request this is or answers; 0 for what is pushed.
    pub request: u32,
}

/// One frame as it travelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub header: Header,
    /// As it travelled, perhaps compressed: see [`Frame::open`].
    pub body: Bytes,
}

/// Why bytes are not a frame, or a frame is not what it claims to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error("a frame of {length} bytes is shorter than its header")]
    Short { length: u32 },
    #[error("a body of {body} bytes is above the bound of {bound}")]
    Oversize { body: usize, bound: usize },
    #[error("unknown flags {flags:#04x}")]
    Flags { flags: u8 },
    #[error("a datagram of {size} bytes is not one whole frame")]
    Datagram { size: usize },
    #[error("the compressed body is damaged or larger than {BODY_PLAIN_BYTES} bytes")]
    Compression,
    #[error("{kind:?} revision {revision} is not known here")]
    Revision { kind: Kind, revision: u8 },
    #[error("expected {expected:?}, got {got:?}")]
    Kind { expected: Kind, got: Kind },
    #[error("{kind:?}: {error}")]
    Body { kind: Kind, error: DecodeError },
}

impl Frame {
    /// Decodes the body as `T`: kind, revision, compression, size and bounds are all checked.
    pub fn open<T: Body>(&self) -> Result<T, FrameError> {
        if self.header.kind != T::KIND {
            return Err(FrameError::Kind {
                expected: T::KIND,
                got: self.header.kind,
            });
        }
        if self.header.revision != T::REVISION {
            return Err(FrameError::Revision {
                kind: T::KIND,
                revision: self.header.revision,
            });
        }
        let plain = self.plain_body()?;
        let body: T = codec::decode(&plain).map_err(|error| FrameError::Body {
            kind: T::KIND,
            error,
        })?;
        body.check().map_err(|error| FrameError::Body {
            kind: T::KIND,
            error,
        })?;
        Ok(body)
    }

    /// The body without compression.
    pub fn plain_body(&self) -> Result<Bytes, FrameError> {
        if self.header.flags & FLAG_ZSTD == 0 {
            return Ok(self.body.clone());
        }
        compression::decompress(&self.body)
            .map(Bytes::from)
            .ok_or(FrameError::Compression)
    }

    /// The frame's bytes as they travel.
    pub fn to_bytes(&self) -> Bytes {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + self.body.len());
        bytes.extend_from_slice(&header_bytes(&self.header, self.body.len()));
        bytes.extend_from_slice(&self.body);
        bytes.into()
    }
}

/// One frame's bytes, not compressed.
pub fn encode<T: Body>(request: u32, body: &T) -> Bytes {
    let mut bytes = Vec::with_capacity(HEADER_BYTES + TYPICAL_BYTES);
    bytes.resize(HEADER_BYTES, 0);
    codec::encode_into(body, &mut bytes);
    let head = header_bytes(&T::header(request, 0), bytes.len() - HEADER_BYTES);
    bytes[..HEADER_BYTES].copy_from_slice(&head);
    bytes.into()
}

fn header_bytes(header: &Header, body: usize) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    bytes[..4].copy_from_slice(&((HEADER_COUNTED_BYTES + body) as u32).to_le_bytes());
    bytes[4..6].copy_from_slice(&header.kind.0.to_le_bytes());
    bytes[6] = header.revision;
    bytes[7] = header.flags;
    bytes[8..].copy_from_slice(&header.request.to_le_bytes());
    bytes
}

/// Reads and checks the [`HEADER_BYTES`] before a body of at most `bound` bytes; tells its size.
fn read_header(mut bytes: &[u8], bound: usize) -> Result<(Header, usize), FrameError> {
    let length = bytes.get_u32_le();
    let header = Header {
        kind: Kind(bytes.get_u16_le()),
        revision: bytes.get_u8(),
        flags: bytes.get_u8(),
        request: bytes.get_u32_le(),
    };
    let body = match (length as usize).checked_sub(HEADER_COUNTED_BYTES) {
        None => return Err(FrameError::Short { length }),
        Some(body) if body > bound => return Err(FrameError::Oversize { body, bound }),
        Some(body) => body,
    };
    match header.flags & !FLAGS_KNOWN {
        0 => Ok((header, body)),
        _ => Err(FrameError::Flags {
            flags: header.flags,
        }),
    }
}

/// The single frame of a datagram.
pub fn from_datagram(mut datagram: Bytes) -> Result<Frame, FrameError> {
    let size = datagram.len();
    let head = datagram
        .get(..HEADER_BYTES)
        .ok_or(FrameError::Datagram { size })?;
    let (header, body) = read_header(head, SIGNAL_BYTES)?;
    datagram.advance(HEADER_BYTES);
    match datagram.len() == body {
        true => Ok(Frame {
            header,
            body: datagram,
        }),
        false => Err(FrameError::Datagram { size }),
    }
}
