//! Links over TLS on TCP, for networks that let no UDP through.

mod connect;
mod pipe;

pub(super) use connect::{Purpose, connect};
pub(super) use pipe::{Stream, Tcp, broken};
