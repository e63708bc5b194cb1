//! What servers lean on, private to one test or one load: a PostgreSQL, a Redis, free ports, and
//! a relay that is a bad network.
//!
//! A crate of its own, since both testkit and the load generator need it, and the generator must
//! neither link the server (which testkit does) nor be measured with it.
//!
//! Architecture invariant: names no other crate of Parlor, and nothing here is reached by a
//! program that people run.

pub mod port;
pub mod postgres;
pub mod redis;
pub mod relay;
pub mod shared;
pub mod wait;
