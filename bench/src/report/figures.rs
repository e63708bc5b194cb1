//! The figures of a run.

use std::collections::BTreeMap;

use crate::measure::Percentiles;

/// All that was measured; `None` where it is not known or does not apply.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// Messages due per second, of the counted segments.
    pub offered_per_s: f64,
    /// Messages per second that were acknowledged.
    pub held_per_s: f64,
    pub deliveries_per_s: Option<f64>,
    pub sent: u64,
    pub acknowledged: u64,
    pub deliveries_expected: u64,
    pub deliveries: u64,
    pub lost: u64,
    pub duplicated: u64,
    pub out_of_order: u64,
    pub errors: u64,
    pub latency_ms: Percentiles,
    pub ack_ms: Percentiles,
    pub join_ms: Percentiles,
    pub presence_ms: Percentiles,
    /// Reads by kind, and how many there were.
    pub requests: BTreeMap<&'static str, (Percentiles, u64)>,
    pub connect_all_ms: Option<f64>,
    /// Dials that failed or links that were dropped.
    pub refused_links: u64,
    pub back_after_term_ms: Option<f64>,
    pub back_after_kill_ms: Option<f64>,
    pub handshakes_per_core_s: Option<f64>,
    /// Messages that the terminal client read back otherwise than the log has them, or not at all.
    pub read_back_wrong: Option<u64>,
    /// Of the server's process, within the window.
    pub cpu_s: Option<f64>,
    /// Of one core.
    pub cpu_share: Option<f64>,
    pub cpu_us_per_delivery: Option<f64>,
    pub rss_peak_bytes: Option<u64>,
    pub rss_per_link_bytes: Option<f64>,
    pub db_query_ms: Percentiles,
    pub db_connections: Option<u64>,
    /// Of the generator's process.
    pub generator_cpu_s: f64,
    pub send_lag_ms_p99: Option<f64>,
    pub generator_rss_peak_bytes: u64,
}

impl Figures {
    /// A kind of read.
    pub fn read(&self, kind: &str) -> Percentiles {
        self.requests.get(kind).map(|it| it.0).unwrap_or_default()
    }
}

/// A remark that a reader of the report must not miss, or may want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The figures are in doubt.
    Warning(String),
    Remark(String),
}

impl Note {
    pub fn text(&self) -> &str {
        match self {
            Self::Warning(text) | Self::Remark(text) => text,
        }
    }
}

/// What two processes used at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Seconds after the plan's start.
    pub at_s: f64,
    /// Of one core.
    pub server_cpu: Option<f64>,
    pub server_rss_bytes: Option<u64>,
    pub generator_cpu: f64,
    pub generator_rss_bytes: u64,
}
