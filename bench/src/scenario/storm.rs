//! Everybody at once; and handshakes, again and again.

use std::time::{Duration, Instant};

use super::figures::{Seen, findings};
use super::prepare::conductor;
use super::{Findings, RunError, remark};
use crate::conduct::{self, Conductor, Interrupt};
use crate::drive::{Command, Entering};
use crate::plan::{Plan, Texts};
use crate::report::Note;
use crate::server::Prepared;
use crate::shape::Shape;

/// Users that also come in by password: each costs a core about 20 ms of hashing on purpose.
const BY_LOG_IN: u32 = 100;
/// Time for all to be gone before the next storm.
const LEAVE_WITHIN: Duration = Duration::from_secs(30);

const TEXTS: Texts = Texts::Made {
    bytes: Texts::USUAL_BYTES,
};

/// All by session, then some by log-in.
pub(super) async fn run(
    shape: &Shape,
    prepared: Prepared,
    interrupt: Interrupt,
) -> Result<Findings, RunError> {
    let raised = prepared.accounts.raised.clone();
    let server_is_here = prepared.server.is_here();
    let by_password = prepared
        .accounts
        .users
        .iter()
        .all(|account| !account.password.is_empty());
    let mut conductor = conductor(shape, prepared, Plan::default(), TEXTS, interrupt)?;
    let from = conductor.mark().await;
    conductor.progress.phase("storm by session");
    let connect_all_ms = conductor.connect(shape.users, Entering::Resume).await?;
    let mut seen = conduct::Seen::of(connect_all_ms);
    let to = conductor.mark().await;
    let mut log_in = None;
    if by_password && seen == conduct::Seen::Done {
        (log_in, seen) = storm_by_log_in(&mut conductor, shape).await?;
    }
    let broken = seen == conduct::Seen::Interrupted;
    let (outcome, watched) = conductor.finish(broken).await?;
    let seen = Seen {
        plan: Plan::default(),
        from,
        to,
        connect_all_ms,
        raised,
        server_is_here,
        partial: broken,
    };
    let mut findings = findings(shape, seen, &outcome, watched);
    findings.report.notes.extend(log_in);
    Ok(findings)
}

async fn storm_by_log_in(
    conductor: &mut Conductor,
    shape: &Shape,
) -> Result<(Option<Note>, conduct::Seen), RunError> {
    let users = shape.users.min(BY_LOG_IN);
    leave(conductor, shape.users).await?;
    conductor.progress.phase("storm by log-in");
    let took = conductor.connect(users, Entering::LogIn).await?;
    let note = took.map(|ms| {
        remark(format!(
            "{users} at once by log-in: all in after {ms:.0} ms"
        ))
    });
    Ok((note, conduct::Seen::of(took)))
}

async fn leave(conductor: &mut Conductor, users: u32) -> Result<(), RunError> {
    let gone = conductor.load.tell(Command::Leave(0..users)).await;
    gone.map_err(conduct::ConductError::from)?;
    conductor
        .watch(LEAVE_WITHIN, |reading, _| reading.up == 0)
        .await?;
    Ok(())
}

/// Whole handshakes with a session's check, as many as the server can.
pub(super) async fn repeat(
    shape: &Shape,
    prepared: Prepared,
    interrupt: Interrupt,
) -> Result<Findings, RunError> {
    let raised = prepared.accounts.raised.clone();
    let server_is_here = prepared.server.is_here();
    let mut conductor = conductor(shape, prepared, Plan::default(), TEXTS, interrupt)?;
    conductor.progress.phase("handshakes");
    let tell = async |conductor: &Conductor, command| {
        let told = conductor.load.tell(command).await;
        told.map_err(conduct::ConductError::from)
    };
    tell(&conductor, Command::Churn(true)).await?;
    tell(
        &conductor,
        Command::Connect(0..shape.users, Entering::Resume),
    )
    .await?;
    let warm = Instant::now() + Duration::from_secs_f64(shape.warmup);
    let within = Duration::from_secs_f64(shape.warmup);
    conductor.watch(within, |_, now| now >= warm).await?;
    let from = conductor.mark().await;
    let within = Duration::from_secs_f64(shape.seconds);
    let seen = conductor.watch(within, |_, _| false).await?;
    let to = conductor.mark().await;
    tell(&conductor, Command::Churn(false)).await?;
    tell(&conductor, Command::Leave(0..shape.users)).await?;
    let broken = seen == conduct::Seen::Interrupted;
    let (outcome, watched) = conductor.finish(broken).await?;
    let handshakes = to.reading.entered - from.reading.entered;
    let seen = Seen {
        plan: Plan::default(),
        from,
        to,
        connect_all_ms: None,
        raised,
        server_is_here,
        partial: broken,
    };
    let mut findings = findings(shape, seen, &outcome, watched);
    let figures = &mut findings.report.figures;
    figures.handshakes_per_core_s = figures
        .cpu_s
        .filter(|cpu_s| *cpu_s > 0.0)
        .map(|cpu_s| handshakes as f64 / cpu_s);
    let per_core = match figures.handshakes_per_core_s {
        Some(count) => format!(", {count:.0} a second and core of the server's"),
        None => String::new(),
    };
    findings.report.notes.push(remark(format!(
        "{handshakes} handshakes with session check, {:.0} a second{per_core}",
        handshakes as f64 / shape.seconds
    )));
    Ok(findings)
}
