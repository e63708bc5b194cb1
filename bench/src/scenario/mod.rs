//! The scenarios: what is done in which order, and what is made of it.

mod figures;
mod idle;
mod limit;
mod prepare;
mod reconnect;
mod replay;
mod restart;
mod steady;
mod storm;

use crate::conduct::{ConductError, Interrupt};
use crate::network::NetworkError;
use crate::plan::PlanError;
use crate::preflight::Unfit;
use crate::read_back::ClientError;
use crate::report::{Note, Report};
use crate::server::{Server, ServerError, preloaded};
use crate::shape::{Scenario, Shape};
use crate::targets::{Table, judge};

pub use prepare::Remote;
pub use replay::CorpusError;

/// Why a run could not be.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("{0}")]
    Unfit(#[from] Unfit),
    #[error("{0}")]
    Plan(#[from] PlanError),
    #[error("{0}")]
    Server(#[from] ServerError),
    #[error("{0}")]
    Conduct(#[from] ConductError),
    #[error("{0}")]
    Corpus(#[from] CorpusError),
    #[error("{0}")]
    ReadBack(#[from] ClientError),
    #[error("{0}")]
    Network(#[from] NetworkError),
    #[error("{0}")]
    Remote(String),
    #[error(
        "{0} needs a server of its own, which it may kill and look at; leave --server and --accounts out"
    )]
    OwnServer(&'static str),
}

/// A report before it is judged.
pub(crate) struct Findings {
    report: Report,
    server_is_here: bool,
}

/// Runs a scenario from preflight to verdict.
pub async fn run(
    shape: &Shape,
    remote: Option<&Remote>,
    table: Table,
    interrupt: Interrupt,
) -> Result<Report, RunError> {
    let kills = matches!(
        shape.scenario,
        Scenario::Restart | Scenario::Reconnect | Scenario::Idle
    );
    // Before anything is read or made.
    if kills && remote.is_some() {
        return Err(RunError::OwnServer(shape.scenario.name()));
    }
    let mut notes = crate::preflight::check(shape.accounts())?;
    let prepared = prepare::prepare(shape, remote).await?;
    if let (Server::Own(_), Some(library)) = (&prepared.server, preloaded()) {
        notes.push(remark(format!(
            "preloaded into the server: {}",
            library.display()
        )));
    }
    let findings = match shape.scenario {
        Scenario::Storm | Scenario::Bare if shape.repeat.is_some() => {
            storm::repeat(shape, prepared, interrupt).await?
        }
        // The floor of silence.
        Scenario::Bare if shape.rate == 0.0 => idle::run(shape, prepared, interrupt).await?,
        Scenario::OneRoom
        | Scenario::ManyRooms
        | Scenario::Bare
        | Scenario::Cluster
        | Scenario::MixRead
        | Scenario::MixWrite
        | Scenario::Mix
        | Scenario::Lossy => steady::run(shape, prepared, interrupt).await?,
        Scenario::Reconnect => reconnect::run(shape, prepared, interrupt).await?,
        Scenario::Storm => storm::run(shape, prepared, interrupt).await?,
        Scenario::Idle => idle::run(shape, prepared, interrupt).await?,
        Scenario::Limit => limit::run(shape, prepared, interrupt).await?,
        Scenario::Restart => restart::run(shape, prepared, interrupt).await?,
        Scenario::Replay => replay::run(shape, prepared, interrupt).await?,
    };
    let Findings {
        mut report,
        server_is_here,
    } = findings;
    notes.append(&mut report.notes);
    report.notes = notes;
    report.verdict = judge(table, shape, &report.figures, server_is_here);
    Ok(report)
}

/// A remark.
fn remark(text: impl Into<String>) -> Note {
    Note::Remark(text.into())
}
