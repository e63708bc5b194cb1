//! Every limit of the QUIC transport, set on purpose. The library's defaults suit bulk transfer,
//! not thousands of quiet links.

use std::sync::Arc;
use std::time::Duration;

use quinn::{AckFrequencyConfig, IdleTimeout, MtuDiscoveryConfig, TransportConfig, VarInt};

/// Control, command and at most six bulk transfers at once.
const BIDI_STREAMS: u32 = 8;
/// Clients have nothing to say on streams of one direction.
const UNI_STREAMS: u32 = 0;
/// Bytes sent and not yet acknowledged on one link; more waits in the link's own bounded queue.
const SEND_WINDOW_BYTES: u64 = 256 * 1024;
/// Bytes a client may have under way: commands are small, bulk uploads take several rounds.
const RECEIVE_WINDOW_BYTES: u32 = 64 * 1024;
/// Same for one stream.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
/// Signals that wait to be sent or read; the oldest are dropped.
const DATAGRAM_SEND_BYTES: usize = 8 * 1024;
const DATAGRAM_RECEIVE_BYTES: usize = 8 * 1024;
/// Handshake bytes out of order; a certificate chain fits.
const CRYPTO_BUFFER_BYTES: usize = 16 * 1024;
/// Packets after which the peer acknowledges, and the longest it may wait: each acknowledgement
/// costs a receive and a wake-up here.
const ACK_ELICITING: u32 = 10;
const ACK_DELAY: Duration = Duration::from_millis(25);
const ACK_REORDERING: u32 = 2;
/// Discovery of a larger packet ends within so many bytes of what passes: two probes, one for tunnels
/// and one for Ethernet. Each is padding that the other side reads byte by byte.
const MTU_STEP_BYTES: u16 = 100;

/// `heartbeat`, `idle`: see the settings of the same names.
pub(super) fn config(heartbeat: Duration, idle: Duration) -> Arc<TransportConfig> {
    let mut acks = AckFrequencyConfig::default();
    acks.ack_eliciting_threshold(VarInt::from_u32(ACK_ELICITING))
        .max_ack_delay(Some(ACK_DELAY))
        .reordering_threshold(VarInt::from_u32(ACK_REORDERING));
    let mut discovery = MtuDiscoveryConfig::default();
    discovery.minimum_change(MTU_STEP_BYTES);
    let mut transport = TransportConfig::default();
    transport
        .mtu_discovery_config(Some(discovery))
        .max_concurrent_bidi_streams(VarInt::from_u32(BIDI_STREAMS))
        .max_concurrent_uni_streams(VarInt::from_u32(UNI_STREAMS))
        .send_window(SEND_WINDOW_BYTES)
        .receive_window(VarInt::from_u32(RECEIVE_WINDOW_BYTES))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW_BYTES))
        .datagram_send_buffer_size(DATAGRAM_SEND_BYTES)
        .datagram_receive_buffer_size(Some(DATAGRAM_RECEIVE_BYTES))
        .crypto_buffer_size(CRYPTO_BUFFER_BYTES)
        .ack_frequency_config(Some(acks))
        .keep_alive_interval(Some(heartbeat))
        .max_idle_timeout(IdleTimeout::try_from(idle).ok());
    Arc::new(transport)
}
