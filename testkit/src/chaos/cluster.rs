//! The same for a whole cluster: nodes are killed, frozen and drained, Redis and PostgreSQL go and
//! come back, members are removed and added, while people at all nodes talk.

mod faults;
mod plan;
mod scene;

use std::path::PathBuf;
use std::time::Duration;

pub use plan::{ClusterFault, ClusterPlan};

use super::ChaosError;
use crate::checker::Verdict;
use crate::wait::NotInTime;
use scene::Scene;

/// What a run of a cluster is to do.
#[derive(Clone, Debug)]
pub struct ClusterChaos {
    /// The server's program.
    pub program: PathBuf,
    pub seed: u64,
    pub plan: ClusterPlan,
    /// A fault of every node, by its name in `parlor_server::mutation`; needs a program that was
    /// built with them.
    pub mutation: Option<&'static str>,
}

/// What came of it.
#[derive(Debug)]
pub struct ClusterOutcome {
    pub verdict: Verdict,
    /// One for each fault of a node, of Redis or of PostgreSQL.
    pub recoveries: Vec<Recovery>,
    /// What clients saw go wrong in rolling restarts.
    pub rolling_errors: Vec<String>,
    /// Whether all clients held everything before the end.
    pub converged: Result<(), NotInTime>,
}

/// How it was after a fault.
#[derive(Debug)]
pub struct Recovery {
    pub fault: ClusterFault,
    /// From the fault to the next link of the last of the clients that were at the node.
    pub back: Option<Duration>,
    /// From the fault's end, when people fall silent, until nothing is unsent and everybody holds the
    /// same; `None`: not within the plan's patience.
    pub settled: Option<Duration>,
}

/// Runs it and judges it.
///
/// # Errors
/// [`ChaosError`] where the run itself could not be carried out.
pub async fn run_cluster(chaos: ClusterChaos) -> Result<ClusterOutcome, ChaosError> {
    let mut scene = Scene::open(&chaos).await?;
    for fault in chaos.plan.faults.clone() {
        scene.crowd.talk(chaos.plan.stretch.clone()).await;
        scene.carry_out(fault).await?;
    }
    // No word after the last fault: what it cost the last one is to be seen.
    scene.close().await
}
