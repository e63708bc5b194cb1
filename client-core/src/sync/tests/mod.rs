#![allow(clippy::unwrap_used)]

mod converge;
mod gap;
mod model;
mod page;
mod user;
