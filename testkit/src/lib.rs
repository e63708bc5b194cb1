//! What tests of Parlor are made of: real servers in this process or one of their own, private
//! Redis and nginx, lossy networks, hostile clients, recorded clients under chaos, and the history checker that judges a
//! whole run.
//!
//! Architecture invariant: nothing here is reached by a shipped program. The relay
//! and the checker decide in plain structs with a seed or a record passed in; what
//! touches sockets and files only moves bytes.

pub mod ask;
pub mod chaos;
pub mod checker;
pub mod client;
pub mod cluster;
pub mod device;
pub mod dump;
pub mod hostile;
#[cfg(target_os = "linux")]
pub mod netns;
pub mod nginx;
pub mod nodes;
pub mod process;
pub mod server;
pub mod skip;

// Where the load generator finds them, too.
pub use parlor_services::{port, postgres, redis, relay, shared, wait};
