//! Nothing acknowledged is lost, whatever is killed. `PARLOR_CHAOS_RUNS` sets the number of runs,
//! `PARLOR_CHAOS_SEED` the first seed, `PARLOR_CHAOS_CLIENTS`, `PARLOR_CHAOS_ROOMS` and
//! `PARLOR_CHAOS_STRETCH` (messages between faults) the size of the load that is killed; with `PARLOR_HOLD_TIMES` the times of coming back count, too.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use parlor_testkit::chaos::{Chaos, Fault, Outcome, Plan, run};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Runs where the environment does not say: enough for a change to be tried, not a soak.
const RUNS: u64 = 2;
const RUNS_MANY_ROOMS: u64 = 1;
const CLIENTS: u64 = 20;
const ROOMS: u64 = 4;
const STRETCH: u64 = 400;
/// From the server's listening again until all are back.
const AFTER_KILL: Duration = Duration::from_secs(4);
const AFTER_STOP: Duration = Duration::from_secs(3);

fn from_environment(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

fn seeds(runs: u64) -> std::ops::Range<u64> {
    let first = from_environment("PARLOR_CHAOS_SEED", 1);
    first..first + from_environment("PARLOR_CHAOS_RUNS", runs)
}

/// Runs the plan; its checker must be green, and everybody hold the same in the end.
async fn green(seed: u64, plan: Plan) -> Outcome {
    let outcome = run(Chaos {
        program: env!("CARGO_BIN_EXE_parlor-test-server").into(),
        seed,
        plan,
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
    if let Err(error) = &outcome.converged {
        panic!("seed {seed}: {error}");
    }
    let acknowledged = outcome.verdict.counts.acknowledged;
    assert!(acknowledged > 500, "seed {seed}: {}", outcome.verdict);
    outcome
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chaos_loses_nothing_acknowledged() {
    for seed in seeds(RUNS) {
        let plan = Plan::whole(&mut ChaCha8Rng::seed_from_u64(seed));
        green(seed, plan).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chaos_in_the_middle_of_many_rooms() {
    let size = |name, otherwise| from_environment(name, otherwise) as usize;
    let clients = size("PARLOR_CHAOS_CLIENTS", CLIENTS);
    let rooms = size("PARLOR_CHAOS_ROOMS", ROOMS);
    let stretch = size("PARLOR_CHAOS_STRETCH", STRETCH);
    let mut back = Vec::new();
    for seed in seeds(RUNS_MANY_ROOMS) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let plan = Plan::many_rooms(clients, rooms, stretch as u32, &mut rng);
        back.extend(green(seed, plan).await.back);
    }
    for (fault, bound) in [(Fault::Kill, AFTER_KILL), (Fault::Stop, AFTER_STOP)] {
        let times = back.iter().filter(|(why, _)| *why == fault);
        let mut times: Vec<_> = times.map(|(_, time)| *time).collect();
        times.sort_unstable();
        let (Some(median), Some(longest)) = (times.get(times.len() / 2), times.last()) else {
            continue;
        };
        println!(
            "figure: {clients} clients in {rooms} rooms, all back after {fault:?} ({} times) | \
             median {} ms, longest {} ms | ≤ {} ms",
            times.len(),
            median.as_millis(),
            longest.as_millis(),
            bound.as_millis()
        );
        // Elsewhere the machine does other things as well.
        if std::env::var_os("PARLOR_HOLD_TIMES").is_some() {
            assert!(*longest <= bound, "{longest:?} after {fault:?}");
        }
    }
}
