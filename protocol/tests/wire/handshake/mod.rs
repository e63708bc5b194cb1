//! Both sides of the handshake, one at a time: the good story, every wrong order, every bound.

mod client;
mod plans;
mod server;

use parlor_protocol::Kind;
use parlor_protocol::frame::{Frame, Header};

use crate::common::bodies::one_frame;
use crate::common::story;

pub(super) const NOW_MS: u64 = 1_000;

pub(super) fn frame_of(kind: Kind, request: u32) -> Frame {
    one_frame(story::frame_of(kind).bytes(request))
}

/// A frame of a type that is not known yet.
pub(super) fn from_later(flags: u8, request: u32) -> Frame {
    let header = Header {
        kind: Kind(0x7001),
        revision: 1,
        flags,
        request,
    };
    Frame {
        header,
        body: vec![1, 2, 3].into(),
    }
}
