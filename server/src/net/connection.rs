//! One link's connection.

use std::net::SocketAddr;
use std::rc::Rc;
use std::task::Waker;

use bytes::Bytes;
use parlor_protocol::tcp::Lane;
use parlor_protocol::{Code, Frame};
use quinn::VarInt;

use super::tcp::Pipe;
use super::{Flushed, Gather, Inbound, Outbound};

/// A handshake that has begun.
pub struct Pending(quinn::Incoming);

impl Pending {
    pub(super) fn new(incoming: quinn::Incoming) -> Self {
        Self(incoming)
    }

    pub fn address(&self) -> SocketAddr {
        self.0.remote_address()
    }

    /// Whether the address has answered a Retry, so that it is not forged.
    pub fn is_validated(&self) -> bool {
        self.0.remote_address_validated()
    }

    pub fn may_retry(&self) -> bool {
        self.0.may_retry()
    }

    /// Asks the client to prove its address first; costs no state here.
    pub fn retry(self) {
        // Fails only where `may_retry` is false; then the packet is dropped, which is as good.
        let _ = self.0.retry();
    }

    pub fn refuse(self) {
        self.0.refuse();
    }

    /// Says nothing: the client's next packet of this dial is looked at anew.
    pub fn ignore(self) {
        self.0.ignore();
    }

    /// Completes the handshake; `None` when the client gave up or broke off.
    pub async fn complete(self) -> Option<Connection> {
        let connection = self.0.accept().ok()?.await.ok()?;
        Some(Connection(Wire::Quic(connection)))
    }
}

/// An established connection; cheap to clone.
#[derive(Clone)]
pub struct Connection(Wire);

/// What carries it.
#[derive(Clone)]
enum Wire {
    Quic(quinn::Connection),
    Tcp(Rc<Pipe>),
}

/// What arrives besides frames. Taken apart where it arrives and never kept, so its size is no matter.
#[allow(clippy::large_enum_variant)]
pub enum Event {
    /// The client opened a stream.
    Stream(Outbound, Inbound),
    Signal(Bytes),
    Closed,
}

impl Connection {
    pub(super) fn over_tcp(pipe: Rc<Pipe>) -> Self {
        Self(Wire::Tcp(pipe))
    }

    pub fn is_tcp(&self) -> bool {
        matches!(self.0, Wire::Tcp(_))
    }

    pub fn address(&self) -> SocketAddr {
        match &self.0 {
            Wire::Quic(quic) => quic.remote_address(),
            Wire::Tcp(pipe) => pipe.address(),
        }
    }

    /// The next stream or signal; over TCP one stream and then the end. Cancel-safe.
    pub async fn event(&self) -> Event {
        let quic = match &self.0 {
            Wire::Quic(quic) => quic,
            Wire::Tcp(pipe) if pipe.take() => {
                let inbound = Inbound::over_tcp(pipe.clone(), Bytes::new());
                return Event::Stream(Outbound::over_tcp(pipe.clone()), inbound);
            }
            Wire::Tcp(pipe) => {
                pipe.ended_or_idle().await;
                return Event::Closed;
            }
        };
        tokio::select! {
            stream = quic.accept_bi() => match stream {
                Ok((send, receive)) => Event::Stream(Outbound::new(send), Inbound::new(receive)),
                Err(_) => Event::Closed,
            },
            datagram = quic.read_datagram() => match datagram {
                Ok(datagram) => Event::Signal(datagram),
                Err(_) => Event::Closed,
            },
        }
    }

    /// Where a frame that came on the control stream belongs: over TCP all come there.
    pub fn lane(&self, frame: Frame) -> Lane {
        match &self.0 {
            Wire::Quic(_) => Lane::Stream(frame),
            Wire::Tcp(_) => Lane::of(frame),
        }
    }

    /// The push stream. The client allows several, so this does not wait.
    pub async fn open_push(&self) -> Option<Outbound> {
        match &self.0 {
            Wire::Quic(quic) => quic.open_uni().await.ok().map(Outbound::new),
            Wire::Tcp(pipe) => Some(Outbound::over_tcp(pipe.clone())),
        }
    }

    /// Writes what the transport takes of a link's streams, control, command and push. `false`: one
    /// of them is gone.
    pub fn flush(
        &self,
        streams: [&mut Option<Outbound>; 3],
        gather: &mut Gather,
        blocked: &mut dyn FnMut() -> Waker,
    ) -> bool {
        match &self.0 {
            Wire::Quic(_) => {
                let mut good = true;
                for stream in streams.into_iter().flatten() {
                    good &= stream.is_empty() || stream.flush(gather, blocked) != Flushed::Ended;
                }
                good
            }
            Wire::Tcp(pipe) => {
                let [control, _, push] = streams;
                pipe.flush(control, push, blocked) != Flushed::Ended
            }
        }
    }

    /// Sends a signal; dropped where the link is full or takes none. `true`: it leaves when the link
    /// is flushed next, so that must be asked for.
    pub fn send_signal(&self, signal: Bytes) -> bool {
        match &self.0 {
            Wire::Quic(quic) => {
                let _ = quic.send_datagram(signal);
                false
            }
            Wire::Tcp(pipe) => pipe.signal(signal),
        }
    }

    /// Ends the link with a code of the protocol's table.
    pub fn close(&self, code: Code, reason: &str) {
        match &self.0 {
            Wire::Quic(quic) => quic.close(VarInt::from_u32(code.0.into()), reason.as_bytes()),
            Wire::Tcp(pipe) => pipe.close(code, reason),
        }
    }

    pub async fn closed(&self) {
        match &self.0 {
            Wire::Quic(quic) => drop(quic.closed().await),
            Wire::Tcp(pipe) => pipe.ended().await,
        }
    }

    /// Once closed: waits, within bounds, until the client has taken the last word, which QUIC sees
    /// to by itself.
    pub async fn linger(&self) {
        if let Wire::Tcp(pipe) = &self.0 {
            pipe.linger().await;
        }
    }

    pub fn is_closed(&self) -> bool {
        match &self.0 {
            Wire::Quic(quic) => quic.close_reason().is_some(),
            Wire::Tcp(pipe) => pipe.is_over(),
        }
    }
}
