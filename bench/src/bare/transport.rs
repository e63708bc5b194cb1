//! The socket and the QUIC limits of the floor.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use quinn::{AckFrequencyConfig, IdleTimeout, TransportConfig, VarInt};
use socket2::{Domain, Protocol, Socket, Type};

/// Kernel buffers of a UDP socket, bytes: with the usual 208 KiB a storm of 500 handshakes takes
/// 21 s, with this much half a second.
pub(super) const SOCKET_BUFFER_BYTES: usize = 4 << 20;
/// Streams a peer may have open: control, command and a few bulk transfers.
const STREAMS: u32 = 8;
/// Bytes in flight to one link.
const SEND_WINDOW_BYTES: u64 = 256 << 10;
/// Bytes a peer may send before they are read, of one stream and of one link.
const RECEIVE_WINDOW_BYTES: u32 = 64 << 10;
/// Packets, delay and reordering after which a peer acknowledges: fewer acknowledgements are the
/// cheapest packets.
const ACK_AFTER_PACKETS: u32 = 10;
const ACK_DELAY: Duration = Duration::from_millis(25);
const ACK_REORDERING: u32 = 2;
/// Silence after which a link is given up.
const IDLE_MS: u32 = parlor_protocol::limit::IDLE_MS;
/// Datagrams waiting on one link, bytes.
const DATAGRAM_BUFFER_BYTES: usize = 32 << 10;
/// First packet size, bytes: what every IPv6 path carries; discovery finds more.
const INITIAL_MTU: u16 = 1200;

/// A bound, non-blocking socket with large buffers.
pub(super) fn bind_udp(address: SocketAddr) -> std::io::Result<UdpSocket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    // The kernel cuts these down to its limits without an error; the preflight names them.
    socket.set_recv_buffer_size(SOCKET_BUFFER_BYTES)?;
    socket.set_send_buffer_size(SOCKET_BUFFER_BYTES)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// The limits of every link.
pub(super) fn server_transport() -> Arc<TransportConfig> {
    let mut acks = AckFrequencyConfig::default();
    acks.ack_eliciting_threshold(VarInt::from_u32(ACK_AFTER_PACKETS))
        .max_ack_delay(Some(ACK_DELAY))
        .reordering_threshold(VarInt::from_u32(ACK_REORDERING));
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(STREAMS))
        .max_concurrent_uni_streams(VarInt::from_u32(STREAMS))
        .send_window(SEND_WINDOW_BYTES)
        .receive_window(VarInt::from_u32(RECEIVE_WINDOW_BYTES))
        .stream_receive_window(VarInt::from_u32(RECEIVE_WINDOW_BYTES))
        .datagram_receive_buffer_size(Some(DATAGRAM_BUFFER_BYTES))
        .datagram_send_buffer_size(DATAGRAM_BUFFER_BYTES)
        .ack_frequency_config(Some(acks))
        .initial_mtu(INITIAL_MTU)
        .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(IDLE_MS))));
    Arc::new(transport)
}
