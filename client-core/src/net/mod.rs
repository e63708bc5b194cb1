//! The link to a server: the rules without I/O and what drives them.

pub mod backoff;
pub mod probe;
