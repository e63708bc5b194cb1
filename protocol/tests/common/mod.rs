//! What the tests of the wire share: every body by kind, random ones, and one worked story.

#![allow(dead_code, unreachable_pub, unused_imports)]

#[macro_use]
pub mod bodies;
pub mod files;
pub mod source;
pub mod story;
