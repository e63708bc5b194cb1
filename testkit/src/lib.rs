//! What tests of Parlor are made of: lossy networks, free ports, bounded waiting,
//! and the history checker that judges a whole run.
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
pub mod port;
pub mod process;
pub mod relay;
pub mod server;
pub mod wait;
