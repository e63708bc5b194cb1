//! From a TCP connection to what it is for: a link, or one bulk transfer of a link.

use std::rc::Rc;

use bytes::BytesMut;
use parlor_protocol::limit::LINK_TOKEN_BYTES;
use parlor_protocol::tcp::{ALPN_BULK, LinkToken};
use parlor_protocol::{ALPN, frame};
use parlor_protocol::{Code, Refusal};
use tokio_rustls::TlsAcceptor;

use super::Dialled;
use super::pipe::Pipe;
use crate::net::connection::Connection;
use crate::net::inbound::Inbound;
use crate::net::outbound::Outbound;

/// What a connection is for. Taken apart where it arrives and never kept.
#[allow(clippy::large_enum_variant)]
pub enum Came {
    Link(Connection),
    Bulk(BulkConnection),
}

/// A connection for one bulk transfer of the link that its token names.
pub struct BulkConnection {
    pub token: LinkToken,
    pub outbound: Outbound,
    pub inbound: Inbound,
    pipe: Rc<Pipe>,
}

/// What is left of one: see [`Ending::linger`].
pub struct Ending(Rc<Pipe>);

impl Dialled {
    /// Completes the handshake; `None` when the client broke off or speaks something else.
    pub async fn complete(self) -> Option<Came> {
        let stream = TlsAcceptor::from(self.tls).accept(self.tcp).await.ok()?;
        let (tcp, tls) = stream.into_inner();
        let name = tls.alpn_protocol().map(<[u8]>::to_vec);
        let pipe = Rc::new(Pipe::new(tcp, tls, self.address, self.idle, self.open));
        match name.as_deref() {
            Some(ALPN) => Some(Came::Link(Connection::over_tcp(pipe))),
            Some(ALPN_BULK) => BulkConnection::read(pipe).await.map(Came::Bulk),
            _ => None,
        }
    }
}

impl BulkConnection {
    async fn read(pipe: Rc<Pipe>) -> Option<Self> {
        let mut head = BytesMut::new();
        while head.len() < LINK_TOKEN_BYTES {
            head.extend_from_slice(&pipe.chunk().await.ok()??);
        }
        let mut token = [0; LINK_TOKEN_BYTES];
        token.copy_from_slice(&head.split_to(LINK_TOKEN_BYTES));
        Some(Self {
            token: LinkToken(token),
            outbound: Outbound::over_tcp(pipe.clone()),
            inbound: Inbound::over_tcp(pipe.clone(), head.freeze()),
            pipe,
        })
    }

    /// The halves, and what remains when they are done with.
    pub fn split(self) -> (Outbound, Inbound, Ending) {
        (self.outbound, self.inbound, Ending(self.pipe))
    }

    /// Answers that there will be no transfer.
    pub async fn refuse(self, code: Code) {
        let mut outbound = self.outbound;
        outbound.push(frame::encode(0, &Refusal::new(code)), 0);
        if outbound.send_all(bytes::Bytes::new()).await {
            self.pipe.linger().await;
        }
    }
}

impl Ending {
    /// Waits until the client has taken the answer, within bounds.
    pub async fn linger(self) {
        self.0.linger().await;
    }
}
