use std::task::{Context, Poll, ready};

use parlor_protocol::frame::{Frame, FrameError, FrameReader};

use super::CloseReason;
use super::source::Source;

/// The receiving half of a stream and the frames in it.
#[derive(Debug)]
pub(super) struct Incoming {
    stream: Source,
    frames: FrameReader,
    ended: bool,
}

impl Incoming {
    pub(super) fn new(stream: Source) -> Self {
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

    /// Takes more from the transport. Take all frames first. After the end of a stream of QUIC it is
    /// never ready: the link's end is told by the connection.
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CloseReason>> {
        if self.ended {
            return Poll::Pending;
        }
        match ready!(self.stream.poll_chunk(cx))? {
            Some(bytes) => self.frames.feed(bytes),
            None if self.ends_the_link() => {
                let why = "the server hung up".to_owned();
                return Poll::Ready(Err(CloseReason::Transport(why)));
            }
            None => {
                self.ended = true;
                return Poll::Pending;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Whether the stream is all there is.
    fn ends_the_link(&self) -> bool {
        !matches!(self.stream, Source::Quic(_))
    }

    /// The stream behind the last frame, and the bytes of it that have arrived.
    pub(super) fn into_rest(mut self) -> (Source, Vec<u8>) {
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
