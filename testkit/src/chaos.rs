//! A conversation under faults, judged by the history checker: the server is killed, told to stop,
//! restored from a backup; clients crash; the network loses, reorders and doubles; people are
//! removed and come back. Everything that is chosen is drawn from one seed.

mod cluster;
mod crowd;
mod people;
mod plan;
mod run;

use std::path::PathBuf;
use std::time::Duration;

pub use cluster::{ClusterChaos, ClusterFault, ClusterOutcome, ClusterPlan, Recovery, run_cluster};
pub use plan::{Fault, Plan};
pub use run::run;

use crate::checker::Verdict;
use crate::cluster::ClusterError;
use crate::dump::DumpError;
use crate::process::ProcessError;
use crate::wait::NotInTime;

/// What a run is to do.
#[derive(Clone, Debug)]
pub struct Chaos {
    /// The server's program.
    pub program: PathBuf,
    pub seed: u64,
    pub plan: Plan,
    /// A fault of the server, by its name in `parlor_server::mutation`; needs a program that was
    /// built with them.
    pub mutation: Option<&'static str>,
    /// A fault of the clients: see [`crate::client::Person::skip_gap_fill`].
    pub skip_gap_fill: bool,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    pub verdict: Verdict,
    /// From the server's ready line to the moment all links were back, one for each start.
    pub back: Vec<(Fault, Duration)>,
    /// Whether all clients held everything before the end.
    pub converged: Result<(), NotInTime>,
}

/// A run could not be carried out. What it may say of a mutated server is no verdict.
#[derive(Debug, thiserror::Error)]
pub enum ChaosError {
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error(transparent)]
    Dump(#[from] DumpError),
    #[error("{what}: {error}")]
    Late {
        what: &'static str,
        error: NotInTime,
    },
    #[error("people could not be brought in: {0}")]
    People(String),
    #[error(transparent)]
    Relay(#[from] crate::relay::RelayError),
}
