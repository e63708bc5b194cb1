//! One small story told in frames: Ada comes in by a join link, meets Bo, and they talk. Every
//! type has its place in it; its frames are the golden bytes and the worked example of the
//! specification, so a value here is never changed, only added to.

mod conditional;
mod entering;
mod nodes;
mod people;
mod rooms;
mod sync;
mod talk;

use bytes::Bytes;
use parlor_protocol::frame;
use parlor_protocol::{Body, Extensions, Kind, RoomId, SendKey, SessionId, UserId};

pub use conditional::*;
pub use entering::*;
pub use nodes::*;
pub use people::*;
pub use rooms::*;
pub use sync::*;
pub use talk::*;

/// 2026-11-20 18:00:00 UTC, ms since the Unix epoch.
pub const EVENING_MS: u64 = 1_795_197_600_000;
/// The request number that golden requests and replies carry.
const REQUEST: u32 = 7;

pub fn ada() -> UserId {
    "01a1fa1d-8100-7000-8000-0000000000ad".parse().unwrap()
}

pub fn bo() -> UserId {
    "01a1fa1d-8100-7000-8000-0000000000b0".parse().unwrap()
}

pub fn kitchen() -> RoomId {
    "01a1fa1d-8100-7000-8000-000000000c17".parse().unwrap()
}

pub fn phone() -> SessionId {
    "01a1fa1d-8100-7000-8000-000000000f01".parse().unwrap()
}

/// The send key of Ada's message number `number`.
pub fn key(number: u8) -> SendKey {
    let mut key: SendKey = "01a1fa1d-8100-7000-8000-000000005e00".parse().unwrap();
    key.0[15] = number;
    key
}

/// An addition that no version knows yet: readers carry it along.
pub fn later() -> Extensions {
    let mut ext = Extensions::NONE;
    ext.push(900, b"later".to_vec()).unwrap();
    ext
}

/// A frame of the story with the number it is frozen under.
pub struct Told {
    pub kind: Kind,
    pub revision: u8,
    encode: Box<dyn Fn(u32) -> Bytes>,
}

impl Told {
    fn new<T: Body + 'static>(body: T) -> Self {
        Self {
            kind: T::KIND,
            revision: T::REVISION,
            encode: Box::new(move |request| frame::encode(request, &body)),
        }
    }

    /// The frame as a request, or the reply to one.
    pub fn bytes(&self, request: u32) -> Bytes {
        (self.encode)(request)
    }

    /// The frame that is frozen.
    pub fn golden(&self) -> Bytes {
        use parlor_protocol::kind::Way;
        match self.kind.way() {
            Some(Way::Request | Way::Reply) => self.bytes(REQUEST),
            _ => self.bytes(0),
        }
    }
}

/// One frame of every type, in the order of the table.
pub fn every_frame() -> Vec<Told> {
    let mut all = entering::frames();
    all.extend(people::frames());
    all.extend(rooms::frames());
    all.extend(talk::frames());
    all.extend(sync::frames());
    all.extend(nodes::frames());
    all.sort_by_key(|told| told.kind);
    all
}

/// The golden frame of a type.
pub fn frame_of(kind: Kind) -> Told {
    let mut all = every_frame();
    let at = all.iter().position(|told| told.kind == kind);
    all.swap_remove(at.unwrap_or_else(|| panic!("{kind:?} has no frame in the story")))
}
