//! The sockets of the port, and the QUIC endpoint on UDP.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::QuicServerConfig;
use quinn::{EndpointConfig, ServerConfig, TokioRuntime, VarInt};
use socket2::{Domain, Protocol, Socket, Type};

use super::connection::Pending;
use super::connection_id::ConnectionIds;
use super::{tcp, transport};

/// After a restart clients learn by a stateless reset that their link is gone. The library gives all
/// datagrams of one reading the same instant, so that any pause between resets means one of them a
/// reading; whoever gets none waits for its next PING. A reset is smaller than what asked for it.
const MIN_RESET_INTERVAL: Duration = Duration::ZERO;
/// Handshakes that wait to be accepted; more are dropped by the endpoint and tried again by clients.
const MAX_INCOMING: usize = 4_096;
/// First flights that wait with them, bytes, one and all.
const INCOMING_BUFFER_BYTES: u64 = 16 * 1024;
const INCOMING_BUFFER_TOTAL_BYTES: u64 = 16 * 1024 * 1024;

/// What of the settings concerns the endpoint.
#[derive(Clone, Debug)]
pub struct Settings {
    pub address: SocketAddr,
    pub socket_buffer_bytes: usize,
    pub heartbeat: Duration,
    pub idle: Duration,
}

/// Keys that outlive the process, so that stateless resets are believed after a crash.
#[derive(Clone)]
pub struct Keys {
    pub reset: [u8; 32],
    pub connection_ids: u64,
}

/// Times a free port is looked for whose number is free for TCP as well.
const PORT_TRIES: u32 = 32;

/// A UDP socket and a TCP socket of one port number, taken and not yet in use.
pub struct Bound {
    socket: UdpSocket,
    tcp: Option<TcpListener>,
    pub address: SocketAddr,
    /// What the kernel gave, bytes.
    pub receive_buffer_bytes: usize,
    pub send_buffer_bytes: usize,
}

#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    #[error(
        "{transport} port {port} is in use by another program: stop it, or choose another port with --port or listen.port"
    )]
    PortInUse { transport: Transport, port: u16 },
    #[error(
        "{transport} port {port} needs rights this program does not have: choose a port above 1023, or run with CAP_NET_BIND_SERVICE"
    )]
    PortForbidden { transport: Transport, port: u16 },
    #[error("cannot listen on {address}: {error}")]
    Listen {
        address: SocketAddr,
        error: io::Error,
    },
    #[error("the TLS settings do not fit QUIC: {0}")]
    Tls(String),
}

/// What a port is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Udp,
    Tcp,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        })
    }
}

/// Takes the port for UDP and TCP, IPv6 and IPv4 on one socket where the address is `::`. The port
/// is never shared, so that a second server on it is refused.
pub fn bind(settings: &Settings) -> Result<Bound, EndpointError> {
    for _ in 1..PORT_TRIES {
        match bind_both(settings) {
            // Any port will do: the next one may be free for both.
            Err(EndpointError::PortInUse { .. }) if settings.address.port() == 0 => {}
            other => return other,
        }
    }
    bind_both(settings)
}

fn bind_both(settings: &Settings) -> Result<Bound, EndpointError> {
    let mut bound = bind_udp(settings)?;
    let address = bound.address;
    let listener = tcp::listen(address);
    let listener = listener.map_err(|error| refused(error, Transport::Tcp, address))?;
    bound.tcp = Some(listener);
    Ok(bound)
}

fn bind_udp(settings: &Settings) -> Result<Bound, EndpointError> {
    match bind_at(settings.address, settings) {
        Err(EndpointError::Listen { error, .. })
            if settings.address.ip().is_unspecified()
                && settings.address.is_ipv6()
                && error.raw_os_error() == Some(NO_ADDRESS_FAMILY) =>
        {
            let v4 = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), settings.address.port());
            bind_at(v4, settings)
        }
        other => other,
    }
}

/// EAFNOSUPPORT on Linux: a kernel without IPv6.
const NO_ADDRESS_FAMILY: i32 = 97;

fn bind_at(address: SocketAddr, settings: &Settings) -> Result<Bound, EndpointError> {
    let open = || -> io::Result<Bound> {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::DGRAM,
            Some(Protocol::UDP),
        )?;
        if address.is_ipv6() {
            socket.set_only_v6(!address.ip().is_unspecified())?;
        }
        // Best effort: what the kernel forbids is seen in what it gives, and said by the caller.
        let _ = socket.set_recv_buffer_size(settings.socket_buffer_bytes);
        let _ = socket.set_send_buffer_size(settings.socket_buffer_bytes);
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        // Linux reports twice what was asked for, its own bookkeeping included.
        let receive_buffer_bytes = socket.recv_buffer_size()? / 2;
        let send_buffer_bytes = socket.send_buffer_size()? / 2;
        let socket: UdpSocket = socket.into();
        Ok(Bound {
            address: socket.local_addr()?,
            socket,
            tcp: None,
            receive_buffer_bytes,
            send_buffer_bytes,
        })
    };
    open().map_err(|error| refused(error, Transport::Udp, address))
}

fn refused(error: io::Error, transport: Transport, address: SocketAddr) -> EndpointError {
    let port = address.port();
    match error.kind() {
        io::ErrorKind::AddrInUse => EndpointError::PortInUse { transport, port },
        io::ErrorKind::PermissionDenied => EndpointError::PortForbidden { transport, port },
        _ => EndpointError::Listen { address, error },
    }
}

impl Bound {
    /// The TCP socket, once.
    pub(super) fn take_tcp(&mut self) -> io::Result<TcpListener> {
        let taken = self.tcp.take();
        taken.ok_or_else(|| io::Error::other("the TCP socket was taken before"))
    }
}

/// Accepts links.
#[derive(Clone)]
pub struct Endpoint(quinn::Endpoint);

impl Endpoint {
    /// Must be called within the runtime that will drive it.
    pub fn new(
        bound: Bound,
        tls: Arc<rustls::ServerConfig>,
        keys: &Keys,
        settings: &Settings,
    ) -> Result<Self, EndpointError> {
        let crypto = QuicServerConfig::try_from(tls)
            .map_err(|error| EndpointError::Tls(error.to_string()))?;
        let mut server = ServerConfig::with_crypto(Arc::new(crypto));
        let mut no_tokens = quinn::ValidationTokenConfig::default();
        // Tokens for a later visit would cost memory on both sides to save one round trip under load.
        no_tokens.sent(0);
        server
            .transport_config(transport::config(settings.heartbeat, settings.idle))
            .validation_token_config(no_tokens)
            .max_incoming(MAX_INCOMING)
            .incoming_buffer_size(INCOMING_BUFFER_BYTES)
            .incoming_buffer_size_total(INCOMING_BUFFER_TOTAL_BYTES)
            .migration(true);
        let reset_key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &keys.reset);
        let mut config = EndpointConfig::new(Arc::new(reset_key));
        let connection_ids = keys.connection_ids;
        config
            .cid_generator(move || Box::new(ConnectionIds::new(connection_ids)))
            .min_reset_interval(MIN_RESET_INTERVAL);
        let address = bound.address;
        let endpoint =
            quinn::Endpoint::new(config, Some(server), bound.socket, Arc::new(TokioRuntime))
                .map_err(|error| EndpointError::Listen { address, error })?;
        Ok(Self(endpoint))
    }

    /// The next handshake; `None` once closed.
    pub async fn accept(&self) -> Option<Pending> {
        self.0.accept().await.map(Pending::new)
    }

    /// Ends all links at once. Dials are not answered any more: who dials a server that ends is to
    /// find the one that follows it, which the next packet of the same dial does.
    pub fn close(&self, reason: &str) {
        self.0.set_server_config(None);
        self.0.close(VarInt::from_u32(0), reason.as_bytes());
    }

    /// Waits until the last packets of closed links have left.
    pub async fn idle(&self) {
        self.0.wait_idle().await;
    }
}
