//! Nothing acknowledged is lost, doubled or shown to who may not see it, whatever part of a cluster
//! dies. `PARLOR_CHAOS_RUNS` sets the number of runs of the whole plan, `PARLOR_CHAOS_SEED` the first
//! seed; with `PARLOR_HOLD_TIMES` the times of coming back count, too.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use parlor_testkit::chaos::{
    ClusterChaos, ClusterFault, ClusterOutcome, ClusterPlan, Recovery, run_cluster,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// A dead node's users, receive-only ones too, are back elsewhere in less.
const BACK_WITHIN: Duration = Duration::from_secs(5);

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// Runs the plan; its checker must be green, and everybody hold the same after each fault.
async fn green(seed: u64, plan: ClusterPlan) -> ClusterOutcome {
    println!("seed {seed}: {:?}", plan.faults);
    let outcome = run_cluster(ClusterChaos {
        program: env!("CARGO_BIN_EXE_parlor-test-server").into(),
        seed,
        plan,
        mutation: None,
    })
    .await
    .unwrap();
    println!("seed {seed}: {}", outcome.verdict);
    for Recovery {
        fault,
        back,
        settled,
    } in &outcome.recoveries
    {
        println!("seed {seed}: {fault:?}: links back {back:?}, at rest {settled:?}");
    }
    let verdict = &outcome.verdict;
    assert!(verdict.is_green(), "seed {seed}: {verdict}");
    if let Err(error) = &outcome.converged {
        panic!("seed {seed}: {error}");
    }
    let settled = outcome.recoveries.iter().all(|it| it.settled.is_some());
    assert!(settled, "seed {seed}: {:?}", outcome.recoveries);
    let errors = &outcome.rolling_errors;
    assert!(errors.is_empty(), "seed {seed}: {errors:?}");
    outcome
}

/// The longest time back of each kind of fault.
fn figures(recoveries: &[Recovery]) {
    let mut kinds: Vec<ClusterFault> = Vec::new();
    for recovery in recoveries {
        if !kinds.contains(&recovery.fault) {
            kinds.push(recovery.fault);
        }
    }
    for kind in kinds {
        let all = || recoveries.iter().filter(|it| it.fault == kind);
        let settled = all().filter_map(|it| it.settled).max().unwrap_or_default();
        print!(
            "figure: {kind:?} ({} times) | at rest after {} ms at most",
            all().count(),
            settled.as_millis()
        );
        match all().filter_map(|it| it.back).max() {
            Some(back) => println!(
                " | links back elsewhere after {} ms at most, ≤ {} ms",
                back.as_millis(),
                BACK_WITHIN.as_millis()
            ),
            None => println!(),
        }
    }
}

/// Elsewhere the machine does other things as well.
fn hold_times(recoveries: &[Recovery]) {
    if std::env::var_os("PARLOR_HOLD_TIMES").is_none() {
        return;
    }
    for recovery in recoveries {
        let back = recovery.back.unwrap_or_default();
        assert!(back < BACK_WITHIN, "{recovery:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chaos_of_a_cluster_loses_nothing_acknowledged() {
    let first = from_environment("PARLOR_CHAOS_SEED").unwrap_or(1);
    let runs = from_environment("PARLOR_CHAOS_RUNS");
    let mut recoveries = Vec::new();
    for seed in first..first + runs.unwrap_or(1) {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        // Where the environment does not say: enough for a change to be tried, not a soak.
        let plan = match runs {
            Some(_) => ClusterPlan::whole(rng),
            None => ClusterPlan::short(rng),
        };
        recoveries.extend(green(seed, plan).await.recoveries);
    }
    figures(&recoveries);
    hold_times(&recoveries);
}
