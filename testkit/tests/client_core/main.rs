//! The whole client core against a real server over real QUIC, as a face uses it.

#![allow(clippy::unwrap_used)]

mod face;
mod files;
mod links;
mod lists;
mod outages;
mod outbox;
mod reading;
mod restores;
mod sessions;
mod talk;
mod without_udp;
