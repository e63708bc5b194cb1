use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Context;

use bytes::Bytes;
use parlor_protocol::frame::{self, Frame};
use parlor_protocol::hello::{Welcome, feature};
use parlor_protocol::kind::Body;
use parlor_protocol::limit::{BODY_BYTES, HEADER_BYTES, REQUESTS_IN_FLIGHT};
use tokio::sync::{Semaphore, TryAcquireError, oneshot};

use super::outgoing::Outgoing;
use super::request::{Waiter, Waiting};
use super::wire::Wire;
use super::{CloseReason, RequestError};

/// What the senders and the reader of a link have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) wire: Wire,
    commands: Mutex<Commands>,
    /// Over TCP all goes the way of the commands.
    control: Option<Mutex<Outgoing>>,
    /// A permit for each further request; closed with the link.
    slots: Semaphore,
    next_request: AtomicU32,
    compress: bool,
    body_bytes: usize,
    closed: OnceLock<CloseReason>,
}

#[derive(Debug)]
struct Commands {
    outgoing: Outgoing,
    waiting: Waiting,
}

impl Shared {
    /// `flight`: requests that are under way already; `next_request`: the first number not used.
    pub(super) fn new(
        wire: Wire,
        control: Option<Outgoing>,
        commands: Outgoing,
        welcome: &Welcome,
        flight: &[u32],
        next_request: u32,
    ) -> Self {
        let mut waiting = Waiting::default();
        flight
            .iter()
            .for_each(|request| waiting.insert(*request, Waiter::Event));
        Self {
            wire,
            commands: Mutex::new(Commands {
                outgoing: commands,
                waiting,
            }),
            control: control.map(Mutex::new),
            slots: Semaphore::new(REQUESTS_IN_FLIGHT.saturating_sub(flight.len())),
            next_request: AtomicU32::new(next_request),
            compress: welcome.features & feature::ZSTD != 0,
            body_bytes: (welcome.body_bytes as usize).min(BODY_BYTES),
            closed: OnceLock::new(),
        }
    }

    /// A request's number and its frame.
    pub(super) fn encode<B: Body>(&self, body: &B) -> Result<(u32, Bytes), RequestError> {
        let request = self.number();
        let bytes = match self.compress {
            true => frame::encode_compressed(request, body),
            false => frame::encode(request, body),
        };
        match bytes.len() - HEADER_BYTES {
            bytes if bytes > self.body_bytes => Err(RequestError::TooLarge {
                bytes,
                bound: self.body_bytes,
            }),
            _ => Ok((request, bytes)),
        }
    }

    /// Waits for a free place, sends, waits for the reply.
    pub(super) async fn ask(&self, request: u32, bytes: Bytes) -> Result<Frame, RequestError> {
        match self.slots.acquire().await {
            Ok(slot) => slot.forget(),
            Err(_) => return Err(self.lost()),
        }
        let (sender, reply) = oneshot::channel();
        self.issue(request, Waiter::Call(sender), bytes)?;
        reply.await.map_err(|_| self.lost())
    }

    /// Takes a free place, if there is one.
    pub(super) fn try_slot(&self) -> Result<(), RequestError> {
        match self.slots.try_acquire() {
            Ok(slot) => {
                slot.forget();
                Ok(())
            }
            Err(TryAcquireError::NoPermits) => Err(RequestError::Busy),
            Err(TryAcquireError::Closed) => Err(self.lost()),
        }
    }

    /// Sends a request that has a place.
    pub(super) fn issue(
        &self,
        request: u32,
        waiter: Waiter,
        bytes: Bytes,
    ) -> Result<(), RequestError> {
        let mut commands = self.commands();
        // Under the lock under which the end clears the table, so that nobody waits for ever.
        if self.closed.get().is_some() {
            return Err(self.lost());
        }
        if commands.outgoing.send(bytes).is_err() {
            self.slots.add_permits(1);
            return Err(RequestError::Busy);
        }
        commands.waiting.insert(request, waiter);
        Ok(())
    }

    /// A reply has come: who waits for it, `None` when nobody asked. Its place is free again.
    pub(super) fn answered(&self, request: u32) -> Option<Waiter> {
        let waiter = self.commands().waiting.take(request)?;
        self.slots.add_permits(1);
        Some(waiter)
    }

    pub(super) fn in_flight(&self) -> usize {
        self.commands().waiting.len()
    }

    pub(super) fn send_control(&self, frame: Bytes) {
        // A control queue at its bound means that nothing gets through at all.
        let _ = match &self.control {
            Some(control) => lock(control).send(frame),
            None => self.commands().outgoing.send(frame),
        };
    }

    pub(super) fn finish_control(&self) -> impl Future<Output = ()> + Send + use<> {
        match &self.control {
            Some(control) => lock(control).finish(),
            None => self.commands().outgoing.finish(),
        }
    }

    /// Sends a signal, unless something waits already: signals never displace what counts.
    pub(super) fn signal(&self, signal: Bytes) -> bool {
        match &self.wire {
            Wire::Quic(quic) => quic.send_datagram(signal).is_ok(),
            Wire::Tcp(_) => {
                let outgoing = &mut self.commands().outgoing;
                outgoing.is_clear() && outgoing.send(signal).is_ok()
            }
        }
    }

    /// For the reader at each of its polls.
    pub(super) fn poll_write(&self, cx: &mut Context<'_>) {
        self.commands().outgoing.poll_write(cx);
        if let Some(control) = &self.control {
            lock(control).poll_write(cx);
        }
    }

    /// The link is over; the first reason stands. Whoever waits for a reply learns of it.
    pub(super) fn end(&self, reason: CloseReason) {
        let mut commands = self.commands();
        let _ = self.closed.set(reason);
        self.slots.close();
        commands.waiting.clear();
    }

    pub(super) fn closed(&self) -> Option<CloseReason> {
        self.closed
            .get()
            .cloned()
            .or_else(|| self.wire.close_reason())
    }

    fn lost(&self) -> RequestError {
        RequestError::Lost(self.closed().unwrap_or(CloseReason::Local))
    }

    /// The next request's number; never 0, which stands for "unasked".
    fn number(&self) -> u32 {
        loop {
            let number = self.next_request.fetch_add(1, Ordering::Relaxed);
            if number != 0 {
                return number;
            }
        }
    }

    fn commands(&self) -> MutexGuard<'_, Commands> {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lock(outgoing: &Mutex<Outgoing>) -> MutexGuard<'_, Outgoing> {
    outgoing.lock().unwrap_or_else(PoisonError::into_inner)
}
