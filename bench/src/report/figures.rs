//! The figures of a run.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::measure::Percentiles;
use crate::server::CacheUse;

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
    /// From a node's end until all its users held their rooms on others.
    pub back_elsewhere_ms: Option<f64>,
    pub handshakes_per_core_s: Option<f64>,
    /// Messages that the terminal client read back otherwise than the log has them, or not at all.
    pub read_back_wrong: Option<u64>,
    /// Of the server's processes together, within the window.
    pub cpu_s: Option<f64>,
    /// Of one core.
    pub cpu_share: Option<f64>,
    pub cpu_us_per_delivery: Option<f64>,
    /// Of the node that used most.
    pub rss_peak_bytes: Option<u64>,
    pub rss_per_link_bytes: Option<f64>,
    /// Each node for itself.
    pub nodes: Vec<NodeUse>,
    pub db_query_ms: Percentiles,
    /// By query, and how many there were.
    pub db_queries: BTreeMap<String, (Percentiles, u64)>,
    pub db_connections: Option<u64>,
    pub services: Option<ServicesUse>,
    /// What the server's caches were asked, by what they hold.
    pub cache: BTreeMap<String, CacheUse>,
    pub cache_read_ms: Percentiles,
    /// Of the generator's process.
    pub generator_cpu_s: f64,
    pub send_lag_ms_p99: Option<f64>,
    pub generator_rss_peak_bytes: u64,
}

/// What one node used within the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct NodeUse {
    pub cpu_s: Option<f64>,
    /// Of one core.
    pub cpu_share: Option<f64>,
    pub rss_peak_bytes: Option<u64>,
}

/// What a cluster's PostgreSQL and Redis used within the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct ServicesUse {
    pub postgres_cpu_s: f64,
    pub redis_cpu_s: f64,
    pub redis_bytes: Option<u64>,
    /// The most it held since its start.
    pub redis_peak_bytes: Option<u64>,
}

impl Figures {
    /// The worst 95th percentile of any query, ms.
    pub fn slowest_query_p95_ms(&self) -> Option<f64> {
        let each = self.db_queries.values().map(|(times, _)| times.p95);
        // Above all bounds is not known, and so is the worst.
        each.reduce(|worst, p95| worst.zip(p95).map(|(one, other)| one.max(other)))?
    }

    /// The node that used most of its core.
    pub fn busiest_node_share(&self) -> Option<f64> {
        let shares = self.nodes.iter().map(|node| node.cpu_share);
        shares.reduce(|most, share| most.zip(share).map(|(one, other)| one.max(other)))?
    }

    /// Of everything that the caches were asked.
    pub fn cache_hit_rate(&self) -> Option<f64> {
        let all = self
            .cache
            .values()
            .fold(CacheUse::default(), |sum, it| CacheUse {
                hits: sum.hits + it.hits,
                misses: sum.misses + it.misses,
            });
        all.hit_rate()
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_query_above_all_bounds_makes_the_slowest_unknown() {
        let times = |p95| {
            (
                Percentiles {
                    p95,
                    ..Percentiles::default()
                },
                1,
            )
        };
        let queries = |all: &[Option<f64>]| Figures {
            db_queries: (0..)
                .zip(all)
                .map(|(name, p95)| (format!("{name}"), times(*p95)))
                .collect(),
            ..Figures::default()
        };
        assert_eq!(
            queries(&[Some(2.5), Some(10.0)]).slowest_query_p95_ms(),
            Some(10.0)
        );
        assert_eq!(queries(&[Some(2.5), None]).slowest_query_p95_ms(), None);
        assert_eq!(queries(&[]).slowest_query_p95_ms(), None);
    }
}
