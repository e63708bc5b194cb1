use std::pin::pin;
use std::task::{Context, Poll, ready};

use parlor_protocol::frame::{Frame, FrameError, FrameReader};
use quinn::{ReadError, RecvStream};

use super::CloseReason;

/// Largest slice taken from the transport at once, bytes; a packet's payload is smaller.
const CHUNK_BYTES: usize = 16 * 1024;

/// The receiving half of a stream and the frames in it.
#[derive(Debug)]
pub(super) struct Incoming {
    stream: RecvStream,
    frames: FrameReader,
    ended: bool,
}

impl Incoming {
    pub(super) fn new(stream: RecvStream) -> Self {
        Self {
            stream,
            frames: FrameReader::new(),
            ended: false,
        }
    }

    /// A frame that has arrived already, with a body of at most `bound` bytes.
    pub(super) fn next(&mut self, bound: usize) -> Result<Option<Frame>, FrameError> {
        self.frames.next(bound)
    }

    /// Takes more from the transport. Take all frames first. After the stream's end it is never
    /// ready: the link's end is told by the connection.
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CloseReason>> {
        if self.ended {
            return Poll::Pending;
        }
        // Polled once and dropped: the future is cancel-safe, and its waker stays with the stream.
        let read = pin!(self.stream.read_chunk(CHUNK_BYTES, true));
        match ready!(read.poll(cx)) {
            Ok(Some(chunk)) => self.frames.feed(chunk.bytes),
            Ok(None) => {
                self.ended = true;
                return Poll::Pending;
            }
            Err(ReadError::ConnectionLost(error)) => return Poll::Ready(Err(error.into())),
            Err(error) => return Poll::Ready(Err(CloseReason::Transport(error.to_string()))),
        }
        Poll::Ready(Ok(()))
    }

    /// The stream behind the last frame, and the bytes of it that have arrived.
    pub(super) fn into_rest(mut self) -> (RecvStream, Vec<u8>) {
        let rest = self.frames.take_rest();
        (self.stream, rest)
    }

    /// The next frame, waiting for it. Cancel-safe.
    pub(super) async fn frame(&mut self, bound: usize) -> Result<Frame, CloseReason> {
        loop {
            if let Some(frame) = self.next(bound)? {
                return Ok(frame);
            }
            std::future::poll_fn(|cx| self.poll_fill(cx)).await?;
        }
    }
}
