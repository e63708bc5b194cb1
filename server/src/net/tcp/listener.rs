//! The TCP socket that links come in by, on the same port number as UDP.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use parlor_protocol::ALPN;
use parlor_protocol::tcp::ALPN_BULK;
use rustix::process::{Resource, getrlimit};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use crate::net::endpoint::{Bound, EndpointError, Settings};

/// Connections that the kernel holds until they are accepted.
const BACKLOG: i32 = 1_024;
/// Bytes of one connection that the kernel holds, each way. As QUIC's windows.
const SEND_BUFFER_BYTES: usize = 256 * 1024;
const RECEIVE_BUFFER_BYTES: usize = 64 * 1024;
/// Bytes not yet sent above which the kernel takes no more: what waits in the link's own queue can
/// still be dropped, or be overtaken.
#[cfg(target_os = "linux")]
const UNSENT_BYTES: u32 = 32 * 1024;
/// Pause after a failed accept: the process is out of descriptors, and others have to give theirs back.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Descriptors that are kept for everything but connections over TCP, which take one each: database,
/// HTTP, tools.
pub const DESCRIPTORS_KEPT: u64 = 256;

/// Takes the TCP port.
pub(in crate::net) fn listen(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    // Connections of an earlier run that wind down do not hold the port; a running program does.
    socket.set_reuse_address(true)?;
    let _ = socket.set_send_buffer_size(SEND_BUFFER_BYTES / 2);
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES);
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Accepts connections over TCP.
pub struct Listener {
    socket: TcpListener,
    tls: Arc<rustls::ServerConfig>,
    heartbeat: Duration,
    idle: Duration,
    open: Rc<Cell<u64>>,
    /// Connections at one time, handshakes and transfers included; more are hung up on.
    most: u64,
}

/// One of the connections that are open.
pub(super) struct Open(Rc<Cell<u64>>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

/// A connection whose handshake has not begun. Its address is proven: the kernel has shaken hands.
pub struct Dialled {
    pub(super) tcp: TcpStream,
    pub(super) address: SocketAddr,
    pub(super) tls: Arc<rustls::ServerConfig>,
    pub(super) idle: Duration,
    pub(super) open: Open,
}

impl Listener {
    /// Must be called within the runtime that will drive it, once.
    pub fn new(
        bound: &mut Bound,
        tls: &rustls::ServerConfig,
        settings: &Settings,
    ) -> Result<Self, EndpointError> {
        let address = bound.address;
        let failed = |error| EndpointError::Listen { address, error };
        let socket = bound.take_tcp().map_err(failed)?;
        let mut tls = tls.clone();
        tls.alpn_protocols = vec![ALPN.to_vec(), ALPN_BULK.to_vec()];
        Ok(Self {
            socket: TcpListener::from_std(socket).map_err(failed)?,
            tls: Arc::new(tls),
            heartbeat: settings.heartbeat,
            idle: settings.idle,
            open: Rc::default(),
            most: getrlimit(Resource::Nofile)
                .current
                .map_or(u64::MAX, |limit| limit.saturating_sub(DESCRIPTORS_KEPT)),
        })
    }

    /// The next connection.
    pub async fn accept(&self) -> Dialled {
        loop {
            match self.socket.accept().await {
                // Hung up on: who dials tries again, and others have the descriptors.
                Ok(_) if self.open.get() >= self.most => {}
                Ok((tcp, address)) => {
                    self.open.set(self.open.get() + 1);
                    // A connection that is gone already refuses them, and is found out later.
                    let _ = self.set_up(&tcp);
                    return Dialled {
                        tcp,
                        address,
                        tls: self.tls.clone(),
                        idle: self.idle,
                        open: Open(self.open.clone()),
                    };
                }
                Err(error) => {
                    tracing::debug!(%error, "accepting a TCP connection failed");
                    sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    }

    fn set_up(&self, tcp: &TcpStream) -> io::Result<()> {
        tcp.set_nodelay(true)?;
        let socket = SockRef::from(tcp);
        let keepalive = TcpKeepalive::new().with_time(self.heartbeat);
        #[cfg(not(windows))]
        let keepalive = keepalive.with_interval(self.heartbeat);
        socket.set_tcp_keepalive(&keepalive)?;
        #[cfg(target_os = "linux")]
        {
            socket.set_tcp_notsent_lowat(UNSENT_BYTES)?;
            // Bytes that nobody acknowledges end the connection as silence does.
            socket.set_tcp_user_timeout(Some(self.idle))?;
        }
        Ok(())
    }
}

impl Dialled {
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}
