//! Links over TLS on TCP, for networks that let no UDP through.

mod arrive;
mod listener;
mod pipe;
mod socket;
mod turns;

pub use arrive::{BulkConnection, Came};
pub(super) use listener::listen;
pub use listener::{DESCRIPTORS_KEPT, Dialled, Listener};
pub(super) use pipe::Pipe;
