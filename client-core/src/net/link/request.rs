use std::time::Duration;

use parlor_protocol::error::Refusal;
use parlor_protocol::frame::{Frame, FrameError};
use parlor_protocol::kind::{Body, Kind};
use tokio::sync::oneshot;

use super::CloseReason;

/// Why a request has no reply.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RequestError {
    /// The server answered that it did not do it.
    #[error("{0}")]
    Refused(Refusal),
    /// It may have been done: ask again with the same send key.
    #[error("the server did not answer within {} s; try again", within.as_secs())]
    TimedOut { within: Duration },
    /// It may have been done: ask again on the next link with the same send key.
    #[error("the link ended before the answer: {0}")]
    Lost(CloseReason),
    #[error("too many requests wait for their answers; try again in a moment")]
    Busy,
    #[error("the request has {bytes} bytes, more than the {bound} that the server takes")]
    TooLarge { bytes: usize, bound: usize },
    #[error("the server's answer cannot be read ({0}); update the older of the two programs")]
    Reply(#[from] FrameError),
}

/// Who waits for a reply.
#[derive(Debug)]
pub(super) enum Waiter {
    /// The reader of events.
    Event,
    /// A request's future, if it still exists.
    Call(oneshot::Sender<Frame>),
}

/// Requests that wait for their replies: at most `REQUESTS_IN_FLIGHT`, mostly answered in order.
#[derive(Debug, Default)]
pub(super) struct Waiting(Vec<(u32, Waiter)>);

impl Waiting {
    pub(super) fn insert(&mut self, request: u32, waiter: Waiter) {
        self.0.push((request, waiter));
    }

    /// The reply has come; `None` when nobody asked.
    pub(super) fn take(&mut self, request: u32) -> Option<Waiter> {
        let at = self.0.iter().position(|(number, _)| *number == request)?;
        Some(self.0.remove(at).1)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whoever waits learns that no reply will come.
    pub(super) fn clear(&mut self) {
        self.0 = Vec::new();
    }
}

/// The reply as `R`, or the refusal.
pub(super) fn read_reply<R: Body>(frame: &Frame) -> Result<R, RequestError> {
    match frame.header.kind {
        Kind::REFUSED => Err(RequestError::Refused(frame.open()?)),
        _ => Ok(frame.open()?),
    }
}
