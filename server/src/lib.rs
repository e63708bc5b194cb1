//! Under construction.
pub mod config;
pub mod data;
pub mod guard;
pub mod ops;
mod dispatch;
pub mod handler;
pub mod net;
pub mod room;
pub mod shard;
pub mod store;
