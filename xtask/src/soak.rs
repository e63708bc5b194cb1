//! `cargo xtask soak`: checks too long for CI, one after another.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::metadata::Metadata;
use crate::program::{Failure, cargo, line};

/// One long check: a cargo command and the variables that make it long.
struct Step {
    /// Also names its log, `target/soak/NAME.log`.
    name: &'static str,
    variables: &'static [(&'static str, &'static str)],
    /// What follows `cargo`, words parted by blanks.
    arguments: &'static str,
}

/// Measurements come last and one at a time, so that nothing else uses the cores.
const STEPS: &[Step] = &[
    Step {
        name: "fuzz",
        variables: &[("PARLOR_FUZZ_SECONDS", "600")],
        arguments: "nextest run --profile soak --release -p parlor-protocol fuzz",
    },
    Step {
        name: "chaos",
        variables: &[("PARLOR_CHAOS_RUNS", "20")],
        arguments: "nextest run --profile soak --release -p parlor-testkit chaos",
    },
    Step {
        name: "mutations",
        variables: &[],
        arguments: "nextest run --profile soak -p parlor-testkit --features mutations mutation",
    },
    Step {
        name: "build",
        variables: &[],
        arguments: "build --release -p parlor-server -p parlor-bench",
    },
    Step {
        name: "terminal",
        variables: &[("PARLOR_FIGURES_MESSAGES", "1000000")],
        arguments: "nextest run --profile soak --release --success-output immediate -p parlor figures",
    },
    Step {
        name: "one-room",
        variables: &[],
        arguments: "run --release -p parlor-bench -- run one-room --targets",
    },
    Step {
        name: "many-rooms",
        variables: &[],
        arguments: "run --release -p parlor-bench -- run many-rooms --targets",
    },
    Step {
        name: "storm",
        variables: &[],
        arguments: "run --release -p parlor-bench -- run storm --targets",
    },
    Step {
        name: "idle",
        variables: &[],
        arguments: "run --release -p parlor-bench -- run idle --targets",
    },
    Step {
        name: "limit",
        variables: &[],
        arguments: "run --release -p parlor-bench -- run limit --targets",
    },
    Step {
        name: "restart",
        variables: &[],
        arguments: "run --release -p parlor-bench -- run restart --targets",
    },
];

const REPORT: &str = "report.md";

struct Outcome {
    name: &'static str,
    line: String,
    held: bool,
    took: Duration,
}

/// Runs every step, also after one has failed, and writes `target/soak/report.md`.
pub(crate) fn run() -> Result<(), Failure> {
    let folder = Metadata::read()?.target_directory.join("soak");
    match run_steps(STEPS, &folder)? {
        0 => Ok(()),
        failed => Err(Failure::Unmet(format!(
            "{failed} of {} steps failed, see {}",
            STEPS.len(),
            folder.join(REPORT).display()
        ))),
    }
}

/// Gives back how many failed.
fn run_steps(steps: &[Step], folder: &Path) -> Result<usize, Failure> {
    fs::create_dir_all(folder).map_err(|source| at(folder, "making", source))?;
    let report = folder.join(REPORT);
    let mut outcomes = Vec::new();
    for step in steps {
        let log = folder.join(step.name).with_extension("log");
        println!("==> {}: {}", step.name, log.display());
        let outcome = run_step(step, &log)?;
        println!("<== {}: {}", step.name, result(&outcome));
        outcomes.push(outcome);
        // After each step, so that an interrupted soak leaves what it found.
        fs::write(&report, table(&outcomes)).map_err(|source| at(&report, "writing", source))?;
    }
    Ok(outcomes.iter().filter(|outcome| !outcome.held).count())
}

/// Its output goes to `log`; an error here is one of running it at all.
fn run_step(step: &Step, log: &Path) -> Result<Outcome, Failure> {
    let output = File::create(log).map_err(|source| at(log, "making", source))?;
    let errors = output
        .try_clone()
        .map_err(|source| at(log, "making", source))?;
    let mut command = cargo(&step.arguments.split_whitespace().collect::<Vec<_>>());
    command
        .envs(step.variables.iter().copied())
        .stdout(output)
        .stderr(errors);
    let started = Instant::now();
    let status = command.status().map_err(|source| Failure::Start {
        line: line(&command),
        source,
    })?;
    Ok(Outcome {
        name: step.name,
        line: typed(step, &line(&command)),
        held: status.success(),
        took: started.elapsed(),
    })
}

fn typed(step: &Step, line: &str) -> String {
    let variables = step
        .variables
        .iter()
        .map(|(key, value)| format!("{key}={value} "));
    variables.chain([line.to_owned()]).collect()
}

fn table(outcomes: &[Outcome]) -> String {
    let head = "# Soak\n\n| step | result | command |\n| --- | --- | --- |\n".to_owned();
    outcomes.iter().fold(head, |table, outcome| {
        table
            + &format!(
                "| {} | {} | `{}` |\n",
                outcome.name,
                result(outcome),
                outcome.line
            )
    })
}

fn result(outcome: &Outcome) -> String {
    let word = if outcome.held { "held" } else { "FAILED" };
    format!("{word}, {} s", outcome.took.as_secs())
}

fn at(path: &Path, action: &'static str, source: io::Error) -> Failure {
    Failure::File {
        action,
        path: path.display().to_string(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_runs_and_the_report_says_what_to_type_again() {
        let folder = tempfile::tempdir().unwrap();
        let steps = [
            Step {
                name: "broken",
                variables: &[("RUNS", "20")],
                arguments: "no-such-command of cargo",
            },
            Step {
                name: "fine",
                variables: &[],
                arguments: "--version",
            },
        ];
        assert_eq!(run_steps(&steps, folder.path()).unwrap(), 1);
        let read = |name| fs::read_to_string(folder.path().join(name)).unwrap();
        let report = read(REPORT);
        assert!(report.contains("| broken | FAILED, "), "{report}");
        assert!(
            report.contains("| `RUNS=20 cargo no-such-command of cargo` |"),
            "{report}"
        );
        assert!(report.contains("| fine | held, "), "{report}");
        assert!(read("fine.log").starts_with("cargo "));
        assert!(read("broken.log").contains("no-such-command"));
    }
}
