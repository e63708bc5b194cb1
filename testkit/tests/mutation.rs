//! The checker notices deliberate faults of server and client. Needs the feature `mutations`.
#![cfg(feature = "mutations")]
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use parlor_testkit::chaos::{
    Chaos, ClusterChaos, ClusterFault, ClusterOutcome, ClusterPlan, Outcome, Plan, run, run_cluster,
};

/// Runs within which a fault must have shown itself.
const RUNS: u64 = 3;
/// Kills and crashes of one run.
const FAULTS: usize = 5;

async fn once(seed: u64, mutation: Option<&'static str>, skip_gap_fill: bool) -> Outcome {
    run(Chaos {
        program: env!("CARGO_BIN_EXE_parlor-test-server").into(),
        seed,
        plan: Plan::kills(FAULTS),
        mutation,
        skip_gap_fill,
    })
    .await
    .unwrap()
}

/// Turns red within a few runs.
async fn is_noticed(mutation: Option<&'static str>, skip_gap_fill: bool) {
    for seed in 1..=RUNS {
        let outcome = once(seed, mutation, skip_gap_fill).await;
        println!("{mutation:?}, seed {seed}: {}", outcome.verdict);
        if !outcome.verdict.is_green() {
            return;
        }
    }
    panic!("{mutation:?} was not noticed in {RUNS} runs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mutation_free_runs_are_green() {
    for seed in 1..=RUNS {
        let outcome = once(seed, None, false).await;
        assert!(
            outcome.verdict.is_green(),
            "seed {seed}: {}",
            outcome.verdict
        );
        outcome.converged.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mutation_acknowledge_before_commit_is_noticed() {
    is_noticed(Some("acknowledge_before_commit"), false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mutation_publish_before_commit_is_noticed() {
    is_noticed(Some("publish_before_commit"), false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mutation_no_send_keys_is_noticed() {
    is_noticed(Some("no_send_keys"), false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mutation_skip_gap_fill_is_noticed() {
    is_noticed(None, true).await;
}

/// What Redis drops on its way down is nobody's last word that others saw.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mutation_no_sweep_is_noticed() {
    for seed in 1..=RUNS {
        let outcome = cluster(seed, Some("no_sweep")).await;
        println!("no_sweep, seed {seed}: {}", outcome.verdict);
        if !outcome.verdict.is_green() {
            return;
        }
    }
    panic!("it was not noticed in {RUNS} runs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mutation_free_runs_without_redis_are_green() {
    let outcome = cluster(1, None).await;
    assert!(outcome.verdict.is_green(), "{}", outcome.verdict);
    outcome.converged.unwrap();
}

async fn cluster(seed: u64, mutation: Option<&'static str>) -> ClusterOutcome {
    run_cluster(ClusterChaos {
        program: env!("CARGO_BIN_EXE_parlor-test-server").into(),
        seed,
        plan: ClusterPlan {
            // What a fault keeps from converging is not waited for at length.
            patience: Duration::from_secs(10),
            ..ClusterPlan::only(ClusterFault::KillRedis, 2)
        },
        mutation,
    })
    .await
    .unwrap()
}
