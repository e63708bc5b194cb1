//! The verdict for people, in a terminal.

use std::fmt::Write;

use super::{Figures, Note, Report};
use crate::measure::Percentiles;
use crate::shape::Shape;

/// The verdict's lines, the main figures and what must not be missed. No colour: it may be piped.
pub fn table(report: &Report) -> String {
    let figures = &report.figures;
    let shape = &report.shape;
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "\n{}{} · {} users, {} rooms, {:.0} messages/s offered, {:.0}/s held, {} s, seed {}",
        shape.scenario.name(),
        place(shape),
        shape.users,
        shape.rooms,
        figures.offered_per_s,
        figures.held_per_s,
        shape.seconds,
        shape.seed,
    );
    let _ = writeln!(
        text,
        "{} of {} deliveries · {} lost, {} doubled, {} out of order · {} of {} acknowledged",
        figures.deliveries,
        figures.deliveries_expected,
        figures.lost,
        figures.duplicated,
        figures.out_of_order,
        figures.acknowledged,
        figures.sent,
    );
    percentiles(&mut text, "latency", &figures.latency_ms);
    percentiles(&mut text, "acknowledged", &figures.ack_ms);
    percentiles(&mut text, "join", &figures.join_ms);
    percentiles(&mut text, "presence", &figures.presence_ms);
    for (kind, (times, _)) in &figures.requests {
        percentiles(&mut text, kind, times);
    }
    percentiles(&mut text, "database query", &figures.db_query_ms);
    if let Some(ms) = figures.connect_all_ms {
        let _ = writeln!(text, "{:<14} {ms:.0} ms", "all in");
    }
    server(&mut text, report);
    cluster(&mut text, figures);
    let _ = writeln!(
        text,
        "{:<14} {:.2} s CPU, {:.0} MB, send lag p99 {}",
        "generator",
        figures.generator_cpu_s,
        figures.generator_rss_peak_bytes as f64 / 1e6,
        figure(figures.send_lag_ms_p99, "ms"),
    );
    if !report.verdict.is_empty() {
        verdict(&mut text, report);
    }
    for limit in &report.raised {
        let _ = writeln!(text, "raised: {limit}");
    }
    for note in &report.notes {
        let mark = match note {
            Note::Warning(_) => "warning: ",
            Note::Remark(_) => "",
        };
        let _ = writeln!(text, "{mark}{}", note.text());
    }
    let word = match (report.partial, report.passed()) {
        (true, _) => "broken off",
        (false, true) => "passed",
        (false, false) => "missed",
    };
    let _ = writeln!(text, "{word}");
    text
}

/// Where it ran, if not on one node and a good network.
fn place(shape: &Shape) -> String {
    let mut place = String::new();
    if shape.is_cluster() {
        place += &format!(" · {} on PostgreSQL and Redis", nodes(shape.nodes));
    }
    if shape.is_far() {
        let (loss, round_trip) = (shape.loss, shape.round_trip_ms);
        place += &format!(" · {loss} % lost each way, {round_trip} ms added to a round trip");
    }
    place
}

fn nodes(count: u32) -> String {
    match count {
        1 => "1 node".to_owned(),
        count => format!("{count} nodes"),
    }
}

fn server(text: &mut String, report: &Report) {
    let figures = &report.figures;
    let Some(cpu_s) = figures.cpu_s else {
        return;
    };
    let _ = write!(
        text,
        "{:<14} {cpu_s:.2} s CPU, {:.0} % of a core",
        "server",
        figures.cpu_share.unwrap_or_default() * 100.0,
    );
    if let Some(us) = figures.cpu_us_per_delivery {
        let _ = write!(text, ", {us:.2} µs a delivery");
    }
    if let Some(bytes) = figures.rss_peak_bytes {
        let _ = write!(text, ", {:.0} MB", bytes as f64 / 1e6);
    }
    if let Some(bytes) = figures.rss_per_link_bytes {
        let _ = write!(text, ", {:.1} KiB a link", bytes / 1024.0);
    }
    let _ = writeln!(text);
}

/// What only a cluster has: each node for itself, and what they share.
fn cluster(text: &mut String, figures: &Figures) {
    if figures.nodes.len() > 1 {
        for (number, node) in (1..).zip(&figures.nodes) {
            let _ = writeln!(
                text,
                "{:<14} {}, {}",
                format!("node {number}"),
                figure(node.cpu_share.map(|share| share * 100.0), "% of a core"),
                figure(node.rss_peak_bytes.map(|bytes| bytes as f64 / 1e6), "MB"),
            );
        }
    }
    if let Some(services) = &figures.services {
        let _ = writeln!(
            text,
            "{:<14} PostgreSQL {:.2} s CPU, {} connections; Redis {:.2} s CPU, {}",
            "services",
            services.postgres_cpu_s,
            figure(figures.db_connections.map(|count| count as f64), ""),
            services.redis_cpu_s,
            figure(
                services.redis_peak_bytes.map(|bytes| bytes as f64 / 1e6),
                "MB"
            ),
        );
    }
    if let Some(rate) = figures.cache_hit_rate() {
        let _ = writeln!(
            text,
            "{:<14} {:.1} % hits, read p99 {}",
            "cache",
            rate * 100.0,
            figure(figures.cache_read_ms.p99, "ms"),
        );
    }
}

fn verdict(text: &mut String, report: &Report) {
    let lines = report.verdict.iter();
    let width = lines.map(|it| it.line.chars().count()).max().unwrap_or(0);
    let _ = writeln!(text);
    for judged in &report.verdict {
        let _ = writeln!(
            text,
            "{:<width$}  {:>18}  {:>12}  {}",
            judged.line,
            judged.target,
            figure(judged.figure, ""),
            if judged.held { "held" } else { "MISSED" },
        );
    }
}

fn percentiles(text: &mut String, name: &str, times: &Percentiles) {
    if times.p50.is_none() {
        return;
    }
    let _ = writeln!(
        text,
        "{name:<14} p50 {}, p95 {}, p99 {}, max {}",
        figure(times.p50, "ms"),
        figure(times.p95, "ms"),
        figure(times.p99, "ms"),
        figure(times.max, "ms"),
    );
}

/// A figure with as many digits as it deserves.
pub(super) fn figure(value: Option<f64>, unit: &str) -> String {
    let Some(value) = value else {
        return "unknown".to_owned();
    };
    let digits = match value.abs() {
        value if value.fract() == 0.0 || value >= 100.0 => 0,
        value if value >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.digits$} {unit}").trim_end().to_owned()
}
