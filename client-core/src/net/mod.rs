//! The link to a server: the rules without I/O and what drives them.
//!
//! ```text
//! Endpoint (UDP socket, shared)     Target (address, trust, TLS tickets, shared)
//!        └───────────── Dial (attention, deadlines) ─────────────┘
//!                             │ Link::connect(&dial, flight)
//!             Link (sends, cheap to clone) · LinkEvents (receives, drives)
//! ```
//!
//! ```no_run
//! # use parlor_client_core::net::*;
//! # use parlor_protocol::{hello::*, message::*, session::Entry, sync::SyncUser, Extensions};
//! # async fn example(address: parlor_protocol::link::ServerAddress, pin: parlor_protocol::link::Pin,
//! #     token: Token, post: Post) -> Result<(), Box<dyn std::error::Error>> {
//! let endpoint = Endpoint::open()?;
//! let target = Target::with_tickets(address, Trust::Pins(vec![pin]), 1_000)?;
//! let dial = Dial::new(endpoint, target);
//!
//! let entry = Entry::Token(Enter { token, ext: Extensions::NONE });
//! let mut flight = Flight::new(&hello("parlor-bench 0.1.0", 0), &entry);
//! let sync = flight.request(&SyncUser { since: None, ext: Extensions::NONE });
//! let Connected { link, mut events, .. } = Link::connect(&dial, flight).await?;
//!
//! let posted = link.fire(&post)?; // open loop; `link.request` waits for a typed reply
//! loop {
//!     match events.next().await {
//!         LinkEvent::Push(batch) => println!("{} bytes of {:?}", batch.body.len(), batch.header.kind),
//!         LinkEvent::Reply { request, .. } if request == posted => println!("acknowledged"),
//!         LinkEvent::Reply { request, .. } if request == sync => println!("synchronised"),
//!         LinkEvent::Reply { .. } | LinkEvent::Signal(_) => {}
//!         LinkEvent::GoAway(_) => link.goodbye().await,
//!         LinkEvent::Closed(why) => return Err(why.into()),
//!     }
//! }
//! # }
//! ```
//!
//! A [`Supervisor`] keeps one link up for a person's client: dials, probes, moves, dials again.
//!
//! No task and no timer stand behind a link but quinn's own: whoever polls [`LinkEvents::next`]
//! drives it. A link ends when its events are dropped.

pub mod backoff;
pub mod probe;

mod dial;
mod endpoint;
mod error;
#[cfg(test)]
mod heavy;
pub mod link;
mod race;
pub mod supervisor;
mod target;
mod tcp;
mod tickets;
mod transport;
mod trust;
mod udp;

pub use dial::{Deadlines, Dial, Over};
pub use endpoint::{Endpoint, EndpointError, SOCKET_BUFFER_BYTES, SocketBuffers};
pub use error::ConnectError;
pub use link::{
    BulkError, CloseReason, Connected, Flight, Greeted, Link, LinkEvent, LinkEvents, RequestError,
    Transport, hello,
};
pub use probe::{Attention, Pace};
pub use supervisor::{LinkState, NewLink, Supervisor, SupervisorEvent};
pub use target::{TICKETS, Target};
pub use trust::{Trust, TrustError, pin_of};
