//! The only part of the server that names quinn: endpoint, connections, streams.

mod connection;
mod connection_id;
mod endpoint;
mod inbound;
mod outbound;
#[cfg(test)]
pub(crate) mod pair;
mod transport;

pub use connection::{Connection, Event, Pending};
pub use endpoint::{Bound, Endpoint, EndpointError, Keys, Settings, bind};
pub use inbound::{Inbound, InboundError};
pub use outbound::{Flushed, Gather, Outbound};
