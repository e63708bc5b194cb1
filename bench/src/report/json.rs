//! The report for machines.

use serde_json::{Map, Value, json};

use super::{Figures, Report};
use crate::measure::Percentiles;

/// One object. Keys are stable; a figure that is not known is null.
pub fn json(report: &Report) -> Value {
    let figures = &report.figures;
    json!({
        "scenario": report.shape.scenario.name(),
        "seed": report.shape.seed,
        "verdict": report.verdict,
        "users": report.shape.users,
        "rooms": report.shape.rooms,
        "seconds": report.shape.seconds,
        "offered_per_s": figures.offered_per_s,
        "held_per_s": figures.held_per_s,
        "sent": figures.sent,
        "acknowledged": figures.acknowledged,
        "deliveries_expected": figures.deliveries_expected,
        "deliveries": figures.deliveries,
        "lost": figures.lost,
        "duplicated": figures.duplicated,
        "out_of_order": figures.out_of_order,
        "errors": figures.errors,
        "latency_ms": figures.latency_ms,
        "ack_ms": figures.ack_ms,
        "join_ms": figures.join_ms,
        "presence_ms": figures.presence_ms,
        "requests": requests(figures),
        "connect_all_ms": figures.connect_all_ms,
        "back_elsewhere_ms": figures.back_elsewhere_ms,
        "nodes": report.shape.nodes,
        "server": {
            "cpu_s": figures.cpu_s,
            "cpu_share": figures.cpu_share,
            "cpu_us_per_delivery": figures.cpu_us_per_delivery,
            "rss_peak_bytes": figures.rss_peak_bytes,
            "rss_per_link_bytes": figures.rss_per_link_bytes,
            "db_query_ms": figures.db_query_ms,
            "db_queries": queries(figures),
            "db_connections": figures.db_connections,
            "nodes": figures.nodes,
            "services": figures.services,
            "cache": cache(figures),
        },
        "generator": {
            "cpu_s": figures.generator_cpu_s,
            "send_lag_ms_p99": figures.send_lag_ms_p99,
            "rss_peak_bytes": figures.generator_rss_peak_bytes,
        },
    })
}

fn queries(figures: &Figures) -> Value {
    let queries = figures.db_queries.iter().map(|(query, (times, count))| {
        let Percentiles { p50, p95, p99, max } = *times;
        let value = json!({ "p50": p50, "p95": p95, "p99": p99, "max": max, "count": count });
        (query.clone(), value)
    });
    Value::Object(Map::from_iter(queries))
}

/// Null where the server has none.
fn cache(figures: &Figures) -> Value {
    let Some(hit_rate) = figures.cache_hit_rate() else {
        return Value::Null;
    };
    let kinds = figures.cache.iter().map(|(kind, cache)| {
        let value =
            json!({ "hits": cache.hits, "misses": cache.misses, "hit_rate": cache.hit_rate() });
        (kind.clone(), value)
    });
    json!({
        "hit_rate": hit_rate,
        "read_ms": figures.cache_read_ms,
        "kinds": Map::from_iter(kinds),
    })
}

/// All reads are uncached until the server has a cache and says so.
fn requests(figures: &Figures) -> Value {
    let kinds = figures.requests.iter().map(|(kind, (times, count))| {
        let Percentiles { p50, p95, p99, .. } = *times;
        let value = json!({
            "cached": { "p50": null, "p95": null, "p99": null, "count": 0 },
            "uncached": { "p50": p50, "p95": p95, "p99": p99, "count": count },
        });
        ((*kind).to_owned(), value)
    });
    Value::Object(Map::from_iter(kinds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::{Scenario, Shape};

    #[test]
    fn the_keys_are_those_that_were_promised() {
        let report = Report {
            shape: Shape::usual(Scenario::OneRoom),
            figures: Figures {
                requests: [("page", (Percentiles::default(), 3))].into(),
                ..Figures::default()
            },
            verdict: Vec::new(),
            points: Vec::new(),
            usage: Vec::new(),
            quantiles: Vec::new(),
            raised: Vec::new(),
            notes: Vec::new(),
            partial: false,
        };
        let value = json(&report);
        let keys = |value: &Value| {
            let mut keys: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
            keys.sort_unstable();
            keys.join(" ")
        };
        assert_eq!(
            keys(&value),
            "ack_ms acknowledged back_elsewhere_ms connect_all_ms deliveries deliveries_expected \
             duplicated errors generator held_per_s join_ms latency_ms lost nodes offered_per_s \
             out_of_order presence_ms requests rooms scenario seconds seed sent server users verdict"
        );
        assert_eq!(keys(&value["latency_ms"]), "max p50 p95 p99");
        assert_eq!(keys(&value["requests"]["page"]), "cached uncached");
        assert_eq!(
            keys(&value["requests"]["page"]["cached"]),
            "count p50 p95 p99"
        );
        assert_eq!(
            keys(&value["server"]),
            "cache cpu_s cpu_share cpu_us_per_delivery db_connections db_queries db_query_ms nodes \
             rss_peak_bytes rss_per_link_bytes services"
        );
        assert_eq!(
            keys(&value["generator"]),
            "cpu_s rss_peak_bytes send_lag_ms_p99"
        );
        assert_eq!(value["server"]["cpu_s"], Value::Null);
    }
}
