//! `cargo xtask test`: every check that CI runs, in one go.

mod tally;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::program::{Failure, cargo, root, run as run_program, succeeds};
use crate::{setup, tidy};
use tally::Tally;

struct Step {
    name: &'static str,
    check: fn() -> Result<(), Failure>,
}

/// In this order: the quick ones first, the tests last so that their summary ends the log.
const STEPS: [Step; 9] = [
    Step {
        name: "format",
        check: format,
    },
    Step {
        name: "tidy",
        check: tidy::run,
    },
    Step {
        name: "dependencies",
        check: dependencies,
    },
    Step {
        name: "advisories",
        check: advisories,
    },
    Step {
        name: "clippy",
        check: clippy,
    },
    Step {
        name: "documentation",
        check: documentation,
    },
    Step {
        name: "doc tests",
        check: doc_tests,
    },
    Step {
        name: "tests on PostgreSQL and Redis",
        check: tests_on_a_cluster,
    },
    Step {
        name: "tests",
        check: tests,
    },
];

/// Runs all steps, also after one has failed: one run shows everything there is to mend.
pub(crate) fn run() -> Result<(), Failure> {
    let started = Instant::now();
    setup::run()?;
    for profile in PROFILES {
        remove(&report(profile))?;
    }
    remove(&skips())?;
    let mut failed = Vec::new();
    for (index, step) in STEPS.iter().enumerate() {
        println!(
            "\n==> {} ({} of {}, {} since start)",
            step.name,
            index + 1,
            STEPS.len(),
            seconds(started.elapsed()),
        );
        let step_started = Instant::now();
        let outcome = (step.check)();
        let took = seconds(step_started.elapsed());
        match outcome {
            Ok(()) => println!("<== {}: done, {took}", step.name),
            Err(failure) => {
                println!("<== {}: FAILED, {took}: {failure}", step.name);
                failed.push(step.name);
            }
        }
    }
    show_skips();
    println!("\nall steps: {}", seconds(started.elapsed()));
    if let Some(Tally { passed, failed }) = tally() {
        println!("{passed} passed, {failed} failed");
    }
    verdict(&failed)
}

fn verdict(failed: &[&str]) -> Result<(), Failure> {
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::Unmet(format!("failed: {}", failed.join(", "))))
}

fn format() -> Result<(), Failure> {
    run_program(cargo(&["fmt", "--all", "--check", "--", "--color=never"]))
}

/// Licences, sources, bans and version floors: nothing but the tree is needed for these.
fn dependencies() -> Result<(), Failure> {
    run_program(cargo(&[
        "deny",
        "--log-level",
        "error",
        "check",
        "--allow",
        "duplicate",
        "bans",
        "licenses",
        "sources",
    ]))
}

/// Advisories, wherever their database can be had; elsewhere the log says that they were not.
fn advisories() -> Result<(), Failure> {
    let mut fetch = cargo(&["deny", "fetch", "db"]);
    // A connection that gives less than 1,000 bytes/s for 20 s is given up.
    fetch.env("GIT_HTTP_LOW_SPEED_LIMIT", "1000");
    fetch.env("GIT_HTTP_LOW_SPEED_TIME", "20");
    fetch.env("GIT_TERMINAL_PROMPT", "0");
    if !succeeds(fetch) {
        println!("skipped: the advisory database cannot be fetched from here");
        return Ok(());
    }
    run_program(cargo(&["deny", "--offline", "check", "advisories"]))
}

fn clippy() -> Result<(), Failure> {
    let whole = &["--workspace"][..];
    // Only a soak runs the deliberate faults: here they are kept from rotting.
    let mutations = &[
        "-p",
        "parlor-server",
        "-p",
        "parlor-testkit",
        "--features",
        "parlor-testkit/mutations",
    ];
    for packages in [whole, mutations] {
        let words = [
            &["clippy", "--all-targets"],
            packages,
            &["--", "-D", "warnings"],
        ];
        run_program(cargo(&words.concat()))?;
    }
    Ok(())
}

fn documentation() -> Result<(), Failure> {
    let mut doc = cargo(&["doc", "--no-deps", "--workspace"]);
    doc.env("RUSTDOCFLAGS", "-D warnings");
    run_program(doc)
}

fn doc_tests() -> Result<(), Failure> {
    run_program(cargo(&["test", "--doc", "--workspace"]))
}

/// The profiles of nextest under which tests run here.
const PROFILES: [&str; 2] = ["ci", "cluster"];

fn tests() -> Result<(), Failure> {
    let mut tests = cargo(&["nextest", "run", "--workspace", "--profile", "ci"]);
    tests.env("PARLOR_SKIPS", skips());
    run_program(tests)
}

/// The stories of server and client once more, each server a node on a PostgreSQL and a Redis.
fn tests_on_a_cluster() -> Result<(), Failure> {
    let mut tests = cargo(&[
        "nextest",
        "run",
        "-p",
        "parlor-testkit",
        "--test",
        "server",
        "--test",
        "client_core",
        "--profile",
        "cluster",
    ]);
    tests.env("PARLOR_SKIPS", skips());
    tests.env("PARLOR_TEST_CLUSTER", "1");
    run_program(tests)
}

/// Where nextest writes the report that `.config/nextest.toml` asks for under a profile:
/// below the root, wherever the target folder is.
fn report(profile: &str) -> PathBuf {
    root().join(format!("target/nextest/{profile}/junit.xml"))
}

/// Where tests that this machine cannot run say so: see testkit's `skip`.
fn skips() -> PathBuf {
    let root = root().canonicalize().unwrap_or_else(|_| root());
    root.join("target/nextest/ci/skips.txt")
}

/// A skipped test must not pass for one that ran.
fn show_skips() {
    if let Ok(list) = fs::read_to_string(skips()) {
        print!("\n{list}");
    }
}

/// What an older run left must not speak for this one.
fn remove(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(Failure::File {
            action: "removing",
            path: path.display().to_string(),
            source,
        }),
        _ => Ok(()),
    }
}

/// What nextest counted; nothing where it did not get as far as running tests.
fn tally() -> Option<Tally> {
    let runs = PROFILES.iter().filter_map(|profile| {
        let report = fs::read_to_string(report(profile)).ok()?;
        Tally::parse(&report)
    });
    runs.reduce(|sum, run| Tally {
        passed: sum.passed + run.passed,
        failed: sum.failed + run.failed,
    })
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
