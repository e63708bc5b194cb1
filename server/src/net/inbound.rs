//! Frames from a stream.

use parlor_protocol::frame::{Frame, FrameError, FrameReader};

/// Largest slice taken from the transport at once, bytes: one slow link cannot hold the shard.
const CHUNK_BYTES: usize = 16 * 1024;

/// The receiving half of a stream.
pub struct Inbound {
    stream: quinn::RecvStream,
    reader: FrameReader,
}

#[derive(Debug, thiserror::Error)]
pub enum InboundError {
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The stream or the link ended in the middle of something.
    #[error("the stream broke off")]
    Broken,
}

impl Inbound {
    pub(super) fn new(stream: quinn::RecvStream) -> Self {
        Self {
            stream,
            reader: FrameReader::new(),
        }
    }

    /// The next frame with a body of at most `bound` bytes; `None` at the stream's end. Cancel-safe.
    pub async fn frame(&mut self, bound: usize) -> Result<Option<Frame>, InboundError> {
        loop {
            if let Some(frame) = self.reader.next(bound)? {
                return Ok(Some(frame));
            }
            match self.stream.read_chunk(CHUNK_BYTES, true).await {
                Ok(Some(chunk)) => self.reader.feed(chunk.bytes),
                Ok(None) if self.reader.buffered_bytes() == 0 => return Ok(None),
                Ok(None) | Err(_) => return Err(InboundError::Broken),
            }
        }
    }

    /// A frame that has arrived already, without waiting for the transport.
    pub fn ready(&mut self, bound: usize) -> Result<Option<Frame>, InboundError> {
        Ok(self.reader.next(bound)?)
    }

    /// Whether half a frame is held.
    pub fn is_partial(&self) -> bool {
        self.reader.buffered_bytes() > 0
    }

    /// The raw bytes that follow the last frame, up to the stream's end; `None` when they are not
    /// exactly `bytes`.
    pub async fn rest(mut self, bytes: usize) -> Option<Vec<u8>> {
        let mut rest = self.reader.take_rest();
        while rest.len() <= bytes {
            match self.stream.read_chunk(CHUNK_BYTES, true).await {
                Ok(Some(chunk)) => rest.extend_from_slice(&chunk.bytes),
                Ok(None) => return (rest.len() == bytes).then_some(rest),
                Err(_) => return None,
            }
        }
        None
    }

    /// Tells the client to stop sending on this stream.
    pub fn stop(&mut self) {
        let _ = self.stream.stop(quinn::VarInt::from_u32(0));
    }
}
