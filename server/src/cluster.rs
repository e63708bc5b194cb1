//! What makes one installation of many nodes: the file they share, and how they tell each other
//! what happened ([`Peers`]).

pub mod file;
mod hear;
mod peers;
mod watch;

pub use file::{ClusterFile, ClusterFileError};
pub use peers::Peers;
pub use watch::watch;
