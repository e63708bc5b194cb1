//! The one surface that a face sees: commands in, views and changes out.
//!
//! ```no_run
//! # use parlor_client_core::api::*;
//! # use parlor_client_core::profile::Profile;
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let (core, mut changes) = Core::open(Profile::named(None)?, Options::app("parlor 0.1.0")).await?;
//! // Everything held is here already; the network comes when it comes.
//! let room = core.rooms()[0].id;
//! let timeline = core.timeline(room, Layout { height: 40, estimate: 2 });
//! loop {
//!     let screen = timeline.screen(|message, _| message.text.lines().count().max(1) as u32);
//!     // … draw `screen`, then wait for a key or for
//!     match changes.next().await {
//!         Change::Timeline(_) | Change::Link => continue, // read again what is on screen
//!         Change::Closed => return Ok(()),
//!         _ => {}
//!     }
//! }
//! # }
//! ```
//!
//! Calls that are not `async` answer from memory and never wait: not for the network, not for the
//! disk. Views are plain data; a change says only what to read again.

mod change;
mod command;
mod error;
mod options;
mod reader;
mod screen;
mod view;

pub(crate) use change::Queue;
pub use change::{Change, Changes, MAX_CHANGES, MAX_NOTICES, Notice, Notification};
pub use command::Core;
pub use error::*;
pub use options::{Layout, NewInvite, NewRoom, Options, SignUp};
pub use reader::Reader;
pub use screen::{RowView, ScreenView, Surroundings, Timeline, UnsentView};
pub use view::*;

pub use crate::net::{Attention, Transport, Trust};
pub use crate::timeline::{Align, Scrollbar};
pub use parlor_protocol::link::{JoinLink, LinkError, Pin, ServerAddress};
pub use parlor_protocol::{RoomId, SendKey, SessionId, UserId};
