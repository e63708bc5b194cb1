//! The only part of the server that names quinn: endpoint, connections, streams; and the same over
//! TCP where UDP does not get through.

mod connection;
mod connection_id;
mod endpoint;
mod inbound;
mod outbound;
#[cfg(test)]
pub(crate) mod pair;
mod queue;
mod tcp;
mod transport;

pub use connection::{Connection, Event, Pending};
pub use endpoint::{Bound, Endpoint, EndpointError, Keys, Settings, Transport, bind};
pub use inbound::{Inbound, InboundError};
pub use outbound::{Flushed, Gather, Outbound};
pub use tcp::{BulkConnection, Came, DESCRIPTORS_KEPT, Dialled, Listener};
