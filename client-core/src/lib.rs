//! Everything a Parlor client is, without a face.

pub mod cache;
pub mod log;
pub mod net;
pub mod notify;
pub mod timeline;
