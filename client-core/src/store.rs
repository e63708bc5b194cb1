//! What a client keeps, in two files: content that can be had again, and what can not.
//!
//! `content.db` is disposable: damaged or unreadable it is made anew. `outbox.db` never is. Both
//! are shared by all processes of a profile (WAL); whatever decides between processes is decided
//! inside one write transaction. In memory the same SQL runs on databases that vanish: for tests
//! and for whoever must leave no trace.

mod content;
mod database;
mod error;
mod messages;
mod outbox;
mod rooms;
mod row;
mod user;
mod value;

#[cfg(test)]
mod tests;

pub use content::{Content, Opened};
pub use error::StoreError;
pub use messages::PagePut;
pub use outbox::{MAX_ACKNOWLEDGED, Outbox};
pub use row::{
    Acknowledged, Failure, MessageRow, Meta, OutboxRow, PersonRow, RoomDetails, RoomRow, RoomWrite,
};
