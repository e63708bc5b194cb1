//! What the operator sees and does: log, metrics, health, the administrator's socket.

pub mod admin;
pub(crate) mod delivery;
pub mod health;
pub mod http;
pub mod log;
pub mod measured;
pub mod metrics;
mod slow;

pub use measured::MeasuredStore;
pub use metrics::Metrics;
