//! From marks and an outcome to figures.

use std::time::Duration;

use parlor_services::relay::{PathStats, Stats};

use super::{Findings, remark};
use crate::conduct::{Mark, Watched};
use crate::drive::Outcome;
use crate::measure::Times;
use crate::plan::Plan;
use crate::report::{Figures, NodeUse, Note, Report, ServicesUse};
use crate::server::ServicesSample;
use crate::shape::Shape;
use crate::user::ReadKind;

/// Send lag above which the generator's own lateness colours the figures, ms.
const LAG_MS: f64 = 5.0;
/// Share of one core above which the generator is at its limit: it has one thread.
const GENERATOR_SHARE: f64 = 0.9;
/// Shares for which the report plots the latency.
const SHARES: u32 = 200;

/// What a scenario saw.
pub(super) struct Seen {
    pub(super) plan: Plan,
    /// Around the window.
    pub(super) from: Mark,
    pub(super) to: Mark,
    pub(super) connect_all_ms: Option<f64>,
    pub(super) raised: Vec<String>,
    pub(super) server_is_here: bool,
    pub(super) partial: bool,
}

/// Puts together what every scenario has in common.
pub(super) fn findings(shape: &Shape, seen: Seen, outcome: &Outcome, watched: Watched) -> Findings {
    let mut latency = Times::default();
    let mut ack = Times::default();
    for (segment, tally) in seen.plan.segments.iter().zip(&outcome.tally.segments) {
        if segment.counted {
            latency.merge(&tally.latency);
            ack.merge(&tally.ack);
        }
    }
    let mut figures = counted(&seen.plan, outcome);
    if !shape.is_cluster() && seen.server_is_here {
        // Batches of one node always follow each other.
        figures.duplicated += outcome.tally.overlapped;
    }
    figures.latency_ms = latency.percentiles();
    figures.ack_ms = ack.percentiles();
    figures.connect_all_ms = seen.connect_all_ms;
    used(&mut figures, &seen, &watched);
    let mut notes = doubts(&figures, &seen);
    notes.extend(errors(outcome));
    notes.extend(watched.network.map(|stats| packets(&stats)));
    let quantiles = (0..=SHARES)
        .map(|step| f64::from(step) / f64::from(SHARES))
        .filter_map(|share| Some((share, latency.quantile_ms(share)?)))
        .collect();
    Findings {
        server_is_here: seen.server_is_here,
        report: Report {
            shape: shape.clone(),
            figures,
            verdict: Vec::new(),
            points: outcome.tally.series.points().to_vec(),
            usage: watched.usage,
            quantiles,
            raised: seen.raised,
            notes,
            partial: seen.partial,
        },
    }
}

fn counted(plan: &Plan, outcome: &Outcome) -> Figures {
    let Outcome { settled, tally, .. } = outcome;
    let seconds = plan.counted_seconds();
    let per_s = |count: f64| if seconds > 0.0 { count / seconds } else { 0.0 };
    let mut requests: std::collections::BTreeMap<_, _> = tally
        .requests
        .iter()
        .map(|(kind, times)| (*kind, (times.percentiles(), times.count())))
        .collect();
    Figures {
        offered_per_s: per_s(plan.counted_posts() as f64),
        held_per_s: per_s(settled.acknowledged as f64),
        deliveries_per_s: (seconds > 0.0).then(|| per_s(settled.deliveries as f64)),
        sent: settled.sent,
        acknowledged: settled.acknowledged,
        deliveries_expected: settled.deliveries_expected,
        deliveries: settled.deliveries,
        lost: settled.lost,
        duplicated: settled.duplicated,
        out_of_order: settled.out_of_order,
        errors: tally.error_count(),
        join_ms: requests.remove(&ReadKind::Join).unwrap_or_default().0,
        presence_ms: tally.presence.percentiles(),
        requests: requests
            .into_iter()
            .map(|(kind, times)| (kind.name(), times))
            .collect(),
        refused_links: tally.failed_dials.values().sum::<u64>() + tally.links_lost,
        send_lag_ms_p99: tally.send_lag.quantile_ms(0.99),
        ..Figures::default()
    }
}

/// CPU and memory within the window.
fn used(figures: &mut Figures, seen: &Seen, watched: &Watched) {
    let (from, to) = (&seen.from, &seen.to);
    let cpu = from.generator.cpu;
    figures.generator_cpu_s = to.generator.cpu.saturating_sub(cpu).as_secs_f64();
    figures.generator_rss_peak_bytes = watched.peak.generator;
    figures.rss_peak_bytes = watched.peak.nodes.iter().copied().max().flatten();
    figures.db_connections = watched.peak.db_connections;
    if let Some((before, after)) = from.metrics.as_ref().zip(to.metrics.as_ref()) {
        figures.db_query_ms = after.queries_since(before);
        figures.db_queries = after.each_query_since(before);
        figures.cache = after.cache_since(before);
        figures.cache_read_ms = after.cache_reads_since(before);
    }
    services(figures, from, to);
    figures.nodes = nodes(seen, watched);
    // One that did not run all the time makes the sum unknown.
    let each = figures.nodes.iter().map(|node| node.cpu_s);
    let Some(cpu_s) = each
        .sum::<Option<f64>>()
        .filter(|_| !figures.nodes.is_empty())
    else {
        return;
    };
    figures.cpu_s = Some(cpu_s);
    figures.cpu_share = Some(cpu_s)
        .zip(seconds(seen))
        .map(|(cpu_s, seconds)| cpu_s / seconds);
    let deliveries = to
        .reading
        .deliveries
        .saturating_sub(from.reading.deliveries);
    figures.cpu_us_per_delivery = (deliveries > 0).then(|| cpu_s * 1e6 / deliveries as f64);
}

/// Length of the window, s.
fn seconds(seen: &Seen) -> Option<f64> {
    let (start, end) = seen.from.at.zip(seen.to.at)?;
    Some((end - start).as_secs_f64())
}

fn nodes(seen: &Seen, watched: &Watched) -> Vec<NodeUse> {
    let peaks = watched.peak.nodes.iter();
    let nodes = peaks.enumerate().map(|(index, peak)| {
        let at = |mark: &Mark| mark.nodes.get(index).copied().flatten();
        let both = at(&seen.from).zip(at(&seen.to));
        let cpu_s = both.map(|(from, to)| to.cpu.saturating_sub(from.cpu).as_secs_f64());
        NodeUse {
            cpu_s,
            cpu_share: cpu_s
                .zip(seconds(seen))
                .map(|(cpu_s, seconds)| cpu_s / seconds),
            rss_peak_bytes: *peak,
        }
    });
    nodes.collect()
}

fn services(figures: &mut Figures, from: &Mark, to: &Mark) {
    let Some((before, after)) = from.services.zip(to.services) else {
        return;
    };
    let used =
        |of: fn(&ServicesSample) -> Duration| of(&after).saturating_sub(of(&before)).as_secs_f64();
    figures.services = Some(ServicesUse {
        postgres_cpu_s: used(|it| it.postgres_cpu),
        redis_cpu_s: used(|it| it.redis_cpu),
        redis_bytes: after.redis_bytes,
        redis_peak_bytes: after.redis_peak_bytes,
    });
    // The database knows of all nodes, also of what they would not say.
    let counted = before.db_connections.max(after.db_connections);
    figures.db_connections = counted.max(figures.db_connections);
}

/// Whether the generator itself was the limit.
fn doubts(figures: &Figures, seen: &Seen) -> Vec<Note> {
    let mut notes = Vec::new();
    if let Some(lag) = figures.send_lag_ms_p99.filter(|lag| *lag > LAG_MS) {
        notes.push(Note::Warning(format!(
            "the generator sent late itself (p99 {lag:.1} ms, more than {LAG_MS} ms): latencies are too high, and the server may hold more than this"
        )));
    }
    if let Some(seconds) = seconds(seen) {
        let share = figures.generator_cpu_s / seconds;
        if share > GENERATOR_SHARE {
            notes.push(Note::Warning(format!(
                "the generator used {:.0} % of its core: it was the limit, not the server",
                share * 100.0
            )));
        }
    }
    notes
}

/// How bad the network was.
fn packets(stats: &Stats) -> Note {
    let share = |path: PathStats| match path.received {
        0 => 0.0,
        received => path.lost as f64 / received as f64 * 100.0,
    };
    remark(format!(
        "packets lost: {:.2} % of {} from the clients, {:.2} % of {} from the server; {} overflowed",
        share(stats.up),
        stats.up.received,
        share(stats.down),
        stats.down.received,
        stats.up.overflowed + stats.down.overflowed,
    ))
}

/// Every error by its text, and dials that had to be repeated.
fn errors(outcome: &Outcome) -> Vec<Note> {
    let tally = &outcome.tally;
    let mut notes = Vec::new();
    for (text, count) in &tally.errors {
        notes.push(Note::Warning(format!("{count} × {text}")));
    }
    for (text, count) in &tally.failed_dials {
        notes.push(remark(format!("{count} × a dial failed: {text}")));
    }
    if tally.links_lost > 0 {
        notes.push(remark(format!(
            "{} links ended and were made anew",
            tally.links_lost
        )));
    }
    if tally.overlapped > 0 {
        notes.push(remark(format!(
            "{} messages came again in batches that overlap, as those of a cluster may",
            tally.overlapped
        )));
    }
    if tally.pulls > 0 {
        notes.push(remark(format!(
            "{} times a link was behind and caught up by itself",
            tally.pulls
        )));
    }
    notes
}
