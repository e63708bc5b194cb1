#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use parlor_protocol::{Code, Kind};

use super::*;
use crate::bus::LocalBus;
use crate::config::Limits;
use crate::guard::cluster_rate::ClusterRates;
use crate::redis::Commands;
use crate::store::ReplicaReads;

#[track_caller]
fn has(text: &str, line: &str) {
    assert!(
        text.lines().any(|it| it == line),
        "no line {line:?} in\n{text}"
    );
}

#[test]
fn counters_and_gauges_are_written_as_prometheus_reads_them() {
    let metrics = Metrics::default();
    metrics.messages_sent.add(3);
    metrics.links.add(5);
    metrics.links.add(-1);
    let text = metrics.render();
    has(
        &text,
        "# HELP parlor_messages_sent_total Messages committed.",
    );
    has(&text, "# TYPE parlor_messages_sent_total counter");
    has(&text, "parlor_messages_sent_total 3");
    has(&text, "# TYPE parlor_links gauge");
    has(&text, "parlor_links 4");
}

#[test]
fn a_histogram_counts_each_value_under_every_bound_it_fits() {
    let metrics = Metrics::default();
    metrics.commit_duration.observe(Duration::from_micros(100));
    metrics.commit_duration.observe(Duration::from_micros(101));
    metrics.commit_duration.observe(Duration::from_secs(60));
    let text = metrics.render();
    let name = "parlor_commit_duration_seconds";
    has(&text, &format!("{name}_bucket{{le=\"0.00005\"}} 0"));
    has(&text, &format!("{name}_bucket{{le=\"0.0001\"}} 1"));
    has(&text, &format!("{name}_bucket{{le=\"0.00025\"}} 2"));
    has(&text, &format!("{name}_bucket{{le=\"10\"}} 2"));
    has(&text, &format!("{name}_bucket{{le=\"+Inf\"}} 3"));
    has(&text, &format!("{name}_count 3"));
    has(&text, &format!("{name}_sum 60.000201"));
    assert_eq!(metrics.commit_duration.count(), 3);
}

#[test]
fn queries_are_told_apart_by_name_and_requests_by_kind_and_code() {
    let metrics = Metrics::default();
    metrics
        .query_duration
        .observe("page", Duration::from_millis(2));
    metrics
        .query_duration
        .observe("page", Duration::from_millis(2));
    metrics.commit_size.observe(7);
    metrics.requests.count(Kind::POST, None);
    metrics.requests.count(Kind::POST, Some(Code::RATE_LIMITED));
    metrics.requests.count(Kind(0xEEEE), Some(Code(9999)));
    let text = metrics.render();
    has(
        &text,
        "parlor_database_query_duration_seconds_count{query=\"page\"} 2",
    );
    has(&text, "parlor_commit_changes_bucket{le=\"10\"} 1");
    has(&text, "parlor_requests_total{kind=\"POST\",code=\"OK\"} 1");
    has(
        &text,
        "parlor_requests_total{kind=\"POST\",code=\"RATE_LIMITED\"} 1",
    );
    has(
        &text,
        "parlor_requests_total{kind=\"unknown\",code=\"other\"} 1",
    );
}

/// A node that is one of several, with nobody about.
fn of_a_cluster() -> Metrics {
    let address = "redis://127.0.0.1:1".parse().unwrap();
    let commands = Arc::new(Commands::start(address));
    let (bus, _events) = LocalBus::start();
    let figures = ClusterFigures {
        bus: Arc::new(bus),
        membership: Arc::default(),
        nodes: tokio::sync::watch::channel(3).1,
        redis: commands.up(),
        rates: Arc::new(ClusterRates::new(
            commands,
            String::new(),
            Limits::default(),
        )),
    };
    let metrics = Metrics::default();
    metrics.cluster.set(figures).unwrap();
    metrics
}

#[tokio::test]
async fn a_node_of_a_cluster_shows_what_it_counts_towards_the_others() {
    let text = of_a_cluster().render();
    for line in [
        "parlor_nodes 3",
        "parlor_redis_up 0",
        "parlor_bus_away 0",
        "parlor_bus_published_total 0",
        "parlor_bus_unpublished_total{why=\"full\"} 0",
        "parlor_bus_dropped_total{why=\"missed\"} 0",
        "parlor_beats_total{by=\"database\"} 0",
        "parlor_rates_total{by=\"alone\"} 0",
    ] {
        has(&text, line);
    }
    assert!(!Metrics::default().render().contains("parlor_bus"));
}

#[test]
fn what_is_counted_elsewhere_never_goes_back() {
    let metrics = Metrics::default();
    let reads = |answered| ReplicaReads {
        answered,
        ..ReplicaReads::default()
    };
    metrics.replica_reads.reached(reads(7));
    metrics.replica_reads.reached(reads(5));
    let name = "parlor_replica_reads_total";
    has(
        &metrics.render(),
        &format!("{name}{{result=\"answered\"}} 7"),
    );
}

#[test]
fn links_are_told_apart_by_what_carries_them() {
    let metrics = Metrics::default();
    metrics.links_by_transport.of(true).add(2);
    metrics.links_by_transport.of(true).add(-1);
    let text = metrics.render();
    has(&text, "parlor_transport_links{transport=\"quic\"} 0");
    has(&text, "parlor_transport_links{transport=\"tcp\"} 1");
}

#[tokio::test]
async fn every_family_is_declared_once_and_named_by_the_rules() {
    let text = of_a_cluster().render();
    let mut seen = std::collections::BTreeSet::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        assert!(seen.insert(name.to_owned()), "{name} twice");
        assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
        let ours = name.starts_with("parlor_") || name.starts_with("process_");
        assert!(ours, "{name}");
    }
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (_, value) = line.rsplit_once(' ').unwrap();
        value.parse::<f64>().unwrap();
    }
}

#[test]
fn the_process_has_memory_and_has_worked() {
    let process = Process::now();
    assert!(process.cpu_s > 0.0);
    if cfg!(target_os = "linux") {
        assert!(process.rss_bytes > 100_000);
        assert!(process.open_files > 0);
    }
}

#[test]
fn hits_of_the_cache_are_told_apart_by_what_was_looked_for() {
    let metrics = Metrics::default();
    metrics.cache_hits.of(crate::cache::Kind::Pages).add(4);
    let text = metrics.render();
    has(&text, "# TYPE parlor_cache_hits_total counter");
    has(&text, "parlor_cache_hits_total{kind=\"pages\"} 4");
    // From the first moment, so that a rate has a beginning.
    has(&text, "parlor_cache_misses_total{kind=\"sessions\"} 0");
    assert_eq!(metrics.cache_hits.sum(), 4);
}
