//! What the operator sees and does: log, metrics, health, the administrator's socket.

pub mod admin;
pub mod http;
pub mod log;
pub mod measured;
pub mod metrics;
mod slow;

pub use measured::MeasuredStore;
pub use metrics::Metrics;
