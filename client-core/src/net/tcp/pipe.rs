//! One link's connection over TCP, shared by its senders and its reader.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use parlor_protocol::tcp::LinkToken;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_rustls::client::TlsStream;

use super::{Purpose, connect};
use crate::net::dial::Deadlines;
use crate::net::error::ConnectError;
use crate::net::link::CloseReason;
use crate::net::target::Target;

pub(in crate::net) type Stream = TlsStream<TcpStream>;

/// Largest slice taken from the connection at once, bytes: a TLS record's worth.
const CHUNK_BYTES: usize = 16 * 1024;
/// Frames offered to one write.
const FRAMES: usize = 64;

/// The connection of a link.
pub(in crate::net) struct Tcp {
    pipe: Mutex<Pipe>,
    address: SocketAddr,
    /// For the connections of bulk transfers: the same place.
    host: String,
    target: Target,
    token: OnceLock<LinkToken>,
    began: Instant,
    /// Times that something was read.
    heard: AtomicU64,
    /// When something was written last, ms since it began.
    said_ms: AtomicU64,
    rtt_us: AtomicU64,
    closed: OnceLock<CloseReason>,
    over: Notify,
}

struct Pipe {
    /// Gone once the link is closed, so that the socket is too, whoever still holds the link.
    stream: Option<Stream>,
    reader: Option<Waker>,
}

impl Tcp {
    pub(in crate::net) fn new(
        stream: Stream,
        address: SocketAddr,
        host: String,
        target: Target,
        rtt: Duration,
    ) -> Self {
        Self {
            pipe: Mutex::new(Pipe {
                stream: Some(stream),
                reader: None,
            }),
            address,
            host,
            target,
            token: OnceLock::new(),
            began: Instant::now(),
            heard: AtomicU64::new(0),
            said_ms: AtomicU64::new(0),
            rtt_us: AtomicU64::new(micros(rtt)),
            closed: OnceLock::new(),
            over: Notify::new(),
        }
    }

    pub(in crate::net) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The name of this link for its bulk transfers, as the welcome had it.
    pub(in crate::net) fn set_token(&self, token: LinkToken) {
        let _ = self.token.set(token);
    }

    /// A connection for a bulk transfer, and what it must begin with.
    pub(in crate::net) async fn bulk(
        &self,
        deadlines: Deadlines,
    ) -> Result<(Stream, LinkToken), CloseReason> {
        let Some(token) = self.token.get() else {
            let why = "the server takes no bulk transfers over TCP".to_owned();
            return Err(CloseReason::Transport(why));
        };
        let connected = connect(
            &self.target,
            &self.host,
            self.address,
            Purpose::Bulk,
            deadlines.answer,
            deadlines.handshake,
        );
        match connected.await {
            Ok((stream, _)) => Ok((stream, *token)),
            Err(ConnectError::Lost(reason)) => Err(reason),
            Err(error) => Err(CloseReason::Transport(error.to_string())),
        }
    }

    pub(in crate::net) fn heard(&self) -> u64 {
        self.heard.load(Ordering::Relaxed)
    }

    /// How long nothing has been sent.
    pub(in crate::net) fn silent_for(&self) -> Duration {
        let said = Duration::from_millis(self.said_ms.load(Ordering::Relaxed));
        self.began.elapsed().saturating_sub(said)
    }

    pub(in crate::net) fn rtt(&self) -> Duration {
        Duration::from_micros(self.rtt_us.load(Ordering::Relaxed))
    }

    /// A newer measure of the round trip.
    pub(in crate::net) fn note_rtt(&self, rtt: Duration) {
        self.rtt_us.store(micros(rtt), Ordering::Relaxed);
    }

    /// What comes next; nothing at the server's orderly end.
    pub(in crate::net) fn poll_read(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, CloseReason>> {
        let mut pipe = self.pipe();
        let Some(stream) = &mut pipe.stream else {
            return Poll::Ready(Err(self.closed().unwrap_or(CloseReason::Local)));
        };
        let mut scratch = [0; CHUNK_BYTES];
        let mut buffer = ReadBuf::new(&mut scratch);
        match Pin::new(stream).poll_read(cx, &mut buffer) {
            Poll::Ready(Ok(())) if buffer.filled().is_empty() => Poll::Ready(Ok(None)),
            Poll::Ready(Ok(())) => {
                self.heard.fetch_add(1, Ordering::Relaxed);
                Poll::Ready(Ok(Some(Bytes::copy_from_slice(buffer.filled()))))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(broken(&error))),
            Poll::Pending => {
                pipe.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Writes what is queued and sees it off; what was taken leaves the queue. The bytes taken.
    pub(in crate::net) fn poll_write(
        &self,
        cx: &mut Context<'_>,
        queue: &mut VecDeque<Bytes>,
    ) -> Poll<io::Result<usize>> {
        let mut pipe = self.pipe();
        let Some(stream) = &mut pipe.stream else {
            return Poll::Ready(Err(ErrorKind::NotConnected.into()));
        };
        if queue.is_empty() {
            ready!(Pin::new(stream).poll_flush(cx))?;
            return Poll::Ready(Ok(0));
        }
        let slices: Vec<IoSlice<'_>> = queue
            .iter()
            .take(FRAMES)
            .map(|frame| IoSlice::new(frame))
            .collect();
        let written = ready!(Pin::new(stream).poll_write_vectored(cx, &slices))?;
        drop(slices);
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.said_ms.store(now, Ordering::Relaxed);
        advance(queue, written);
        Poll::Ready(Ok(written))
    }

    /// Says that nothing more will be sent.
    pub(in crate::net) fn poll_finish(&self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.pipe().stream {
            Some(stream) => Pin::new(stream).poll_shutdown(cx).map(drop),
            None => Poll::Ready(()),
        }
    }

    /// Ends the connection.
    pub(in crate::net) fn close(&self, reason: CloseReason) {
        let _ = self.closed.set(reason);
        let (stream, reader) = {
            let mut pipe = self.pipe();
            (pipe.stream.take(), pipe.reader.take())
        };
        if let Some(mut stream) = stream {
            // As much as the socket takes now: an orderly end is a courtesy.
            let mut cx = Context::from_waker(Waker::noop());
            let _ = Pin::new(&mut stream).poll_shutdown(&mut cx);
        }
        self.over.notify_waiters();
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    pub(in crate::net) fn closed(&self) -> Option<CloseReason> {
        self.closed.get().cloned()
    }

    /// Waits until the connection is closed.
    pub(in crate::net) async fn ended(&self) {
        let mut over = std::pin::pin!(self.over.notified());
        over.as_mut().enable();
        if self.closed.get().is_none() {
            over.await;
        }
    }

    fn pipe(&self) -> MutexGuard<'_, Pipe> {
        self.pipe.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Tcp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tcp")
            .field("address", &self.address)
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}

/// Takes bytes off the front.
fn advance(queue: &mut VecDeque<Bytes>, mut bytes: usize) {
    while let Some(first) = queue.front_mut() {
        if bytes < first.len() {
            first.advance(bytes);
            return;
        }
        bytes -= first.len();
        queue.pop_front();
    }
}

pub(in crate::net) fn broken(error: &io::Error) -> CloseReason {
    match error.kind() {
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {
            CloseReason::Transport("the server hung up".to_owned())
        }
        ErrorKind::TimedOut => CloseReason::Silent,
        _ => CloseReason::Transport(error.to_string()),
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
