//! The server ended in the middle of a load: by SIGTERM, then by kill -9, and started again.

use std::time::{Duration, Instant};

use super::figures::{Seen, findings};
use super::prepare::{conductor, steady_plan};
use super::{Findings, RunError, remark};
use crate::conduct::{self, Conductor, Interrupt};
use crate::drive::{Command, Entering};
use crate::plan::Texts;
use crate::server::{Prepared, Server, ServerError};
use crate::shape::Shape;

/// Time that all may take to be back before the run counts as broken.
const BACK_WITHIN: Duration = Duration::from_secs(60);
/// Where in the window each end comes: thirds of it.
const ENDS: [(f64, End); 2] = [(1.0 / 3.0, End::Term), (2.0 / 3.0, End::Kill)];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Term,
    Kill,
}

pub(super) async fn run(
    shape: &Shape,
    prepared: Prepared,
    interrupt: Interrupt,
) -> Result<Findings, RunError> {
    if !matches!(prepared.server, Server::Own(_)) {
        return Err(RunError::OwnServer(shape.scenario.name()));
    }
    let plan = steady_plan(shape)?;
    let raised = prepared.accounts.raised.clone();
    let texts = Texts::Made {
        bytes: Texts::USUAL_BYTES,
    };
    let mut conductor = conductor(shape, prepared, plan.clone(), texts, interrupt)?;
    conductor.progress.phase("connect");
    let all_in = conductor.connect(shape.users, Entering::Resume).await?;
    let mut seen = conduct::Seen::of(all_in);
    let from = conductor.mark().await;
    let mut back = [None; 2];
    if seen == conduct::Seen::Done {
        conductor.begin().await?;
        for (index, (at, end)) in ENDS.into_iter().enumerate() {
            conductor.progress.phase("load");
            seen = conductor.until(shape.warmup + shape.seconds * at).await?;
            if seen != conduct::Seen::Done {
                break;
            }
            back[index] = restart(&mut conductor, shape, end).await?;
        }
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
        from: conduct::Mark {
            nodes: Vec::new(),
            ..from
        },
        to,
        connect_all_ms: back.into_iter().flatten().reduce(f64::max),
        raised,
        server_is_here: true,
        partial: broken,
    };
    let mut findings = findings(shape, seen, &outcome, watched);
    let figures = &mut findings.report.figures;
    [figures.back_after_term_ms, figures.back_after_kill_ms] = back;
    for (name, ms) in [("SIGTERM", back[0]), ("kill -9", back[1])] {
        if let Some(ms) = ms {
            findings.report.notes.push(remark(format!(
                "after {name} all were back {ms:.0} ms after the server listened again"
            )));
        }
    }
    Ok(findings)
}

/// Ends and starts the server; ms from its listening again until all are back.
async fn restart(
    conductor: &mut Conductor,
    shape: &Shape,
    end: End,
) -> Result<Option<f64>, RunError> {
    let own = match &mut conductor.server {
        Server::Own(own) => own.node(0),
        Server::Bare(_) | Server::Elsewhere => None,
    };
    let server = own.ok_or(RunError::OwnServer(shape.scenario.name()))?;
    conductor.restarting = true;
    conductor.progress.phase(match end {
        End::Term => "SIGTERM",
        End::Kill => "kill -9",
    });
    match end {
        End::Term if !server.terminate().await => {
            let text = "the server did not end on SIGTERM in time".to_owned();
            return Err(ServerError::Prepare(text).into());
        }
        End::Term => {}
        End::Kill => server.kill().await,
    }
    let ended = Instant::now();
    let listening = server.serve().await?;
    conductor.restarting = false;
    let command = Command::AwaitBack {
        users: shape.users as usize,
        ended,
        listening,
    };
    let back = conductor.all_in(command, shape.users, BACK_WITHIN).await;
    Ok(back?)
}
