//! `parlor-bench`: a load of virtual users that checks every delivery, and the floor it is held
//! against.

pub mod accounts;
pub mod bare;
pub mod check;
pub mod measure;
pub mod plan;
pub mod timer;
pub mod user;
pub mod wire;
