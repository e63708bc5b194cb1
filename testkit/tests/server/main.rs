//! A real server in this process, real clients over QUIC: what people may rely on.

#![allow(clippy::unwrap_used)]

mod accounts;
mod common;
mod conditional;
mod drain;
mod first_talk;
mod hostile;
mod limits;
mod messages;
mod newcomers;
mod permissions;
mod rooms;
mod sessions;
mod signals;
mod sync;
mod tcp;
mod texts;
