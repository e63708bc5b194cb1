//! The link against a real QUIC server in the same process; one such test at a time.

#![allow(unreachable_pub, clippy::unwrap_used)]

mod bulk;
mod dial;
mod end;
mod link;
mod nodes;
mod supervisor;
mod support;
