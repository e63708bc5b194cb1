//! The floor: a quinn fan-out server with Parlor's frames and no application behind them.
//!
//! It keeps no accounts, checks no rights and stores nothing: whoever enters is who the token's
//! first half says, a post gets the next seq and rev of its room and is fanned out. What it costs
//! is what the transport costs, and every figure of a real server is held against it. Its layout
//! is the one that won in the measurements behind the design: one single-threaded runtime, one
//! central flusher over dirty groups of links, a 20 ms tick in 4 staggered slots, shared bytes.

mod hub;
mod identity;
mod link;
mod push;
mod serve;
mod transport;

pub use serve::{BareOptions, run};

/// Why a bare server cannot run.
#[derive(Debug, thiserror::Error)]
pub enum BareError {
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
    #[error("the cipher suites lack the one that QUIC needs for its first packets: {0}")]
    Suites(#[from] quinn::crypto::rustls::NoInitialCipherSuite),
    #[error("cannot open a UDP socket on {address}: {error}; choose another port")]
    Socket {
        address: std::net::SocketAddr,
        error: std::io::Error,
    },
    #[error("cannot start the runtime: {0}")]
    Runtime(std::io::Error),
}
