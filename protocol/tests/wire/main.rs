//! The wire as it is written, read, refused and specified.

#![allow(clippy::unwrap_used)]

#[macro_use]
#[path = "../common/mod.rs"]
mod common;

mod compression;
mod document;
mod golden;
mod handshake;
mod link;
mod pair;
mod reader;
mod recorded;
mod round_trip;
mod table;
mod tcp;
mod wincode_bytes;
