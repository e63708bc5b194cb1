//! The session handshake as rules without I/O, for both sides.
//!
//! The client opens the control stream and sends hello, its way to enter and its first requests in
//! one flight; the server answers in order. Frames that follow an entry wait until it is decided.

mod client;
mod server;

pub use client::{ClientHandshake, ClientStep, Entry, HandshakeError};
pub use server::{ServerHandshake, ServerStep};

use crate::error::{Code, Refusal};
use crate::hello::Hello;
use crate::limit::BODY_UNENTERED_BYTES;

/// What hello and welcome agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Negotiated {
    pub minor: u16,
    pub features: u64,
    /// Largest body the client takes, bytes.
    pub client_body_bytes: u32,
}

/// Settles version and features; the newest common minor version wins.
pub fn negotiate(
    hello: &Hello,
    oldest: u16,
    newest: u16,
    features: u64,
) -> Result<Negotiated, Refusal> {
    let minor = hello.minor_newest.min(newest);
    if minor < hello.minor_oldest.max(oldest) {
        let text = format!(
            "The client speaks versions {}–{}, this server {oldest}–{newest}; update the older one.",
            hello.minor_oldest, hello.minor_newest
        );
        return Err(Refusal::with_text(Code::VERSION, text));
    }
    if (hello.body_bytes as usize) < BODY_UNENTERED_BYTES {
        return Err(Refusal::with_text(
            Code::MALFORMED,
            "A client must take bodies of 4 KiB or more.",
        ));
    }
    Ok(Negotiated {
        minor,
        features: hello.features & features,
        client_body_bytes: hello.body_bytes,
    })
}
