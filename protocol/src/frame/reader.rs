use bytes::{Buf, Bytes, BytesMut};

use super::{Frame, FrameError, Header, read_header};
use crate::limit::HEADER_BYTES;

/// Finds frames in a stream of chunks. A frame that lies whole in one chunk is a slice of it; one
/// that does not is put together in a buffer of its own, each of its bytes copied once, however
/// small the chunks. A frame's size is checked against the bound before its body is buffered, and
/// the buffer grows as the body arrives: it never holds more than twice what did.
#[derive(Debug, Default)]
pub struct FrameReader {
    /// What is left of the newest chunk.
    chunk: Bytes,
    /// What came before it and is not taken yet.
    partial: BytesMut,
    /// Why the stream cannot be read on.
    broken: Option<FrameError>,
}

impl FrameReader {
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the reader the next chunk. Call [`FrameReader::next`] until it has no more first, so
    /// that at most one unfinished frame is held.
    pub fn feed(&mut self, chunk: Bytes) {
        if self.broken.is_some() {
            return;
        }
        self.partial.extend_from_slice(&self.chunk);
        self.chunk = chunk;
    }

    /// The next whole frame with a body of at most `bound` bytes, `None` when more is needed.
    /// After an error the stream cannot be read on: the same error comes again.
    pub fn next(&mut self, bound: usize) -> Result<Option<Frame>, FrameError> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        self.advance(bound).inspect_err(|error| {
            *self = Self {
                broken: Some(error.clone()),
                ..Self::default()
            };
        })
    }

    /// Bytes of an unfinished frame held here.
    pub fn buffered_bytes(&self) -> usize {
        self.chunk.len() + self.partial.len()
    }

    /// Takes the bytes held, whatever they are: raw bytes follow the last frame on a bulk stream.
    pub fn take_rest(&mut self) -> Vec<u8> {
        let mut rest = std::mem::take(&mut self.partial).to_vec();
        rest.extend_from_slice(&std::mem::take(&mut self.chunk));
        rest
    }

    fn advance(&mut self, bound: usize) -> Result<Option<Frame>, FrameError> {
        if self.partial.is_empty() {
            if let Some(head) = self.chunk.get(..HEADER_BYTES) {
                let (header, body) = read_header(head, bound)?;
                if self.chunk.len() >= HEADER_BYTES + body {
                    self.chunk.advance(HEADER_BYTES);
                    let body = self.chunk.split_to(body);
                    return Ok(Some(Frame { header, body }));
                }
            }
            if self.chunk.is_empty() {
                return Ok(None);
            }
        }
        self.assemble(bound)
    }

    /// Goes on with a frame that began in an earlier chunk, or does not end in this one.
    fn assemble(&mut self, bound: usize) -> Result<Option<Frame>, FrameError> {
        if !self.gather(HEADER_BYTES) {
            return Ok(None);
        }
        let (header, body) = read_header(&self.partial, bound)?;
        if !self.gather(HEADER_BYTES + body) {
            return Ok(None);
        }
        Ok(Some(self.take(header, body)))
    }

    /// Moves bytes of the chunk behind the partial frame until that has `wanted`, if there are.
    fn gather(&mut self, wanted: usize) -> bool {
        let missing = wanted.saturating_sub(self.partial.len());
        let moved = self.chunk.split_to(missing.min(self.chunk.len()));
        self.partial.extend_from_slice(&moved);
        if self.chunk.is_empty() {
            // Lets go of the packet buffer that the chunk may be a slice of.
            self.chunk = Bytes::new();
        }
        self.partial.len() >= wanted
    }

    fn take(&mut self, header: Header, body: usize) -> Frame {
        let mut whole = self.partial.split_to(HEADER_BYTES + body);
        if self.partial.is_empty() {
            // Else the emptied buffer would keep the frame's memory alive and be grown again.
            self.partial = BytesMut::new();
        }
        whole.advance(HEADER_BYTES);
        Frame {
            header,
            body: whole.freeze(),
        }
    }
}
