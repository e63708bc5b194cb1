//! A link over TCP, for networks that let no UDP through: the same frames in one stream each way.
//! What QUIC tells by the stream or datagram that a frame came in, the frame's type tells here.

use std::fmt;

use crate::extension::Extensions;
use crate::frame::Frame;
use crate::hello::Welcome;
use crate::kind::Way;
use crate::limit::{LINK_TOKEN_BYTES, SIGNAL_BYTES};

/// ALPN name of a connection that carries one bulk transfer of a link over TCP. The link itself
/// goes by [`ALPN`](crate::ALPN), as over QUIC.
pub const ALPN_BULK: &[u8] = b"parlor-bulk/1";

/// Tag of the welcome's extension that holds the [`LinkToken`].
pub const TAG_LINK_TOKEN: u16 = 1;

/// What the connections of a link's bulk transfers begin with: random, known to its client alone,
/// good for as long as the link. Never printed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LinkToken(pub [u8; LINK_TOKEN_BYTES]);

impl LinkToken {
    /// As the welcome carries it.
    pub fn extension(&self) -> Extensions {
        let mut ext = Extensions::NONE;
        // One extension of 32 bytes is within every bound.
        let _ = ext.push(TAG_LINK_TOKEN, self.0.to_vec());
        ext
    }

    /// That of a welcome; `None` over QUIC, where nobody needs one.
    pub fn of(welcome: &Welcome) -> Option<Self> {
        let value = welcome.ext.get(TAG_LINK_TOKEN)?;
        value.try_into().ok().map(Self)
    }
}

impl fmt::Debug for LinkToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkToken(…)")
    }
}

/// Where a frame that came over TCP belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lane {
    /// With those that come on a stream: in order, none left out.
    Stream(Frame),
    /// With those that come in datagrams.
    Signal(Frame),
    /// A signal larger than a datagram: left out.
    Nowhere,
}

impl Lane {
    pub fn of(frame: Frame) -> Self {
        match frame.header.kind.way() {
            Some(Way::Signal) if frame.body.len() > SIGNAL_BYTES => Self::Nowhere,
            Some(Way::Signal) => Self::Signal(frame),
            _ => Self::Stream(frame),
        }
    }
}
