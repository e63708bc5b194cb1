//! The rate raised step by step until the 99th percentile is above its bound.

use std::time::Duration;

use super::figures::{Seen, findings};
use super::prepare::conductor;
use super::{Findings, RunError, remark};
use crate::conduct::{self, Interrupt};
use crate::drive::{Entering, Outcome};
use crate::plan::{Plan, Steady, Texts, append_steady};
use crate::server::Prepared;
use crate::shape::Shape;

/// The bound on the 99th percentile, ms.
const BOUND_MS: f64 = 100.0;
/// Each step lasts so long, s.
const STEP_S: f64 = 4.0;
/// Each step offers so much more than the one before.
const FACTOR: f64 = 1.25;
/// The highest rate tried, messages per second.
const MOST: f64 = 50_000.0;
/// Deliveries per second that are out of reach of one machine: no steps above it.
const MOST_DELIVERIES: f64 = 6_000_000.0;
/// Share of the deliveries due that a step must bring to count as held.
const HELD: f64 = 0.99;

pub(super) async fn run(
    shape: &Shape,
    prepared: Prepared,
    interrupt: Interrupt,
) -> Result<Findings, RunError> {
    let plan = steps(shape)?;
    let raised = prepared.accounts.raised.clone();
    let server_is_here = prepared.server.is_here();
    let texts = Texts::Made {
        bytes: Texts::USUAL_BYTES,
    };
    let mut conductor = conductor(shape, prepared, plan.clone(), texts, interrupt)?;
    conductor.progress.phase("connect");
    let connect_all_ms = conductor.connect(shape.users, Entering::Resume).await?;
    let mut seen = conduct::Seen::of(connect_all_ms);
    let from = conductor.mark().await;
    if seen == conduct::Seen::Done {
        conductor.begin().await?;
        conductor.progress.phase("rising");
        let within = Duration::from_nanos(plan.end_ns()) + conduct::DRAIN_WITHIN;
        let segments = plan.segments.len() as u64;
        seen = conductor
            .watch(within, |reading, _| {
                let over = reading.segments_over;
                over >= segments || (over > 0 && reading.segment_p99_ms > BOUND_MS)
            })
            .await?;
    }
    let to = conductor.mark().await;
    let interrupted = seen == conduct::Seen::Interrupted;
    // What was overloaded on purpose is not waited for in full.
    let (outcome, watched) = conductor.finish(true).await?;
    let best = best_step(&plan, &outcome);
    let seen = Seen {
        plan,
        from,
        to,
        connect_all_ms,
        raised,
        server_is_here,
        partial: interrupted,
    };
    let mut findings = findings(shape, seen, &outcome, watched);
    report_best(&mut findings, shape, best, &outcome);
    Ok(findings)
}

fn steps(shape: &Shape) -> Result<Plan, RunError> {
    let senders = shape.senders();
    let readers = f64::from(shape.users) / f64::from(shape.rooms);
    let most = MOST.min(MOST_DELIVERIES / readers);
    let mut plan = Plan::default();
    let mut rate = shape.rate;
    while rate <= most {
        let name = format!("{rate:.0}/s");
        let load = Steady {
            name: &name,
            senders: &senders,
            rate,
            seconds: STEP_S,
            counted: true,
            seed: shape.seed,
        };
        append_steady(&mut plan, &load)?;
        rate *= FACTOR;
    }
    Ok(plan)
}

/// The last step before the first that was not held.
fn best_step(plan: &Plan, outcome: &Outcome) -> Option<usize> {
    let held = |(index, segment): (usize, &crate::plan::Segment)| {
        let tally = &outcome.tally.segments[index];
        let posts = plan.posts.iter();
        let due = posts.filter(|it| usize::from(it.segment) == index).count();
        let seconds = (segment.to_ns - segment.from_ns) as f64;
        seconds > 0.0
            && tally.sent as f64 >= due as f64 * HELD
            && tally.acknowledged as f64 >= due as f64 * HELD
            && tally
                .latency
                .quantile_ms(0.99)
                .is_some_and(|p99| p99 <= BOUND_MS)
    };
    plan.segments
        .iter()
        .enumerate()
        .take_while(|it| held(*it))
        .count()
        .checked_sub(1)
}

/// The figures of a rising load are those of its best step; losses count for all of it.
fn report_best(findings: &mut Findings, shape: &Shape, best: Option<usize>, outcome: &Outcome) {
    let figures = &mut findings.report.figures;
    figures.latency_ms = Default::default();
    figures.ack_ms = Default::default();
    figures.deliveries_per_s = None;
    let Some(step) = best.map(|index| &outcome.tally.segments[index]) else {
        findings
            .report
            .notes
            .push(remark("not even the first step was held"));
        return;
    };
    figures.latency_ms = step.latency.percentiles();
    figures.ack_ms = step.ack.percentiles();
    figures.offered_per_s = step.sent as f64 / STEP_S;
    figures.held_per_s = step.acknowledged as f64 / STEP_S;
    figures.deliveries_per_s = Some(step.deliveries as f64 / STEP_S);
    findings.report.notes.push(remark(format!(
        "held {:.0} messages/s and {:.0} deliveries/s to {} users with p99 ≤ {BOUND_MS} ms",
        step.acknowledged as f64 / STEP_S,
        step.deliveries as f64 / STEP_S,
        shape.users,
    )));
}
