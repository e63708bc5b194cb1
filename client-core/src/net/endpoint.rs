//! The UDP socket that links share.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use quinn::{EndpointConfig, TokioRuntime, TransportConfig, VarInt};
use socket2::{Domain, Protocol, Socket, Type};

use super::probe::{Attention, Pace};
use super::transport;
use super::udp::SilentUdp;

/// Socket buffers asked of the kernel, bytes: with its default of 208 KiB a storm of 500 connects
/// took 21 s, with this 0.4 s.
pub const SOCKET_BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// One UDP socket and the links on it; cheap to clone. A client needs one, a load generator a few:
/// each holds about 3 MB of receive buffer.
#[derive(Clone)]
pub struct Endpoint {
    quinn: quinn::Endpoint,
    buffers: SocketBuffers,
    foreground: Arc<TransportConfig>,
    background: Arc<TransportConfig>,
    silent_udp: Arc<SilentUdp>,
}

/// What the kernel gave for the [`SOCKET_BUFFER_BYTES`] asked, bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketBuffers {
    pub receive_bytes: usize,
    pub send_bytes: usize,
}

/// Why there is no socket to connect from.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    #[error(
        "cannot open a UDP socket: {0}; check the limit of open files and that a network is there"
    )]
    Socket(#[source] io::Error),
    #[error("cannot drive a UDP socket: {0}; it needs a running tokio runtime")]
    Runtime(#[source] io::Error),
}

impl SocketBuffers {
    /// What to tell an operator when a load of many links would lose packets; `None` when all is well.
    pub fn shortfall(&self) -> Option<String> {
        let least = self.receive_bytes.min(self.send_bytes);
        (least < SOCKET_BUFFER_BYTES).then(|| {
            format!(
                "the kernel gives UDP sockets {} KiB of buffer instead of {} KiB: raise net.core.rmem_max and net.core.wmem_max to {SOCKET_BUFFER_BYTES}",
                least / 1024,
                SOCKET_BUFFER_BYTES / 1024,
            )
        })
    }
}

impl Endpoint {
    /// Opens a socket on a port of the system's choice: IPv6 and IPv4, or IPv4 alone where the
    /// system has no IPv6. Must be called within the tokio runtime that is to drive it.
    pub fn open() -> Result<Self, EndpointError> {
        let (socket, buffers) = open_socket().map_err(EndpointError::Socket)?;
        let quinn = quinn::Endpoint::new(
            EndpointConfig::default(),
            None,
            socket,
            Arc::new(TokioRuntime),
        )
        .map_err(EndpointError::Runtime)?;
        Ok(Self {
            quinn,
            buffers,
            foreground: transport::config(Attention::Foreground, Pace::default()),
            background: transport::config(Attention::Background, Pace::default()),
            silent_udp: Arc::default(),
        })
    }

    pub fn buffers(&self) -> SocketBuffers {
        self.buffers
    }

    /// The address bound; its IP is unspecified.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.quinn.local_addr()
    }

    /// Links that are open or being made.
    pub fn links(&self) -> usize {
        self.quinn.open_connections()
    }

    /// Moves every link to a new socket after the machine's address changed. The servers follow
    /// when they validate the new path.
    pub fn rebind(&self) -> Result<(), EndpointError> {
        self.silent_udp.forget();
        let (socket, _) = open_socket().map_err(EndpointError::Socket)?;
        self.quinn.rebind(socket).map_err(EndpointError::Runtime)
    }

    /// Ends all links and waits until their last packets have left, at most for `within`.
    pub async fn close(&self, within: Duration) {
        self.quinn.close(VarInt::from_u32(0), b"");
        // What has not left by then is lost, and the servers give the links up by themselves.
        let _ = tokio::time::timeout(within, self.quinn.wait_idle()).await;
    }

    /// Where UDP did not get through.
    pub(super) fn silent_udp(&self) -> &SilentUdp {
        &self.silent_udp
    }

    pub(super) fn reaches(&self, address: SocketAddr) -> bool {
        address.is_ipv4() || self.quinn.local_addr().is_ok_and(|local| local.is_ipv6())
    }

    pub(super) fn connect(
        &self,
        mut config: quinn::ClientConfig,
        attention: Attention,
        pace: Pace,
        address: SocketAddr,
        name: &str,
    ) -> Result<quinn::Connecting, quinn::ConnectError> {
        let usual = pace == Pace::default();
        config.transport_config(match attention {
            _ if !usual => transport::config(attention, pace),
            Attention::Foreground => self.foreground.clone(),
            Attention::Background => self.background.clone(),
        });
        self.quinn.connect_with(config, address, name)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("buffers", &self.buffers)
            .field("links", &self.links())
            .finish()
    }
}

fn open_socket() -> io::Result<(UdpSocket, SocketBuffers)> {
    open_at((Ipv6Addr::UNSPECIFIED, 0).into())
        .or_else(|_| open_at((Ipv4Addr::UNSPECIFIED, 0).into()))
}

fn open_at(address: SocketAddr) -> io::Result<(UdpSocket, SocketBuffers)> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    // Best effort: what the kernel forbids is seen in what it gives.
    let _ = socket.set_recv_buffer_size(SOCKET_BUFFER_BYTES);
    let _ = socket.set_send_buffer_size(SOCKET_BUFFER_BYTES);
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    let buffers = SocketBuffers {
        receive_bytes: given(socket.recv_buffer_size()?),
        send_bytes: given(socket.send_buffer_size()?),
    };
    Ok((socket.into(), buffers))
}

/// Linux reports twice what it gave, its own bookkeeping included.
fn given(reported_bytes: usize) -> usize {
    if cfg!(target_os = "linux") {
        reported_bytes / 2
    } else {
        reported_bytes
    }
}
