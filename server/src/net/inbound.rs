//! Frames from a stream.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use parlor_protocol::frame::{Frame, FrameError, FrameReader};
use tokio::time::{Instant, timeout_at};

use super::tcp::Pipe;

/// Largest slice taken from the transport at once, bytes: one slow link cannot hold the shard.
const CHUNK_BYTES: usize = 16 * 1024;

/// The next bytes, nothing at the stream's end; or the link is gone.
type Read = Result<Option<Bytes>, ()>;

enum Stream {
    Quic(quinn::RecvStream),
    Tcp(Rc<Pipe>),
}

impl Stream {
    /// Cancel-safe.
    async fn read(&mut self) -> Read {
        match self {
            Self::Quic(stream) => match stream.read_chunk(CHUNK_BYTES, true).await {
                Ok(chunk) => Ok(chunk.map(|chunk| chunk.bytes)),
                Err(_) => Err(()),
            },
            Self::Tcp(pipe) => pipe.chunk().await.map_err(drop),
        }
    }
}

/// The receiving half of a stream.
pub struct Inbound {
    stream: Stream,
    reader: FrameReader,
    frame_within: Duration,
    /// When the frame that has begun must be whole.
    whole_by: Option<Instant>,
}

#[derive(Debug, thiserror::Error)]
pub enum InboundError {
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The stream or the link ended in the middle of something.
    #[error("the stream broke off")]
    Broken,
    #[error("half a frame for {} s", _0.as_secs())]
    Stalled(Duration),
}

impl Inbound {
    pub(super) fn new(stream: quinn::RecvStream) -> Self {
        Self::reading(Stream::Quic(stream), FrameReader::new())
    }

    /// `first`: what of it has been read already.
    pub(super) fn over_tcp(pipe: Rc<Pipe>, first: Bytes) -> Self {
        let mut reader = FrameReader::new();
        reader.feed(first);
        Self::reading(Stream::Tcp(pipe), reader)
    }

    fn reading(stream: Stream, reader: FrameReader) -> Self {
        Self {
            stream,
            reader,
            frame_within: Duration::MAX,
            whole_by: None,
        }
    }

    /// From its first byte on, a frame has so long to arrive whole, however it trickles.
    pub fn set_frame_within(&mut self, frame_within: Duration) {
        self.frame_within = frame_within;
    }

    /// The next frame with a body of at most `bound` bytes; `None` at the stream's end. Cancel-safe.
    pub async fn frame(&mut self, bound: usize) -> Result<Option<Frame>, InboundError> {
        loop {
            if let Some(frame) = self.reader.next(bound)? {
                self.whole_by = None;
                return Ok(Some(frame));
            }
            match self.chunk().await? {
                Ok(Some(bytes)) => self.reader.feed(bytes),
                Ok(None) if self.reader.buffered_bytes() == 0 => return Ok(None),
                Ok(None) | Err(_) => return Err(InboundError::Broken),
            }
        }
    }

    /// A frame that has arrived already, without waiting for the transport.
    pub fn ready(&mut self, bound: usize) -> Result<Option<Frame>, InboundError> {
        self.whole_by = None;
        Ok(self.reader.next(bound)?)
    }

    /// What the transport brings next. Only half a frame has a timer: most arrive whole.
    async fn chunk(&mut self) -> Result<Read, InboundError> {
        let read = self.stream.read();
        if self.reader.buffered_bytes() == 0 {
            return Ok(read.await);
        }
        let by = self
            .whole_by
            .or_else(|| Instant::now().checked_add(self.frame_within));
        self.whole_by = by;
        match by {
            Some(by) => timeout_at(by, read)
                .await
                .map_err(|_| InboundError::Stalled(self.frame_within)),
            None => Ok(read.await),
        }
    }

    /// The raw bytes that follow the last frame, up to the stream's end; `None` when they are not
    /// exactly `bytes`.
    pub async fn rest(mut self, bytes: usize) -> Option<Vec<u8>> {
        let mut rest = self.reader.take_rest();
        while rest.len() <= bytes {
            match self.stream.read().await {
                Ok(Some(bytes)) => rest.extend_from_slice(&bytes),
                Ok(None) => return (rest.len() == bytes).then_some(rest),
                Err(_) => return None,
            }
        }
        None
    }

    /// Tells the client to stop sending on this stream; over TCP only the answer says so.
    pub fn stop(&mut self) {
        if let Stream::Quic(stream) = &mut self.stream {
            let _ = stream.stop(quinn::VarInt::from_u32(0));
        }
    }
}
