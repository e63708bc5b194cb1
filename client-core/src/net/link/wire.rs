//! What carries a link: QUIC, or TCP where UDP does not get through.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quinn::VarInt;

use super::CloseReason;
use crate::net::tcp::Tcp;

/// What carries a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// QUIC over UDP: the usual way.
    Quic,
    /// TLS over TCP, for networks that let no UDP through.
    Tcp,
}

/// The connection of a link; cheap to clone.
#[derive(Clone, Debug)]
pub(in crate::net) enum Wire {
    Quic(quinn::Connection),
    Tcp(Arc<Tcp>),
}

impl Wire {
    pub(super) fn transport(&self) -> Transport {
        match self {
            Self::Quic(_) => Transport::Quic,
            Self::Tcp(_) => Transport::Tcp,
        }
    }

    /// The server's address; IPv4 as such, also on a socket that carries both families.
    pub(super) fn address(&self) -> SocketAddr {
        let address = match self {
            Self::Quic(quic) => quic.remote_address(),
            Self::Tcp(tcp) => tcp.address(),
        };
        SocketAddr::new(address.ip().to_canonical(), address.port())
    }

    /// What came from the server so far: datagrams, or readings of the stream.
    pub(super) fn heard(&self) -> u64 {
        match self {
            Self::Quic(quic) => quic.stats().udp_rx.datagrams,
            Self::Tcp(tcp) => tcp.heard(),
        }
    }

    pub(super) fn rtt(&self) -> Duration {
        match self {
            Self::Quic(quic) => quic.rtt(),
            Self::Tcp(tcp) => tcp.rtt(),
        }
    }

    pub(super) fn close(&self, code: u32, reason: &[u8]) {
        match self {
            Self::Quic(quic) => quic.close(VarInt::from_u32(code), reason),
            Self::Tcp(tcp) => tcp.close(CloseReason::Local),
        }
    }

    pub(super) async fn closed(&self) {
        match self {
            Self::Quic(quic) => drop(quic.closed().await),
            Self::Tcp(tcp) => tcp.ended().await,
        }
    }

    pub(super) fn close_reason(&self) -> Option<CloseReason> {
        match self {
            Self::Quic(quic) => quic.close_reason().map(CloseReason::from),
            Self::Tcp(tcp) => tcp.closed(),
        }
    }
}
