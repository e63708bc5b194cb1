//! The frame: `u32 length | u16 type | u8 revision | u8 flags | u32 request | body`, little-endian.
//! `length` counts what follows it.

use bytes::{Buf, Bytes, BytesMut};

use crate::codec::{self, DecodeError};
use crate::kind::{Body, Kind};
use crate::limit::{BODY_PLAIN_BYTES, COMPRESS_ABOVE_BYTES, HEADER_BYTES, HEADER_COUNTED_BYTES};

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
        // The declared size is checked before anything is allocated for it.
        let size = zstd::zstd_safe::get_frame_content_size(&self.body)
            .ok()
            .flatten();
        match size {
            Some(size) if size <= BODY_PLAIN_BYTES as u64 => {
                let plain = zstd::bulk::decompress(&self.body, size as usize)
                    .map_err(|_| FrameError::Compression)?;
                Ok(plain.into())
            }
            _ => Err(FrameError::Compression),
        }
    }

    /// The frame's bytes as they travel.
    pub fn to_bytes(&self) -> Bytes {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + self.body.len());
        write_header(&mut bytes, &self.header, self.body.len());
        bytes.extend_from_slice(&self.body);
        bytes.into()
    }
}

/// One frame's bytes, not compressed.
pub fn encode<T: Body>(request: u32, body: &T) -> Bytes {
    let mut bytes = vec![0; HEADER_BYTES];
    codec::encode_into(body, &mut bytes);
    seal(bytes, T::header(request, 0))
}

/// The same frame with zstd when its body is large and compression saves at least an eighth.
pub fn encode_compressed<T: Body>(request: u32, body: &T) -> Bytes {
    compress(&encode(request, body))
}

/// A frame's bytes compressed when that pays, else the same bytes.
pub fn compress(frame: &Bytes) -> Bytes {
    let plain = &frame[HEADER_BYTES..];
    if plain.len() <= COMPRESS_ABOVE_BYTES || frame[7] & FLAG_ZSTD != 0 {
        return frame.clone();
    }
    match zstd::bulk::compress(plain, 1) {
        Ok(packed) if packed.len() <= plain.len() - plain.len() / 8 => {
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

fn seal(mut bytes: Vec<u8>, header: Header) -> Bytes {
    let body = bytes.len() - HEADER_BYTES;
    let mut head = Vec::with_capacity(HEADER_BYTES);
    write_header(&mut head, &header, body);
    bytes[..HEADER_BYTES].copy_from_slice(&head);
    bytes.into()
}

fn write_header(bytes: &mut Vec<u8>, header: &Header, body: usize) {
    bytes.extend_from_slice(&((HEADER_COUNTED_BYTES + body) as u32).to_le_bytes());
    bytes.extend_from_slice(&header.kind.0.to_le_bytes());
    bytes.push(header.revision);
    bytes.push(header.flags);
    bytes.extend_from_slice(&header.request.to_le_bytes());
}

/// Finds frames in a stream of chunks. Holds at most one unfinished frame, whose size is checked
/// against the bound before its body is buffered.
#[derive(Debug, Default)]
pub struct FrameReader {
    /// Chunk that holds whole frames not yet taken.
    ready: Bytes,
    /// Start of a frame that goes on in the next chunk.
    partial: BytesMut,
}

impl FrameReader {
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the reader the next chunk. Call [`FrameReader::next`] until it has no more first.
    pub fn feed(&mut self, chunk: Bytes) {
        if self.ready.is_empty() && self.partial.is_empty() {
            self.ready = chunk;
        } else {
            self.partial.extend_from_slice(&self.ready);
            self.ready = Bytes::new();
            self.partial.extend_from_slice(&chunk);
        }
    }

    /// The next whole frame with a body of at most `bound` bytes, `None` when more is needed.
    /// After an error the stream cannot be read on.
    pub fn next(&mut self, bound: usize) -> Result<Option<Frame>, FrameError> {
        if !self.partial.is_empty() {
            self.ready = std::mem::take(&mut self.partial).freeze();
        }
        let Some(header) = self.ready.get(..HEADER_BYTES) else {
            return self.wait(HEADER_BYTES);
        };
        let (length, header) = read_header(header);
        let body = match (length as usize).checked_sub(HEADER_COUNTED_BYTES) {
            None => return Err(FrameError::Short { length }),
            Some(body) if body > bound => return Err(FrameError::Oversize { body, bound }),
            Some(body) => body,
        };
        if header.flags & !FLAGS_KNOWN != 0 {
            return Err(FrameError::Flags {
                flags: header.flags,
            });
        }
        if self.ready.len() < HEADER_BYTES + body {
            return self.wait(HEADER_BYTES + body);
        }
        self.ready.advance(HEADER_BYTES);
        let frame = Frame {
            header,
            body: self.ready.split_to(body),
        };
        Ok(Some(frame))
    }

    /// Bytes of an unfinished frame held here.
    pub fn buffered_bytes(&self) -> usize {
        self.ready.len() + self.partial.len()
    }

    fn wait(&mut self, whole: usize) -> Result<Option<Frame>, FrameError> {
        let ready = std::mem::take(&mut self.ready);
        if !ready.is_empty() {
            // The chunk may be a slice of a large packet buffer: keep a copy of the rest only,
            // and grow to the frame's size as it arrives, not before.
            let mut partial = BytesMut::with_capacity(whole.min(ready.len() * 2));
            partial.extend_from_slice(&ready);
            self.partial = partial;
        }
        Ok(None)
    }
}

fn read_header(mut bytes: &[u8]) -> (u32, Header) {
    let length = bytes.get_u32_le();
    let kind = Kind(bytes.get_u16_le());
    let revision = bytes.get_u8();
    let flags = bytes.get_u8();
    let request = bytes.get_u32_le();
    (
        length,
        Header {
            kind,
            revision,
            flags,
            request,
        },
    )
}

/// The single frame of a datagram.
pub fn from_datagram(datagram: Bytes) -> Result<Frame, FrameError> {
    let size = datagram.len();
    let mut reader = FrameReader::new();
    reader.feed(datagram);
    match reader.next(crate::limit::SIGNAL_BYTES)? {
        Some(frame) if reader.buffered_bytes() == 0 => Ok(frame),
        _ => Err(FrameError::Short {
            length: size as u32,
        }),
    }
}
