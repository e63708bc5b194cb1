//! Every limit of the QUIC transport, set on purpose: the library's defaults suit bulk transfer,
//! not thousands of quiet links in one process.
//!
//! Keep-alive, as quinn-proto 0.11 does it: the timer starts anew with every packet that is
//! authenticated and with every packet that is sent, whether it asks for an acknowledgement or not.
//! When it fires, a PING goes out, and the peer's QUIC stack acknowledges it within the 25 ms of its
//! acknowledgement delay; its application never hears of it. So on a link that is otherwise silent
//! one packet goes each way per interval, a busy link pays nothing, and an unanswered PING is sent
//! again by loss recovery (after about RTT + 25 ms, doubling), several times within the 1.5 s that a
//! probe has. Sending alone also postpones the PING, but whatever was sent is acknowledged too.

use std::sync::Arc;
use std::time::Duration;

use quinn::{AckFrequencyConfig, IdleTimeout, MtuDiscoveryConfig, TransportConfig, VarInt};

use super::probe::{Attention, Pace};

/// The server opens one stream, for batches and user entries.
const PUSH_STREAMS: u32 = 1;
/// The server opens no bidirectional streams.
const SERVER_BIDI_STREAMS: u32 = 0;
/// Bytes of one stream that may be under way, unread: a page at its largest in one round trip.
const STREAM_WINDOW_BYTES: u32 = 256 * 1024;
/// Bytes of all streams under way: a page and a download beside the pushes. Nothing is set aside
/// for it; only a link that is not read comes to hold so much.
const RECEIVE_WINDOW_BYTES: u32 = 512 * 1024;
/// Bytes sent and not yet acknowledged; more waits in the link's own bounded queue.
const SEND_WINDOW_BYTES: u64 = 256 * 1024;
/// Signals that wait to be sent, bytes: the oldest are dropped, and old ones are worthless.
const DATAGRAM_SEND_BYTES: usize = 8 * 1024;
/// Signals that wait to be read, bytes: a digest of each open room that is on screen.
const DATAGRAM_RECEIVE_BYTES: usize = 16 * 1024;
/// Handshake bytes that arrive out of order, bytes: a certificate chain fits.
const CRYPTO_BUFFER_BYTES: usize = 16 * 1024;
/// Packets after which the server acknowledges: its acknowledgements cost a wake-up here, ours its.
const ACK_ELICITING: u32 = 10;
/// The longest the server may hold an acknowledgement back.
const ACK_DELAY: Duration = Duration::from_millis(25);
/// Packets out of order that are acknowledged at once: one below the loss threshold.
const ACK_REORDERING: u32 = 2;
/// Round trip assumed before the first is measured: a lost first packet is sent again after three
/// of it. The standard's 333 ms would lose a second of the four that a restart may take.
const INITIAL_RTT: Duration = Duration::from_millis(200);
/// Largest packet before discovery, bytes: passes every QUIC path.
const INITIAL_MTU_BYTES: u16 = 1_200;
/// Discovery ends within so many bytes of what passes: two probes, one for tunnels and one for
/// Ethernet. Each is padding that the other side reads byte by byte.
const MTU_STEP_BYTES: u16 = 100;

/// The configuration for links of this attention and pace; to be shared by all of them.
pub(super) fn config(attention: Attention, pace: Pace) -> Arc<TransportConfig> {
    let mut acks = AckFrequencyConfig::default();
    acks.ack_eliciting_threshold(VarInt::from_u32(ACK_ELICITING))
        .max_ack_delay(Some(ACK_DELAY))
        .reordering_threshold(VarInt::from_u32(ACK_REORDERING));
    let mut discovery = MtuDiscoveryConfig::default();
    discovery.minimum_change(MTU_STEP_BYTES);
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(SERVER_BIDI_STREAMS))
        .max_concurrent_uni_streams(VarInt::from_u32(PUSH_STREAMS))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW_BYTES))
        .receive_window(VarInt::from_u32(RECEIVE_WINDOW_BYTES))
        .send_window(SEND_WINDOW_BYTES)
        .datagram_send_buffer_size(DATAGRAM_SEND_BYTES)
        .datagram_receive_buffer_size(Some(DATAGRAM_RECEIVE_BYTES))
        .crypto_buffer_size(CRYPTO_BUFFER_BYTES)
        .ack_frequency_config(Some(acks))
        .initial_rtt(INITIAL_RTT)
        .initial_mtu(INITIAL_MTU_BYTES)
        .mtu_discovery_config(Some(discovery))
        .keep_alive_interval(Some(pace.quiet(attention)))
        // Of this and the server's own the shorter holds.
        .max_idle_timeout(IdleTimeout::try_from(pace.idle()).ok());
    Arc::new(transport)
}
