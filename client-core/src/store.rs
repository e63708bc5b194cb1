//! What a client keeps: content that can be had again, and what can not.

mod error;

pub use error::StoreError;
