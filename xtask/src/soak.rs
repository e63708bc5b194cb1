//! `cargo xtask soak`: checks too long for CI, one after another.

mod means;
mod report;
mod steps;

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde_json::Value;

use crate::metadata::Metadata;
use crate::program::{Failure, cargo, line, program};
use report::Outcome;
use steps::{Bench, Step, Work, steps};

/// For people, and the same for machines.
const REPORT: &str = "report.md";
const REPORT_JSON: &str = "report.json";
/// Which the load generator preloads into the server.
const PRELOAD: &str = "PARLOR_BENCH_SERVER_PRELOAD";

/// Says which steps there are.
pub(crate) fn list() {
    for step in steps() {
        println!("{:<28} {}", step.name, step.about);
    }
}

/// Runs the chosen steps, or all, also after one has failed, and writes reports into `target/soak`.
pub(crate) fn run(chosen: &[String]) -> Result<(), Failure> {
    let steps = choose(steps(), chosen)?;
    let folder = Metadata::read()?.target_directory.join("soak");
    match run_steps(&steps, &folder)? {
        0 => Ok(()),
        failed => Err(Failure::Unmet(format!(
            "{failed} of {} steps failed, see {}",
            steps.len(),
            folder.join(REPORT).display()
        ))),
    }
}

/// In the order of the whole; what the chosen ones need comes with them.
fn choose(steps: Vec<Step>, chosen: &[String]) -> Result<Vec<Step>, Failure> {
    let unknown = chosen
        .iter()
        .find(|name| !steps.iter().any(|step| step.name == **name));
    if let Some(name) = unknown {
        return Err(Failure::Unmet(format!(
            "there is no step {name:?}; `cargo xtask soak --list` names them"
        )));
    }
    if chosen.is_empty() {
        return Ok(steps);
    }
    let measures = |step: &Step| chosen.contains(&step.name) && matches!(step.work, Work::Bench(_));
    let built = steps.iter().any(measures);
    let wanted = |step: &Step| chosen.contains(&step.name) || (built && step.name == "build");
    Ok(steps.into_iter().filter(|step| wanted(step)).collect())
}

/// Gives back how many failed.
fn run_steps(steps: &[Step], folder: &Path) -> Result<usize, Failure> {
    fs::create_dir_all(folder).map_err(|source| at(folder, "making", source))?;
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|source| at(&path, "writing", source))
    };
    let mut outcomes: Vec<Outcome> = Vec::new();
    for step in steps {
        println!("==> {}: {}", step.name, step.about);
        let outcome = run_step(step, folder)?;
        report::verdict(&outcome)
            .iter()
            .for_each(|line| println!("    {line}"));
        println!("<== {}: {}", step.name, outcome.result());
        outcomes.push(outcome);
        // After each step, so that an interrupted soak leaves what it found.
        write(REPORT, report::markdown(&outcomes))?;
        write(REPORT_JSON, format!("{:#}\n", report::json(&outcomes)))?;
    }
    println!("\n{}", report::markdown(&outcomes));
    Ok(outcomes.iter().filter(|outcome| !outcome.held).count())
}

/// Its output goes to its log; an error here is one of running it at all.
fn run_step(step: &Step, folder: &Path) -> Result<Outcome, Failure> {
    let log = folder.join(&step.name).with_extension("log");
    let output = File::create(&log).map_err(|source| at(&log, "making", source))?;
    let started = Instant::now();
    let mut outcome = Outcome {
        name: step.name.clone(),
        line: String::new(),
        held: true,
        took: started.elapsed(),
        runs: Vec::new(),
        figures: Vec::new(),
    };
    match &step.work {
        Work::Cargo(arguments) => {
            let command = cargo(&arguments.split_whitespace().collect::<Vec<_>>());
            let (typed, held) = run_command(step, command, &output, &log)?;
            (outcome.line, outcome.held) = (typed, held);
            let said = fs::read_to_string(&log).map_err(|source| at(&log, "reading", source))?;
            outcome.figures = report::figures(&said);
        }
        Work::Bench(bench) => {
            for seed in 1..=bench.seeds {
                let json = folder.join(format!("{}-{seed}.json", step.name));
                let command = load(bench, seed, &json, folder)?;
                let (typed, held) = run_command(step, command, &output, &log)?;
                outcome.line = typed;
                outcome.held &= held;
                outcome.runs.extend(left(&json));
            }
        }
    }
    outcome.took = started.elapsed();
    Ok(outcome)
}

/// A run of the load generator that leaves its report in a file.
fn load(bench: &Bench, seed: u32, json: &Path, folder: &Path) -> Result<Command, Failure> {
    // An older run's report must not speak for this one.
    if let Err(source) = fs::remove_file(json)
        && source.kind() != io::ErrorKind::NotFound
    {
        return Err(at(json, "removing", source));
    }
    // What the step `build` made: `cargo run` would make it anew with the features of one crate.
    let built = folder.with_file_name("release").join("parlor-bench");
    let words = ["run"]
        .into_iter()
        .chain(bench.arguments.split_whitespace());
    let mut command = program(&built.to_string_lossy(), &words.collect::<Vec<_>>());
    if bench.targets {
        command.arg("--targets");
    }
    if bench.log {
        command.arg("--corpus").arg(means::log(folder)?);
    }
    command
        .args(["--seed", &seed.to_string(), "--json"])
        .arg(json);
    if bench.slow_disk {
        command.env(PRELOAD, means::slow_disk(folder)?);
    }
    Ok(command)
}

/// What was typed, and whether it ended well.
fn run_command(
    step: &Step,
    mut command: Command,
    output: &File,
    log: &Path,
) -> Result<(String, bool), Failure> {
    let share = || {
        output
            .try_clone()
            .map_err(|source| at(log, "making", source))
    };
    command
        .envs(step.variables.iter().copied())
        .stdout(share()?)
        .stderr(share()?);
    let status = command.status().map_err(|source| Failure::Start {
        line: line(&command),
        source,
    })?;
    Ok((typed(&command), status.success()))
}

/// With the variables that were set for it.
fn typed(command: &Command) -> String {
    let variables = command.get_envs().filter_map(|(key, value)| {
        let (key, value) = (key.to_string_lossy(), value?.to_string_lossy());
        Some(format!("{key}={value} "))
    });
    variables.chain([line(command)]).collect()
}

/// The report that a run left, if it came so far.
fn left(json: &Path) -> Option<Value> {
    serde_json::from_str(&fs::read_to_string(json).ok()?).ok()
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

    fn step(name: &str, variables: &'static [(&str, &str)], arguments: &'static str) -> Step {
        Step {
            name: name.to_owned(),
            about: "a try",
            variables,
            work: Work::Cargo(arguments),
        }
    }

    #[test]
    fn every_step_runs_and_the_report_says_what_to_type_again() {
        let folder = tempfile::tempdir().unwrap();
        let steps = [
            step("broken", &[("RUNS", "20")], "no-such-command of cargo"),
            step("fine", &[], "--version"),
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
        let machine: Value = serde_json::from_str(&read(REPORT_JSON)).unwrap();
        assert_eq!(machine["steps"][0]["held"], false);
        assert_eq!(machine["steps"][1]["step"], "fine");
    }

    #[test]
    fn chosen_steps_come_in_their_order_with_the_programs_they_measure() {
        let names = |chosen: &[&str]| -> Result<Vec<String>, Failure> {
            let chosen: Vec<_> = chosen.iter().map(|name| (*name).to_owned()).collect();
            let chosen = choose(steps(), &chosen)?;
            Ok(chosen.into_iter().map(|step| step.name).collect())
        };
        assert_eq!(names(&[]).unwrap().len(), steps().len());
        let some = names(&["many-rooms", "one-room"]).unwrap();
        assert_eq!(some, ["build", "one-room", "many-rooms"]);
        assert_eq!(names(&["chaos"]).unwrap(), ["chaos"]);
        let error = names(&["chaos", "nowhere"]).unwrap_err().to_string();
        assert!(
            error.contains("nowhere") && error.contains("--list"),
            "{error}"
        );
    }

    #[test]
    fn a_load_is_typed_with_its_seed_its_report_and_its_disk() {
        let folder = tempfile::tempdir().unwrap();
        let bench = |name: &str| {
            let step = steps().into_iter().find(|step| step.name == name).unwrap();
            let Work::Bench(bench) = step.work else {
                panic!("{name} is no load");
            };
            bench
        };
        let line = |name| {
            let json = folder.path().join("left.json");
            typed(&load(&bench(name), 7, &json, folder.path()).unwrap())
        };
        let plain = line("restart");
        // The very program that the step `build` made.
        let words = "release/parlor-bench run restart --targets --seed 7";
        assert!(plain.contains(words), "{plain}");
        assert_eq!(bench("restart").seeds, 20);
        let slow = line("many-rooms-slow-disk");
        assert!(
            slow.starts_with(PRELOAD) && !slow.contains("--targets"),
            "{slow}"
        );
        assert!(line("replay").contains("--read-back --targets --corpus "));
    }
}
