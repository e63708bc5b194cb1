//! One TLS connection over TCP: read by one task, written by the flusher, never waiting in either.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, BufRead, IoSlice, Write};
use std::net::{Shutdown, SocketAddr};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use parlor_protocol::hello::Goodbye;
use parlor_protocol::limit::TEXT_BYTES;
use parlor_protocol::{Code, Refusal, frame};
use rustls::ServerConnection;
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};

use super::listener::Open;
use super::socket::Socket;
use super::turns::{LANES, Turns};
use crate::net::outbound::{Flushed, Outbound};
use crate::net::queue::Queue;

/// Encrypted bytes that wait for the socket: they are beyond recall, so few.
const TLS_BUFFER_BYTES: usize = 64 * 1024;
/// Signals that wait to be sent; the oldest are dropped. As over QUIC.
const SIGNAL_QUEUE_BYTES: usize = 8 * 1024;
/// How long, and for how much, the end of a connection waits for the client to take the last word: a
/// socket closed with unread bytes in it takes that word back.
const LINGER: Duration = Duration::from_millis(500);
const LINGER_BYTES: usize = TEXT_BYTES;

/// The connection. Both halves hold it; it ends with the last of them.
pub(in crate::net) struct Pipe {
    state: RefCell<State>,
    over: Notify,
    address: SocketAddr,
    idle: Duration,
    /// The link's one pair of halves was handed out.
    taken: Cell<bool>,
    _open: Open,
}

/// The lane and size of each frame of one write.
type Sizes = Vec<(usize, usize)>;

struct State {
    tcp: TcpStream,
    tls: ServerConnection,
    signals: Queue,
    turns: Turns,
    /// A frame has left in part: no other may begin.
    mid_frame: bool,
    /// Pushes may leave: the word that the client has entered is out. There are none before it.
    pushing: bool,
    /// The socket takes no more.
    blocked: bool,
    /// When the peer last showed that it lives: something came, or a full socket took more.
    heard: Instant,
    /// Ended by either side.
    over: bool,
    reader: Option<Waker>,
}

impl Pipe {
    pub(super) fn new(
        tcp: TcpStream,
        mut tls: ServerConnection,
        address: SocketAddr,
        idle: Duration,
        open: Open,
    ) -> Self {
        tls.set_buffer_limit(Some(TLS_BUFFER_BYTES));
        let state = State {
            tcp,
            tls,
            signals: Queue::default(),
            turns: Turns::default(),
            mid_frame: false,
            pushing: false,
            blocked: false,
            heard: Instant::now(),
            over: false,
            reader: None,
        };
        Self {
            state: RefCell::new(state),
            over: Notify::new(),
            address,
            idle,
            taken: Cell::new(false),
            _open: open,
        }
    }

    pub(in crate::net) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether this is the first time that it is asked for.
    pub(in crate::net) fn take(&self) -> bool {
        !self.taken.replace(true)
    }

    /// Writes what the socket takes of a link's lanes and signals, as one stream.
    pub(in crate::net) fn flush(
        &self,
        control: &mut Option<Outbound>,
        push: &mut Option<Outbound>,
        blocked: &mut dyn FnMut() -> Waker,
    ) -> Flushed {
        let (mut none, mut nothing) = (Queue::default(), Queue::default());
        let control = control.as_mut().map_or(&mut none, Outbound::queue);
        let push = push.as_mut().map_or(&mut nothing, Outbound::queue);
        let mut state = self.state.borrow_mut();
        if state.over {
            return Flushed::Ended;
        }
        match state.flush(control, push, blocked) {
            Ok(true) => Flushed::All,
            Ok(false) => {
                state.signals.drop_unstarted(|_| {});
                Flushed::Blocked
            }
            Err(_) => {
                drop(state);
                self.end();
                Flushed::Ended
            }
        }
    }

    /// Queues a signal; `false` where it is dropped, since the link is behind.
    pub(in crate::net) fn signal(&self, signal: Bytes) -> bool {
        let mut state = self.state.borrow_mut();
        if state.blocked || state.over {
            return false;
        }
        state.signals.push(signal, 0);
        while state.signals.bytes() > SIGNAL_QUEUE_BYTES {
            state.signals.drop_oldest();
        }
        true
    }

    /// What comes next; `None` at the client's orderly end. Cancel-safe.
    pub(in crate::net) async fn chunk(&self) -> io::Result<Option<Bytes>> {
        poll_fn(|cx| {
            let mut state = self.state.borrow_mut();
            if state.over {
                return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
            }
            let read = state.poll_read(cx);
            if read.is_pending() {
                state.reader = Some(cx.waker().clone());
            }
            read
        })
        .await
        .inspect_err(|_| self.end())
    }

    /// Sends everything and says that it was all.
    pub(in crate::net) async fn send_all(&self, chunks: Vec<Bytes>) -> io::Result<()> {
        let mut left: VecDeque<Bytes> = chunks.into();
        let mut said = false;
        poll_fn(|cx| {
            let mut state = self.state.borrow_mut();
            loop {
                ready!(state.poll_push(cx))?;
                let Some(first) = left.front_mut() else {
                    if said {
                        return Poll::Ready(Ok::<(), io::Error>(()));
                    }
                    said = true;
                    state.tls.send_close_notify();
                    continue;
                };
                let written = state.tls.writer().write(first)?;
                first.advance(written);
                if first.is_empty() {
                    left.pop_front();
                }
            }
        })
        .await?;
        let state = self.state.borrow();
        SockRef::from(&state.tcp).shutdown(Shutdown::Write)
    }

    /// Ends the connection with a last word, where one can still be said.
    pub(in crate::net) fn close(&self, code: Code, reason: &str) {
        {
            let mut state = self.state.borrow_mut();
            if state.over {
                return;
            }
            if !state.mid_frame {
                let word = match code {
                    Code(0) => frame::encode(0, &Goodbye::default()),
                    code => frame::encode(0, &Refusal::with_text(code, reason)),
                };
                // What a full socket does not take is lost with the connection.
                let _ = state.tls.writer().write(&word);
                state.tls.send_close_notify();
                let _ = state.push();
            }
            let _ = SockRef::from(&state.tcp).shutdown(Shutdown::Write);
        }
        self.end();
    }

    /// Waits until the client has taken the last word, within bounds.
    pub(in crate::net) async fn linger(&self) {
        let mut bytes = 0;
        let taken = poll_fn(|cx| {
            let state = self.state.borrow();
            let mut scratch = [0; 4 * 1024];
            loop {
                match state.tcp.try_read(&mut scratch) {
                    Ok(0) => return Poll::Ready(()),
                    Ok(read) => bytes += read,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        if ready!(state.tcp.poll_read_ready(cx)).is_err() {
                            return Poll::Ready(());
                        }
                    }
                    Err(_) => return Poll::Ready(()),
                }
                if bytes > LINGER_BYTES {
                    return Poll::Ready(());
                }
            }
        });
        let _ = timeout(LINGER, taken).await;
    }

    pub(in crate::net) fn is_over(&self) -> bool {
        self.state.borrow().over
    }

    /// Waits for the end.
    pub(in crate::net) async fn ended(&self) {
        let mut over = std::pin::pin!(self.over.notified());
        over.as_mut().enable();
        if !self.is_over() {
            over.await;
        }
    }

    /// Waits for the end; brings it about when nothing has been heard for too long.
    pub(in crate::net) async fn ended_or_idle(&self) {
        let idle = async {
            loop {
                let due = self.state.borrow().heard + self.idle;
                if due <= Instant::now() {
                    return;
                }
                sleep_until(due).await;
            }
        };
        tokio::select! {
            () = self.ended() => {}
            () = idle => {
                let text = format!("Nothing was heard for {} s.", self.idle.as_secs());
                self.close(Code::TIMED_OUT, &text);
            }
        }
    }

    fn end(&self) {
        let reader = {
            let mut state = self.state.borrow_mut();
            state.over = true;
            state.reader.take()
        };
        self.over.notify_waiters();
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

impl State {
    /// Whether everything left; otherwise the waker was left with the socket.
    fn flush(
        &mut self,
        control: &mut Queue,
        push: &mut Queue,
        blocked: &mut dyn FnMut() -> Waker,
    ) -> io::Result<bool> {
        loop {
            if !self.push()? {
                self.blocked = true;
                let waker = blocked();
                match self.tcp.poll_write_ready(&mut Context::from_waker(&waker)) {
                    Poll::Pending => return Ok(false),
                    Poll::Ready(ready) => {
                        ready?;
                        continue;
                    }
                }
            }
            if std::mem::take(&mut self.blocked) {
                // Only what the peer acknowledged made room.
                self.heard = Instant::now();
            }
            let Some((sizes, written)) = self.write(control, push)? else {
                return Ok(true);
            };
            let lanes: [&mut Queue; LANES] = [control, push, &mut self.signals];
            self.turns.written(lanes, &sizes, written);
            self.mid_frame = control.is_started() || push.is_started() || self.signals.is_started();
        }
    }

    /// Encrypts as much as TLS takes in one go: the lane and size of each frame offered, and the bytes
    /// taken; `None` when nothing waits.
    fn write(&mut self, control: &Queue, push: &Queue) -> io::Result<Option<(Sizes, usize)>> {
        self.pushing |= control.is_empty() && !push.is_empty();
        let none = Queue::default();
        let push = if self.pushing { push } else { &none };
        let order = self.turns.order([control, push, &self.signals]);
        if order.is_empty() {
            return Ok(None);
        }
        let sizes = order.iter().map(|(lane, it)| (*lane, it.len())).collect();
        let slices: Vec<IoSlice<'_>> = order.iter().map(|(_, it)| IoSlice::new(it)).collect();
        let written = self.tls.writer().write_vectored(&slices)?;
        Ok(Some((sizes, written)))
    }

    /// Hands encrypted bytes to the socket; `false` when it takes no more.
    fn push(&mut self) -> io::Result<bool> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut Socket(&self.tcp)) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    fn poll_push(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.push()? {
            ready!(self.tcp.poll_write_ready(cx))?;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        loop {
            let mut reader = self.tls.reader();
            match reader.fill_buf() {
                Ok([]) => return Poll::Ready(Ok(None)),
                Ok(plain) => {
                    // A copy of its own, so that half a frame does not keep a whole record alive.
                    let chunk = Bytes::copy_from_slice(plain);
                    reader.consume(chunk.len());
                    return Poll::Ready(Ok(Some(chunk)));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
            match self.tls.read_tls(&mut Socket(&self.tcp)) {
                Ok(read) => {
                    if read > 0 {
                        self.heard = Instant::now();
                    }
                    if let Err(error) = self.tls.process_new_packets() {
                        // Says why, if it can.
                        let _ = self.push();
                        return Poll::Ready(Err(io::Error::other(error)));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.tcp.poll_read_ready(cx))?;
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}
