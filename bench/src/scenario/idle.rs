//! Links that only are there: what each costs in memory, and what silence costs in CPU.

use std::time::Duration;

use super::figures::{Seen, findings};
use super::prepare::conductor;
use super::{Findings, RunError};
use crate::conduct::{self, Interrupt};
use crate::drive::Entering;
use crate::plan::{Plan, Texts};
use crate::server::Prepared;
use crate::shape::Shape;

/// Time for the server to calm down before its memory is read.
const CALM: Duration = Duration::from_secs(3);

pub(super) async fn run(
    shape: &Shape,
    prepared: Prepared,
    interrupt: Interrupt,
) -> Result<Findings, RunError> {
    let raised = prepared.accounts.raised.clone();
    let texts = Texts::Made {
        bytes: Texts::USUAL_BYTES,
    };
    let mut conductor = conductor(shape, prepared, Plan::default(), texts, interrupt)?;
    conductor.progress.phase("calm");
    conductor.watch(CALM, |_, _| false).await?;
    let empty = conductor.mark().await;
    conductor.progress.phase("connect");
    let connect_all_ms = conductor.connect(shape.users, Entering::Resume).await?;
    let mut seen = conduct::Seen::of(connect_all_ms);
    if seen == conduct::Seen::Done {
        seen = conductor.watch(CALM, |_, _| false).await?;
    }
    conductor.forget_peaks();
    let from = conductor.mark().await;
    conductor.progress.phase("silence");
    if seen != conduct::Seen::Interrupted {
        let window = Duration::from_secs_f64(shape.seconds);
        seen = conductor.watch(window, |_, _| false).await?;
    }
    let to = conductor.mark().await;
    let broken = seen == conduct::Seen::Interrupted;
    let (outcome, watched) = conductor.finish(broken).await?;
    let links = to.reading.joined;
    let empty = empty.nodes.iter().map(|node| node.map(|it| it.rss_bytes));
    let empty: Option<u64> = empty.sum();
    let full: Option<u64> = watched.peak.nodes.iter().copied().sum();
    let per_link = empty
        .zip(full)
        .filter(|_| links > 0)
        .map(|(empty, full)| full.saturating_sub(empty) as f64 / links as f64);
    let seen = Seen {
        plan: Plan::default(),
        from,
        to,
        connect_all_ms,
        raised,
        server_is_here: true,
        partial: broken,
    };
    let mut findings = findings(shape, seen, &outcome, watched);
    findings.report.figures.rss_per_link_bytes = per_link;
    Ok(findings)
}
