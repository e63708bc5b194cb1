use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::sink::{Gone, Sink};

/// Bytes of one stream that wait for a blocked transport; more is refused. Reached only when nothing
/// gets through: 64 requests of 32 KiB of text, twice.
const QUEUE_BYTES: usize = 4 * 1024 * 1024;

/// The sending half of a stream. Senders never wait and never lose half a frame: what the transport
/// does not take at once stays queued, and the link's reader goes on with it when it does.
#[derive(Debug)]
pub(super) struct Outgoing {
    sink: Sink,
    queue: VecDeque<Bytes>,
    queued_bytes: usize,
    /// The transport takes no more: it will wake the reader.
    blocked: bool,
    reader: Waker,
}

/// The queue is at its bound.
pub(super) struct Full;

impl Outgoing {
    pub(super) fn new(sink: Sink) -> Self {
        Self {
            sink,
            queue: VecDeque::new(),
            queued_bytes: 0,
            blocked: false,
            reader: Waker::noop().clone(),
        }
    }

    /// Sends a whole frame, or as much as the transport takes now and the rest later.
    pub(super) fn send(&mut self, frame: Bytes) -> Result<(), Full> {
        if self.queued_bytes + frame.len() > QUEUE_BYTES {
            return Err(Full);
        }
        self.queued_bytes += frame.len();
        self.queue.push_back(frame);
        if !self.blocked {
            let reader = self.reader.clone();
            self.write(&mut Context::from_waker(&reader));
            if self.blocked {
                // Before its first poll the reader has no waker here; it writes when it comes.
                reader.wake();
            }
        }
        Ok(())
    }

    /// For the reader at each of its polls: goes on with what is queued, wakes it again when the
    /// transport takes more.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) {
        if !self.reader.will_wake(cx.waker()) {
            self.reader.clone_from(cx.waker());
        }
        if self.blocked || !self.queue.is_empty() {
            self.write(cx);
        }
    }

    /// Whether everything sent so far was taken by the transport.
    pub(super) fn is_clear(&self) -> bool {
        !self.blocked && self.queue.is_empty()
    }

    /// Ends the stream behind what was sent; see [`Sink::finish`].
    pub(super) fn finish(&mut self) -> impl Future<Output = ()> + Send + use<> {
        self.sink.finish()
    }

    fn write(&mut self, cx: &mut Context<'_>) {
        self.blocked = false;
        loop {
            let last = self.queue.is_empty();
            match self.sink.poll_write(cx, &mut self.queue) {
                Poll::Ready(Ok(_)) if last => return,
                Poll::Ready(Ok(bytes)) => self.queued_bytes -= bytes,
                // The reader learns of the lost link by itself.
                Poll::Ready(Err(Gone)) => {
                    self.queue.clear();
                    self.queued_bytes = 0;
                    return;
                }
                Poll::Pending => {
                    self.blocked = true;
                    return;
                }
            }
        }
    }
}
