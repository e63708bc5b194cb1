//! A client's session on one connection, of QUIC or of TCP.

mod bulk;
mod closed;
mod events;
mod flight;
mod greeted;
mod incoming;
mod outgoing;
mod request;
mod shared;
mod sink;
mod source;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parlor_protocol::frame;
use parlor_protocol::hello::{Entered, Goodbye, Ping, Pong, Welcome};
use parlor_protocol::kind::Body;
use tokio::time::timeout;

pub use bulk::{BULK_STALLED_AFTER, BulkError};
pub use closed::CloseReason;
pub use events::{LinkEvent, LinkEvents};
pub use flight::{Flight, hello};
pub use greeted::Greeted;
pub use request::RequestError;
pub use wire::Transport;
pub(super) use wire::Wire;

use super::dial::Dial;
use super::error::ConnectError;
use request::Waiter;
use shared::Shared;

/// How long a request waits for its reply.
pub const REQUEST_WITHIN: Duration = Duration::from_secs(10);
/// How long a goodbye may take to reach the server before the link is closed without.
pub const GOODBYE_WITHIN: Duration = Duration::from_secs(1);

/// Sends on a link; cheap to clone. What arrives comes out of [`LinkEvents`], which must be polled
/// for anything to move: replies, too, are read there.
#[derive(Clone, Debug)]
pub struct Link {
    shared: Arc<Shared>,
}

/// A link that is up and entered.
#[derive(Debug)]
pub struct Connected {
    pub link: Link,
    pub events: LinkEvents,
    pub welcome: Welcome,
    pub entered: Entered,
}

impl Link {
    /// Dials, sends the whole first flight in one write and waits until the session is entered.
    /// Replies to the flight's requests come as [`LinkEvent::Reply`].
    pub async fn connect(dial: &Dial, flight: Flight) -> Result<Connected, ConnectError> {
        Greeted::send(dial, flight).await?.entered(dial).await
    }

    /// Asks and waits for the reply, at most [`REQUEST_WITHIN`]. Requests leave in the order in
    /// which their futures are first polled.
    pub fn request<Q: Body, R: Body>(
        &self,
        body: &Q,
    ) -> impl Future<Output = Result<R, RequestError>> + Send + use<Q, R> {
        self.request_within(body, REQUEST_WITHIN)
    }

    /// Asks and waits for the reply, at most `within`. Dropped or late, the request may have been
    /// done all the same; its place among those in flight is free once the server answers.
    pub fn request_within<Q: Body, R: Body>(
        &self,
        body: &Q,
        within: Duration,
    ) -> impl Future<Output = Result<R, RequestError>> + Send + use<Q, R> {
        let shared = self.shared.clone();
        let asked = shared.encode(body);
        async move {
            let (request, bytes) = asked?;
            match timeout(within, shared.ask(request, bytes)).await {
                Ok(reply) => request::read_reply(&reply?),
                Err(_) => Err(RequestError::TimedOut { within }),
            }
        }
    }

    /// Asks without waiting: the reply comes as [`LinkEvent::Reply`] with the number returned. No
    /// allocation but the frame's own. Refused at once when too many requests wait for replies.
    pub fn fire<Q: Body>(&self, body: &Q) -> Result<u32, RequestError> {
        let (request, bytes) = self.shared.encode(body)?;
        self.shared.try_slot()?;
        self.shared.issue(request, Waiter::Event, bytes)?;
        Ok(request)
    }

    /// Sends a signal; `false` where it was dropped at once. It may be lost later.
    pub fn signal<B: Body>(&self, body: &B) -> bool {
        self.shared.signal(frame::encode(0, body))
    }

    /// Asks the server's application for a sign of life. QUIC asks the server's transport by itself;
    /// this is for when an answer is wanted now.
    pub async fn ping(&self, within: Duration) -> Result<Pong, RequestError> {
        let ping = Ping {
            opaque: 0,
            ext: parlor_protocol::Extensions::NONE,
        };
        self.request_within(&ping, within).await
    }

    /// What carries the link.
    pub fn transport(&self) -> Transport {
        self.shared.wire.transport()
    }

    /// Datagrams received from the server so far, of whatever kind, or readings of the stream: the
    /// link lives while it moves. Cheap, not free: for sampling, not for every frame.
    pub fn heard(&self) -> u64 {
        self.shared.wire.heard()
    }

    /// PINGs of the transport sent so far, by QUIC's keep-alive or loss recovery; TCP has none.
    pub fn pings_sent(&self) -> u64 {
        match &self.shared.wire {
            Wire::Quic(quic) => quic.stats().frame_tx.ping,
            Wire::Tcp(_) => 0,
        }
    }

    /// For how long the server has not heard from this side; nothing where the transport itself
    /// keeps the link alive.
    pub fn silent_for(&self) -> Duration {
        match &self.shared.wire {
            Wire::Quic(_) => Duration::ZERO,
            Wire::Tcp(tcp) => tcp.silent_for(),
        }
    }

    /// The round-trip time as QUIC estimates it; over TCP as it was measured last.
    pub fn rtt(&self) -> Duration {
        self.shared.wire.rtt()
    }

    /// A round trip was measured; QUIC knows better.
    pub(super) fn note_rtt(&self, rtt: Duration) {
        if let Wire::Tcp(tcp) = &self.shared.wire {
            tcp.note_rtt(rtt);
        }
    }

    /// The server's address.
    pub fn address(&self) -> SocketAddr {
        self.shared.wire.address()
    }

    /// Requests whose replies are outstanding.
    pub fn in_flight(&self) -> usize {
        self.shared.in_flight()
    }

    /// Why the link ended, `None` while it has not.
    pub fn closed(&self) -> Option<CloseReason> {
        self.shared.closed()
    }

    /// Tells the server that this link ends and ends it, within [`GOODBYE_WITHIN`].
    pub async fn goodbye(&self) {
        self.shared
            .send_control(frame::encode(0, &Goodbye::default()));
        let arrived = self.shared.finish_control();
        let told = async {
            tokio::select! {
                // Acknowledged by the server's transport, or the server closed first.
                () = arrived => {}
                () = self.shared.wire.closed() => {}
            }
        };
        // A goodbye that does not get through changes nothing: the link ends here.
        let _ = timeout(GOODBYE_WITHIN, told).await;
        self.close();
    }

    /// Ends the link at once.
    pub fn close(&self) {
        self.shared.wire.close(0, b"");
        self.shared.end(CloseReason::Local);
    }

    /// Uploads a long text's bytes on a stream of its own, behind everything else of this link.
    /// Gives up when nothing moves for
    /// [`BULK_STALLED_AFTER`].
    pub async fn put_text(
        &self,
        put: &parlor_protocol::message::PutText,
        text: Bytes,
    ) -> Result<(), BulkError> {
        bulk::put_text(&self.shared, put, text).await
    }

    /// Downloads a long text on a stream of its own; its length and hash are checked.
    pub async fn get_text(
        &self,
        get: &parlor_protocol::message::GetText,
    ) -> Result<Bytes, BulkError> {
        bulk::get_text(&self.shared, get).await
    }
}
