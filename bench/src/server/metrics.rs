//! The few of a server's metrics that a report holds, from the Prometheus text format.

use std::collections::BTreeMap;

use crate::measure::Percentiles;

const QUERY_BUCKET: &str = "parlor_database_query_duration_seconds_bucket";
const CONNECTIONS: &str = "parlor_database_connections";

/// A reading of `/metrics`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics {
    /// Database queries of all kinds that took at most so long: by upper bound, µs (`u64::MAX`
    /// for none), counted from below.
    queries: BTreeMap<u64, u64>,
    pub db_connections: Option<u64>,
}

impl Metrics {
    pub fn parse(text: &str) -> Self {
        let mut metrics = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((name, value)) = line.rsplit_once(' ') else {
                continue;
            };
            let (name, labels) = name.split_once('{').unwrap_or((name, ""));
            match name {
                QUERY_BUCKET => metrics.query_bucket(labels, value),
                CONNECTIONS => {
                    let open = value.parse::<f64>().ok().map(|open| open as u64);
                    metrics.db_connections = open.or(metrics.db_connections);
                }
                _ => {}
            }
        }
        metrics
    }

    fn query_bucket(&mut self, labels: &str, value: &str) {
        let bound = labels
            .split_once("le=\"")
            .and_then(|(_, rest)| rest.split_once('"'))
            .map(|(bound, _)| bound);
        let bound_us = match bound {
            Some("+Inf") => u64::MAX,
            Some(bound) => match bound.parse::<f64>() {
                Ok(seconds) => (seconds * 1e6).round() as u64,
                Err(_) => return,
            },
            None => return,
        };
        let count = value.parse::<f64>().unwrap_or_default() as u64;
        *self.queries.entry(bound_us).or_default() += count;
    }

    /// Database times between an earlier reading and this one, each as the upper bound of the
    /// bucket it fell into.
    pub fn queries_since(&self, earlier: &Self) -> Percentiles {
        let counts: Vec<(u64, u64)> = self
            .queries
            .iter()
            .map(|(bound, count)| {
                let before = earlier.queries.get(bound).copied().unwrap_or_default();
                (*bound, count.saturating_sub(before))
            })
            .collect();
        let total = counts.iter().map(|it| it.1).max().unwrap_or_default();
        let at = |share: f64| {
            let wanted = (total as f64 * share).ceil() as u64;
            let bucket = counts.iter().find(|(_, below)| *below >= wanted.max(1));
            bucket
                .filter(|(bound, _)| *bound != u64::MAX)
                .map(|(bound, _)| *bound as f64 / 1e3)
        };
        Percentiles {
            p50: at(0.50),
            p95: at(0.95),
            p99: at(0.99),
            max: at(1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(low: u64, high: u64) -> Metrics {
        Metrics::parse(&format!(
            "# TYPE parlor_database_query_duration_seconds histogram\n\
             parlor_database_query_duration_seconds_bucket{{query=\"page\",le=\"0.001\"}} {low}\n\
             parlor_database_query_duration_seconds_bucket{{query=\"page\",le=\"0.05\"}} {high}\n\
             parlor_database_query_duration_seconds_bucket{{query=\"page\",le=\"+Inf\"}} {high}\n\
             parlor_database_connections 5\n"
        ))
    }

    #[test]
    fn percentiles_are_of_what_happened_between_two_readings() {
        let times = reading(110, 120).queries_since(&reading(100, 100));
        assert_eq!(times.p50, Some(1.0));
        assert_eq!(times.p95, Some(50.0));
        assert_eq!(reading(1, 1).db_connections, Some(5));
    }

    #[test]
    fn nothing_between_two_readings_says_nothing() {
        let same = reading(10, 10);
        assert_eq!(same.queries_since(&same), Percentiles::default());
        assert_eq!(Metrics::parse("no metrics here"), Metrics::default());
    }
}
