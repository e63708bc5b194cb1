//! `parlor-bench`: a load of virtual users that checks every delivery, and the floor it is held
//! against.
//!
//! Rules without I/O: [`plan`] (what is sent when), [`check`] (what must arrive), [`user`] (what
//! each virtual user does), [`targets`] (what a run is held against). Around them: [`drive`] moves
//! bytes through client-core's links on a thread of its own, [`conduct`] goes through a run's
//! phases and samples the processes, [`scenario`] says which, [`report`] tells.

pub mod accounts;
pub mod bare;
pub mod check;
pub mod cli;
pub mod conduct;
pub mod corpus;
pub mod drive;
pub mod measure;
pub mod network;
pub mod plan;
pub mod preflight;
pub mod progress;
pub mod read_back;
pub mod report;
pub mod scenario;
pub mod server;
pub mod shape;
pub mod targets;
mod timer;
pub mod user;
