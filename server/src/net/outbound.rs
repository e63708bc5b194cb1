//! The queue of one outgoing stream, and how it is written: shared bytes, never waiting.

use std::collections::VecDeque;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};

use super::queue::{Queue, Queued};
use super::tcp::Pipe;

/// Several frames up to this many bytes are joined before they are written, so that the transport
/// keeps one chunk of them, not many.
const JOIN_BYTES: usize = 32 * 1024;

/// The sending half of a stream with what waits for it.
pub struct Outbound {
    stream: Stream,
    queue: Queue,
}

enum Stream {
    Quic(quinn::SendStream),
    /// One of the lanes of a link, or the whole of a bulk transfer's connection.
    Tcp(Rc<Pipe>),
}

/// How far a flush came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flushed {
    All,
    /// The transport takes no more now; the waker will be woken.
    Blocked,
    /// The stream is gone.
    Ended,
}

/// Joins equal queues once: readers of one room that are flushed together share one chunk.
#[derive(Default)]
pub struct Gather {
    parts: Vec<Bytes>,
    joined: Bytes,
    chunks: Vec<Bytes>,
}

impl Outbound {
    pub(super) fn new(stream: quinn::SendStream) -> Self {
        Self {
            stream: Stream::Quic(stream),
            queue: Queue::default(),
        }
    }

    pub(super) fn over_tcp(pipe: Rc<Pipe>) -> Self {
        Self {
            stream: Stream::Tcp(pipe),
            queue: Queue::default(),
        }
    }

    /// Puts a frame at the end. `tag` comes back if it is dropped.
    pub fn push(&mut self, frame: Bytes, tag: u32) {
        self.queue.push(frame, tag);
    }

    pub fn queued_bytes(&self) -> usize {
        self.queue.bytes()
    }

    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn queue(&mut self) -> &mut Queue {
        &mut self.queue
    }

    /// Below other streams of the link: a transfer never delays a message. Over TCP it has a
    /// connection of its own.
    pub fn lower_priority(&self) {
        if let Stream::Quic(stream) = &self.stream {
            let _ = stream.set_priority(-1);
        }
    }

    /// Ends the stream after what was written.
    pub fn finish(&mut self) {
        if let Stream::Quic(stream) = &mut self.stream {
            let _ = stream.finish();
        }
    }

    /// Writes what the transport takes. `blocked` makes the waker, only when it is needed. For
    /// streams that have their own place in the transport; lanes that share one connection are
    /// flushed together, see [`super::Connection::flush`].
    pub(super) fn flush(
        &mut self,
        gather: &mut Gather,
        blocked: &mut dyn FnMut() -> Waker,
    ) -> Flushed {
        let Stream::Quic(stream) = &mut self.stream else {
            return Flushed::All;
        };
        while !self.queue.is_empty() {
            gather.fill(self.queue.frames());
            match write(stream, &mut gather.chunks, Waker::noop()) {
                Poll::Ready(Ok(written)) => self.queue.written(written),
                Poll::Ready(Err(_)) => return Flushed::Ended,
                Poll::Pending => match write(stream, &mut gather.chunks, &blocked()) {
                    Poll::Ready(Ok(written)) => self.queue.written(written),
                    Poll::Ready(Err(_)) => return Flushed::Ended,
                    Poll::Pending => return Flushed::Blocked,
                },
            }
        }
        Flushed::All
    }

    /// Drops what has not begun to leave, each frame with its tag; the tail of a half-written frame
    /// stays, so that the stream stays readable.
    pub fn drop_unstarted(&mut self, dropped: impl FnMut(u32)) {
        self.queue.drop_unstarted(dropped);
    }

    /// Gives spare memory back after a burst.
    pub fn shrink(&mut self) {
        self.queue.shrink();
    }

    /// Writes everything and ends the stream, waiting as long as it takes: for bulk streams.
    pub async fn send_all(mut self, bytes: Bytes) -> bool {
        let mut chunks: Vec<Bytes> = self.queue.take().collect();
        chunks.push(bytes);
        match &mut self.stream {
            Stream::Quic(stream) => {
                stream.write_all_chunks(&mut chunks).await.is_ok() && stream.finish().is_ok()
            }
            Stream::Tcp(pipe) => pipe.send_all(chunks).await.is_ok(),
        }
    }
}

fn write(
    stream: &mut quinn::SendStream,
    chunks: &mut [Bytes],
    waker: &Waker,
) -> Poll<Result<usize, quinn::WriteError>> {
    // The future is cancel-safe: dropped while pending, it has written nothing.
    let write = pin!(stream.write_chunks(chunks));
    write
        .poll(&mut Context::from_waker(waker))
        .map_ok(|written| written.bytes)
}

impl Gather {
    fn fill(&mut self, queue: &VecDeque<Queued>) {
        self.chunks.clear();
        let (count, bytes) = prefix(queue);
        if count > 1 {
            if !self.holds(queue, count) {
                self.join(queue, count, bytes);
            }
            self.chunks.push(self.joined.clone());
        }
        let rest = if count > 1 { count } else { 0 };
        self.chunks.extend(
            queue
                .iter()
                .skip(rest)
                .take(MAX_CHUNKS)
                .map(|queued| queued.frame.clone()),
        );
    }

    /// Whether the joined bytes are just these frames: the same memory, each of them.
    fn holds(&self, queue: &VecDeque<Queued>, count: usize) -> bool {
        self.parts.len() == count
            && self.parts.iter().zip(queue).all(|(part, queued)| {
                part.as_ptr() == queued.frame.as_ptr() && part.len() == queued.frame.len()
            })
    }

    fn join(&mut self, queue: &VecDeque<Queued>, count: usize, bytes: usize) {
        // The parts are kept, so that their memory cannot become another frame's meanwhile.
        self.parts.clear();
        self.parts
            .extend(queue.iter().take(count).map(|queued| queued.frame.clone()));
        let mut joined = BytesMut::with_capacity(bytes);
        self.parts
            .iter()
            .for_each(|part| joined.extend_from_slice(part));
        self.joined = joined.freeze();
    }

    /// Lets go of shared bytes when there is nothing to flush for a while.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

/// Chunks offered to one write; the loop in `flush` goes on after them.
const MAX_CHUNKS: usize = 64;

/// How many frames from the front are joined, and their bytes.
fn prefix(queue: &VecDeque<Queued>) -> (usize, usize) {
    let (mut count, mut bytes) = (0, 0);
    for queued in queue {
        if bytes + queued.frame.len() > JOIN_BYTES {
            break;
        }
        bytes += queued.frame.len();
        count += 1;
    }
    (count, bytes)
}
