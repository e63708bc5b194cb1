//! Writing to a stream without ever waiting for it.

use std::collections::VecDeque;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use quinn::SendStream;

/// Bytes that may wait for a link's windows to open; a link above it is cut off.
const BACKLOG_BYTES: usize = 256 << 10;

/// A stream and what did not fit into its windows yet.
pub(super) struct Push {
    stream: SendStream,
    backlog: VecDeque<Bytes>,
    backlog_bytes: usize,
}

/// The stream takes no more: its link is gone, or over its bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stuck;

impl Push {
    pub(super) fn new(stream: SendStream) -> Self {
        Self {
            stream,
            backlog: VecDeque::new(),
            backlog_bytes: 0,
        }
    }

    /// Hands bytes to the transport, or keeps them for the next try; `true` when something waits
    /// now that did not wait before.
    pub(super) fn push(&mut self, bytes: Bytes) -> Result<bool, Stuck> {
        if !self.backlog.is_empty() {
            return self.keep(bytes).map(|()| false);
        }
        match self.poll_write(bytes)? {
            None => Ok(false),
            Some(rest) => self.keep(rest).map(|()| true),
        }
    }

    /// Tries again what was kept; `true` while some of it still waits.
    pub(super) fn retry(&mut self) -> Result<bool, Stuck> {
        while let Some(next) = self.backlog.pop_front() {
            self.backlog_bytes -= next.len();
            if let Some(rest) = self.poll_write(next)? {
                self.backlog_bytes += rest.len();
                self.backlog.push_front(rest);
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn keep(&mut self, bytes: Bytes) -> Result<(), Stuck> {
        self.backlog_bytes += bytes.len();
        self.backlog.push_back(bytes);
        if self.backlog_bytes > BACKLOG_BYTES {
            return Err(Stuck);
        }
        Ok(())
    }

    /// One write; gives back what the windows had no room for.
    fn poll_write(&mut self, bytes: Bytes) -> Result<Option<Bytes>, Stuck> {
        let mut chunks = [bytes];
        let written = {
            let write = pin!(self.stream.write_chunks(&mut chunks));
            // Nobody is woken when room appears: the next tick tries again.
            write.poll(&mut Context::from_waker(Waker::noop()))
        };
        let [rest] = chunks;
        match written {
            Poll::Ready(Ok(written)) if written.chunks == 1 => Ok(None),
            Poll::Ready(Ok(_)) | Poll::Pending => Ok(Some(rest)),
            Poll::Ready(Err(_)) => Err(Stuck),
        }
    }
}
