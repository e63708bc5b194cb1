//! The queue of one outgoing stream, and how it is written: shared bytes, never waiting.

use std::collections::VecDeque;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes, BytesMut};

/// Several frames up to this many bytes are joined before they are written, so that the transport
/// keeps one chunk of them, not many.
const JOIN_BYTES: usize = 32 * 1024;

/// The sending half of a stream with what waits for it.
pub struct Outbound {
    stream: quinn::SendStream,
    queue: VecDeque<Queued>,
    bytes: usize,
    /// The first of the queue has been written in part: the rest of it must follow.
    started: bool,
}

struct Queued {
    frame: Bytes,
    /// What the caller wants to know about a frame that is dropped.
    tag: u32,
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
            stream,
            queue: VecDeque::new(),
            bytes: 0,
            started: false,
        }
    }

    /// Puts a frame at the end. `tag` comes back if it is dropped.
    pub fn push(&mut self, frame: Bytes, tag: u32) {
        self.bytes += frame.len();
        self.queue.push_back(Queued { frame, tag });
    }

    pub fn queued_bytes(&self) -> usize {
        self.bytes
    }

    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Below other streams of the link: a transfer never delays a message.
    pub fn lower_priority(&self) {
        let _ = self.stream.set_priority(-1);
    }

    /// Ends the stream after what was written.
    pub fn finish(&mut self) {
        let _ = self.stream.finish();
    }

    /// Writes what the transport takes. `blocked` makes the waker, only when it is needed.
    pub fn flush(&mut self, gather: &mut Gather, blocked: &mut dyn FnMut() -> Waker) -> Flushed {
        while !self.queue.is_empty() {
            gather.fill(&self.queue);
            match self.write(&mut gather.chunks, Waker::noop()) {
                Poll::Ready(Ok(written)) => self.written(written),
                Poll::Ready(Err(_)) => return Flushed::Ended,
                Poll::Pending => match self.write(&mut gather.chunks, &blocked()) {
                    Poll::Ready(Ok(written)) => self.written(written),
                    Poll::Ready(Err(_)) => return Flushed::Ended,
                    Poll::Pending => return Flushed::Blocked,
                },
            }
        }
        Flushed::All
    }

    /// Drops what has not begun to leave, each frame with its tag; the tail of a half-written frame
    /// stays, so that the stream stays readable.
    pub fn drop_unstarted(&mut self, mut dropped: impl FnMut(u32)) {
        let keep = usize::from(self.started);
        for queued in self.queue.drain(keep..) {
            self.bytes -= queued.frame.len();
            dropped(queued.tag);
        }
    }

    /// Gives spare memory back after a burst.
    pub fn shrink(&mut self) {
        self.queue.shrink_to(0);
    }

    /// Writes everything and ends the stream, waiting as long as it takes: for bulk streams.
    pub async fn send_all(mut self, bytes: Bytes) -> bool {
        let mut chunks: Vec<Bytes> = self.queue.drain(..).map(|queued| queued.frame).collect();
        chunks.push(bytes);
        self.stream.write_all_chunks(&mut chunks).await.is_ok() && self.stream.finish().is_ok()
    }

    fn write(
        &mut self,
        chunks: &mut [Bytes],
        waker: &Waker,
    ) -> Poll<Result<usize, quinn::WriteError>> {
        // The future is cancel-safe: dropped while pending, it has written nothing.
        let write = pin!(self.stream.write_chunks(chunks));
        write
            .poll(&mut Context::from_waker(waker))
            .map_ok(|written| written.bytes)
    }

    fn written(&mut self, mut bytes: usize) {
        self.bytes -= bytes;
        while let Some(first) = self.queue.front_mut() {
            let left = first.frame.len();
            if bytes < left {
                first.frame.advance(bytes);
                self.started |= bytes > 0;
                return;
            }
            bytes -= left;
            self.started = false;
            self.queue.pop_front();
            if bytes == 0 {
                return;
            }
        }
    }
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
