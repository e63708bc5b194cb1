//! A node of a cluster killed in the middle of a load: its users come back on the others.

use std::time::{Duration, Instant};

use super::figures::{Seen, findings};
use super::prepare::{conductor, steady_plan};
use super::{Findings, RunError, remark};
use crate::conduct::{self, Conductor, Interrupt};
use crate::drive::{Command, Entering};
use crate::plan::Texts;
use crate::server::{Prepared, Server};
use crate::shape::Shape;

/// Time that all may take to be back before the run counts as broken.
const BACK_WITHIN: Duration = Duration::from_secs(60);
/// When in the window the node is killed: a good part of the load comes before and after.
const AT: f64 = 1.0 / 3.0;

pub(super) async fn run(
    shape: &Shape,
    prepared: Prepared,
    interrupt: Interrupt,
) -> Result<Findings, RunError> {
    let plan = steady_plan(shape)?;
    let raised = prepared.accounts.raised.clone();
    let texts = Texts::Made {
        bytes: Texts::USUAL_BYTES,
    };
    let mut conductor = conductor(shape, prepared, plan.clone(), texts, interrupt)?;
    conductor.progress.phase("connect");
    let connect_all_ms = conductor.connect(shape.users, Entering::Resume).await?;
    let mut seen = conduct::Seen::of(connect_all_ms);
    conductor.forget_peaks();
    let from = conductor.mark().await;
    let mut back = None;
    if seen == conduct::Seen::Done {
        conductor.begin().await?;
        conductor.progress.phase("load");
        seen = conductor.until(shape.warmup + shape.seconds * AT).await?;
    }
    if seen == conduct::Seen::Done {
        back = kill(&mut conductor, shape).await?;
        seen = conduct::Seen::of(back);
    }
    if seen == conduct::Seen::Done {
        conductor.progress.phase("load");
        seen = conductor.until(shape.warmup + shape.seconds).await?;
    }
    let to = conductor.mark().await;
    let broken = seen == conduct::Seen::Interrupted;
    let (outcome, watched) = conductor.finish(broken).await?;
    let seen = Seen {
        plan,
        from,
        to,
        connect_all_ms,
        raised,
        server_is_here: true,
        partial: broken,
    };
    let mut findings = findings(shape, seen, &outcome, watched);
    findings.report.figures.back_elsewhere_ms = back;
    findings.report.notes.extend(back.map(|ms| {
        remark(format!(
            "all users of the killed node were back on others after {ms:.0} ms"
        ))
    }));
    Ok(findings)
}

/// Kills the last node, since the first one made the accounts; ms until nobody is on it and
/// everybody holds their rooms.
async fn kill(conductor: &mut Conductor, shape: &Shape) -> Result<Option<f64>, RunError> {
    let node = shape.nodes as usize - 1;
    let own = match &mut conductor.server {
        Server::Own(own) => own.node(node),
        Server::Bare(_) | Server::Elsewhere => None,
    };
    conductor.progress.phase("kill -9");
    let ended = Instant::now();
    own.ok_or(RunError::OwnServer(shape.scenario.name()))?
        .kill()
        .await;
    let command = Command::AwaitElsewhere {
        users: shape.users as usize,
        node,
        ended,
    };
    let back = conductor.all_in(command, shape.users, BACK_WITHIN).await;
    Ok(back?)
}
