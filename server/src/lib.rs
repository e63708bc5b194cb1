//! Parlor's server: one binary, from a newcomer's laptop to a node of a cluster.
//!
//! A shard (`shard`, `net`) holds links on one thread; the core (`handler`, `room`, `cache`, `store`) answers
//! and commits; `node` joins the two. `cli` is what an operator types, `ops` what they watch.

pub mod address;
pub mod archive;
pub mod bus;
pub mod cache;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod data;
pub mod database;
mod dispatch;
pub mod guard;
pub mod handler;
pub mod key;
pub mod mutation;
pub mod net;
pub mod node;
pub mod ops;
pub mod redis;
pub mod room;
pub mod server;
pub mod shard;
pub mod store;

pub use server::{Server, StartError, start};
