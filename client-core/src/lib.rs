//! Everything a Parlor client is, without a face.

pub mod account;
pub mod api;
pub mod cache;
mod core;
pub mod log;
pub mod net;
pub mod notify;
pub mod outbox;
pub mod profile;
pub mod secret;
pub mod store;
pub mod sync;
pub mod text;
pub mod timeline;
