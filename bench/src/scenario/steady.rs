//! A warm-up and a window of constant rate: one room, many rooms, the floor.

use super::figures::{Seen, findings};
use super::prepare::{conductor, steady_plan};
use super::{Findings, RunError};
use crate::conduct::{self, Conductor, Interrupt, Mark};
use crate::drive::{Entering, Outcome};
use crate::plan::{Plan, Texts};
use crate::server::{Prepared, Server};
use crate::shape::Shape;

pub(super) async fn run(
    shape: &Shape,
    prepared: Prepared,
    interrupt: Interrupt,
) -> Result<Findings, RunError> {
    let plan = steady_plan(shape)?;
    let texts = Texts::Made {
        bytes: Texts::USUAL_BYTES,
    };
    let measured = measure(shape, prepared, plan, texts, interrupt).await?;
    measured.server.end().await;
    Ok(measured.findings)
}

/// A run whose server still stands.
pub(super) struct Measured {
    pub(super) findings: Findings,
    pub(super) outcome: Outcome,
    pub(super) server: Server,
}

/// Runs any plan whose counted segments are the last: connect, warm up, measure, drain, judge.
pub(super) async fn measure(
    shape: &Shape,
    prepared: Prepared,
    plan: Plan,
    texts: Texts,
    interrupt: Interrupt,
) -> Result<Measured, RunError> {
    let raised = prepared.accounts.raised.clone();
    let server_is_here = prepared.server.is_here();
    let mut conductor = conductor(shape, prepared, plan.clone(), texts, interrupt)?;
    let window = window(&mut conductor, shape, &plan).await?;
    let (outcome, watched, server) = conductor.settle(window.broken).await?;
    let seen = Seen {
        plan,
        from: window.from,
        to: window.to,
        connect_all_ms: window.connect_all_ms,
        raised,
        server_is_here,
        partial: window.broken,
    };
    Ok(Measured {
        findings: findings(shape, seen, &outcome, watched),
        outcome,
        server,
    })
}

struct Window {
    from: Mark,
    to: Mark,
    connect_all_ms: Option<f64>,
    broken: bool,
}

async fn window(conductor: &mut Conductor, shape: &Shape, plan: &Plan) -> Result<Window, RunError> {
    conductor.progress.phase("connect");
    let all_in = conductor
        .connect(shape.accounts(), Entering::Resume)
        .await?;
    let mut seen = conduct::Seen::of(all_in);
    let from_s = plan
        .segments
        .iter()
        .find(|segment| segment.counted)
        .map_or(0.0, |segment| segment.from_ns as f64 / 1e9);
    if seen == conduct::Seen::Done {
        conductor.begin().await?;
        conductor.progress.phase("warm-up");
        seen = conductor.until(from_s).await?;
    }
    conductor.forget_peaks();
    let from = conductor.mark().await;
    if seen == conduct::Seen::Done {
        conductor.progress.phase("window");
        seen = conductor.until(plan.end_ns() as f64 / 1e9).await?;
    }
    let to = conductor.mark().await;
    Ok(Window {
        from,
        to,
        connect_all_ms: all_in,
        broken: seen == conduct::Seen::Interrupted,
    })
}
