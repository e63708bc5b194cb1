//! What the operator sees and does: log, metrics, health, the administrator's socket.

pub mod admin;
pub mod http;
pub mod log;
pub mod metrics;

pub use metrics::Metrics;
