//! The wire of Parlor: ids, frames, bodies, limits, versions and errors.
//!
//! No I/O and no async: bytes in, values out. `docs/wire.md` specifies the same for readers who
//! write a client in another language.

pub mod account;
pub mod bus;
pub mod codec;
pub mod conditional;
pub mod error;
pub mod extension;
pub mod frame;
pub mod hello;
pub mod id;
pub mod kind;
pub mod limit;
pub mod link;
pub mod message;
pub mod room;
pub mod session;
pub mod signal;
pub mod sync;
pub mod tcp;

pub use error::{Code, Refusal};
pub use extension::Extensions;
pub use frame::{Frame, Header};
pub use id::{Epoch, RoomId, SendKey, SessionId, UserId};
pub use kind::{Body, Kind};

/// ALPN name of the protocol on QUIC and on TLS over TCP.
pub const ALPN: &[u8] = b"parlor/1";
/// Newest minor version this code speaks.
pub const MINOR_NEWEST: u16 = 0;
/// Oldest minor version this code still speaks (N−1 once there is one).
pub const MINOR_OLDEST: u16 = 0;
/// Default port, UDP and TCP.
pub const DEFAULT_PORT: u16 = 7443;
