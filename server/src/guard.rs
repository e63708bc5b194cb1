pub mod backoff;
pub mod breaker;
pub mod bulk;
pub mod cluster_rate;
pub mod name;
pub mod password;
pub mod rate;
