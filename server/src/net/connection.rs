//! One link's connection.

use std::net::SocketAddr;

use bytes::Bytes;
use parlor_protocol::Code;
use quinn::VarInt;

use super::{Inbound, Outbound};

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
        self.0.accept().ok()?.await.ok().map(Connection)
    }
}

/// An established connection; cheap to clone.
#[derive(Clone)]
pub struct Connection(quinn::Connection);

/// What arrives besides frames. Taken apart where it arrives and never kept, so its size is no matter.
#[allow(clippy::large_enum_variant)]
pub enum Event {
    /// The client opened a stream.
    Stream(Outbound, Inbound),
    Signal(Bytes),
    Closed,
}

impl Connection {
    pub fn address(&self) -> SocketAddr {
        self.0.remote_address()
    }

    /// The next stream or signal. Cancel-safe.
    pub async fn event(&self) -> Event {
        tokio::select! {
            stream = self.0.accept_bi() => match stream {
                Ok((send, receive)) => Event::Stream(Outbound::new(send), Inbound::new(receive)),
                Err(_) => Event::Closed,
            },
            datagram = self.0.read_datagram() => match datagram {
                Ok(datagram) => Event::Signal(datagram),
                Err(_) => Event::Closed,
            },
        }
    }

    /// The push stream. The client allows several, so this does not wait.
    pub async fn open_push(&self) -> Option<Outbound> {
        self.0.open_uni().await.ok().map(Outbound::new)
    }

    /// Sends a signal; dropped where the link is full or takes none.
    pub fn send_signal(&self, signal: Bytes) {
        let _ = self.0.send_datagram(signal);
    }

    /// Ends the link with a code of the protocol's table.
    pub fn close(&self, code: Code, reason: &str) {
        self.0
            .close(VarInt::from_u32(code.0.into()), reason.as_bytes());
    }

    pub async fn closed(&self) {
        self.0.closed().await;
    }

    pub fn is_closed(&self) -> bool {
        self.0.close_reason().is_some()
    }
}
