//! Nothing acknowledged is lost, whatever is killed. `PARLOR_CHAOS_RUNS` sets the number of runs,
//! `PARLOR_CHAOS_SEED` the first seed.

#![allow(clippy::unwrap_used)]

use parlor_testkit::chaos::{Chaos, Plan, run};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Runs where the environment does not say: enough for a change to be tried, not a soak.
const RUNS: u64 = 2;

fn from_environment(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chaos_loses_nothing_acknowledged() {
    let first = from_environment("PARLOR_CHAOS_SEED", 1);
    for seed in first..first + from_environment("PARLOR_CHAOS_RUNS", RUNS) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let outcome = run(Chaos {
            program: env!("CARGO_BIN_EXE_parlor-test-server").into(),
            seed,
            plan: Plan::whole(&mut rng),
            mutation: None,
            skip_gap_fill: false,
        })
        .await
        .unwrap();
        println!("seed {seed}: {}", outcome.verdict);
        for (fault, back) in &outcome.back {
            println!("seed {seed}: all links back {back:?} after {fault:?}");
        }
        assert!(
            outcome.verdict.is_green(),
            "seed {seed}: {}",
            outcome.verdict
        );
        outcome
            .converged
            .unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert!(
            outcome.verdict.counts.acknowledged > 500,
            "{}",
            outcome.verdict
        );
    }
}
