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
pub mod device;
pub mod dump;
pub mod hostile;
#[cfg(target_os = "linux")]
pub mod netns;
pub mod nginx;
pub mod nodes;
pub mod port;
pub mod postgres;
pub mod process;
pub mod redis;
pub mod relay;
pub mod server;
pub mod skip;
pub mod wait;
