//! What a soak found: tables for people, and the same for machines.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

/// How a step ended.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) name: String,
    /// What to type for it again.
    pub(super) line: String,
    pub(super) held: bool,
    pub(super) took: Duration,
    /// Reports of the load generator, one a run.
    pub(super) runs: Vec<Value>,
    /// Figures that tests printed: what, figure, bound.
    pub(super) figures: Vec<[String; 3]>,
}

impl Outcome {
    pub(super) fn result(&self) -> String {
        let word = if self.held { "held" } else { "FAILED" };
        format!("{word}, {} s", self.took.as_secs())
    }
}

/// One line of a verdict over all runs of a step.
#[derive(Debug, PartialEq)]
struct Line {
    target: String,
    lowest: Option<f64>,
    highest: Option<f64>,
    held: bool,
}

/// What begins a figure in the output of a test.
const FIGURE: &str = "figure: ";

/// Figures in the output of tests, as they print them: `figure: WHAT | FIGURE | BOUND`.
pub(super) fn figures(log: &str) -> Vec<[String; 3]> {
    let lines = log
        .lines()
        .filter_map(|line| line.trim().strip_prefix(FIGURE));
    lines
        .map(|line| {
            let mut parts = line.splitn(3, '|').map(|part| part.trim().to_owned());
            std::array::from_fn(|_| parts.next().unwrap_or_default())
        })
        .collect()
}

/// The verdict of one step, a line each, for the terminal.
pub(super) fn verdict(outcome: &Outcome) -> Vec<String> {
    let mut said: Vec<_> = lines(outcome)
        .into_iter()
        .map(|(name, line)| {
            let word = if line.held { "held" } else { "MISSED" };
            format!("{name}: {} ({}) {word}", span(&line), line.target)
        })
        .collect();
    said.extend(outcome.figures.iter().map(|figure| figure.join(" | ")));
    said
}

/// Everything, to be read, or pasted into `docs/performance.md`.
pub(super) fn markdown(outcomes: &[Outcome]) -> String {
    let mut text = "# Soak\n\n| step | result | command |\n| --- | --- | --- |\n".to_owned();
    for it in outcomes {
        text += &format!("| {} | {} | `{}` |\n", it.name, it.result(), it.line);
    }
    if outcomes.iter().any(|it| !it.runs.is_empty()) {
        text += "\n## Loads\n\n| load | p50 / p95 / p99 / max | acknowledged p50 / p99 | \
                 CPU a delivery | CPU | RSS | of a link |\n| --- | --- | --- | --- | --- | --- | --- |\n";
        let runs = |it: &Outcome| {
            it.runs
                .iter()
                .map(|run| row(&it.name, run))
                .collect::<String>()
        };
        text += &outcomes.iter().map(runs).collect::<String>();
    }
    text += "\n## Lines\n\n| step | line | target | figure | result |\n| --- | --- | --- | --- | --- |\n";
    for it in outcomes {
        for (name, line) in lines(it) {
            let word = if line.held { "held" } else { "MISSED" };
            text += &format!(
                "| {} | {name} | {} | {} | {word} |\n",
                it.name,
                line.target,
                span(&line)
            );
        }
        for [what, figure, bound] in &it.figures {
            text += &format!("| {} | {what} | {bound} | {figure} | |\n", it.name);
        }
    }
    text
}

pub(super) fn json(outcomes: &[Outcome]) -> Value {
    let step = |it: &Outcome| {
        json!({
            "step": it.name,
            "command": it.line,
            "held": it.held,
            "seconds": it.took.as_secs_f64(),
            "runs": it.runs,
            "figures": it.figures,
        })
    };
    json!({ "steps": outcomes.iter().map(step).collect::<Vec<_>>() })
}

/// By line of the verdict, in the order of the first run.
fn lines(outcome: &Outcome) -> Vec<(String, Line)> {
    let mut order = Vec::new();
    let mut lines: BTreeMap<String, Line> = BTreeMap::new();
    let verdicts = outcome
        .runs
        .iter()
        .filter_map(|run| run["verdict"].as_array());
    for judged in verdicts.flatten() {
        let name = judged["line"].as_str().unwrap_or_default().to_owned();
        let figure = judged["figure"].as_f64();
        let held = judged["held"].as_bool().unwrap_or(false);
        let line = lines.entry(name.clone()).or_insert_with(|| {
            order.push(name);
            Line {
                target: judged["target"].as_str().unwrap_or_default().to_owned(),
                lowest: figure,
                highest: figure,
                held: true,
            }
        });
        line.held &= held;
        line.lowest = least(line.lowest, figure);
        line.highest = line.highest.zip(figure).map(|(one, other)| one.max(other));
    }
    let mut ordered = Vec::new();
    for name in order {
        if let Some(line) = lines.remove(&name) {
            ordered.push((name, line));
        }
    }
    ordered
}

/// Unknown in one run is unknown in all.
fn least(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    one.zip(other).map(|(one, other)| one.min(other))
}

fn span(line: &Line) -> String {
    match (line.lowest, line.highest) {
        (Some(lowest), Some(highest)) if lowest < highest => {
            format!("{} to {}", number(lowest), number(highest))
        }
        (Some(figure), _) => number(figure),
        _ => "unknown".to_owned(),
    }
}

fn row(name: &str, run: &Value) -> String {
    let server = &run["server"];
    let times = |key: &str, shares: &[&str]| {
        let figures = shares.iter().map(|share| of(&run[key][share], 1.0, ""));
        format!("{} ms", figures.collect::<Vec<_>>().join(" / "))
    };
    let seed = match run["seed"].as_u64() {
        Some(seed) if seed != 1 => format!(" (seed {seed})"),
        _ => String::new(),
    };
    format!(
        "| {name}{seed} | {} | {} | {} | {} | {} | {} |\n",
        times("latency_ms", &["p50", "p95", "p99", "max"]),
        times("ack_ms", &["p50", "p99"]),
        of(&server["cpu_us_per_delivery"], 1.0, " µs"),
        of(&server["cpu_share"], 100.0, " % of a core"),
        of(&server["rss_peak_bytes"], 1e-6, " MB"),
        of(&server["rss_per_link_bytes"], 1.0 / 1024.0, " KiB"),
    )
}

fn of(value: &Value, factor: f64, unit: &str) -> String {
    match value.as_f64() {
        Some(figure) => format!("{}{unit}", number(figure * factor)),
        None => "–".to_owned(),
    }
}

fn number(figure: f64) -> String {
    let digits = match figure.abs() {
        size if size >= 100.0 || figure.fract() == 0.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    format!("{figure:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(seed: u64, back: Option<f64>, held: bool) -> Value {
        json!({
            "seed": seed,
            "verdict": [
                { "line": "no errors", "target": "≤ 0", "figure": 0.0, "held": true },
                { "line": "all back", "target": "≤ 4000 ms", "figure": back, "held": held },
            ],
            "latency_ms": { "p50": 1.5, "p95": 3.0, "p99": 12.25, "max": null },
            "ack_ms": { "p50": 1.0, "p99": 9.0 },
            "server": { "cpu_us_per_delivery": 3.156, "rss_peak_bytes": 120_400_000u64 },
        })
    }

    fn outcome(runs: Vec<Value>) -> Outcome {
        Outcome {
            name: "restart".to_owned(),
            line: "cargo run".to_owned(),
            held: false,
            took: Duration::from_secs(61),
            runs,
            figures: Vec::new(),
        }
    }

    #[test]
    fn a_line_over_several_runs_is_held_where_each_run_held_it() {
        let outcome = outcome(vec![
            run(1, Some(2_100.0), true),
            run(2, Some(4_500.0), false),
        ]);
        let said = verdict(&outcome);
        assert_eq!(
            said,
            [
                "no errors: 0 (≤ 0) held",
                "all back: 2100 to 4500 (≤ 4000 ms) MISSED"
            ]
        );
    }

    #[test]
    fn what_one_run_does_not_know_is_unknown() {
        let outcome = outcome(vec![run(1, Some(2_100.0), true), run(2, None, false)]);
        assert_eq!(verdict(&outcome)[1], "all back: unknown (≤ 4000 ms) MISSED");
    }

    #[test]
    fn the_tables_can_be_pasted() {
        let text = markdown(&[outcome(vec![run(3, Some(1.0), true)])]);
        for row in [
            "| restart | FAILED, 61 s | `cargo run` |",
            "| restart (seed 3) | 1.50 / 3 / 12.2 / – ms | 1 / 9 ms | 3.16 µs | – | 120 MB | – |",
            "| restart | all back | ≤ 4000 ms | 1 | held |",
        ] {
            assert!(text.contains(row), "{row}\n{text}");
        }
    }

    #[test]
    fn figures_of_tests_are_found_in_their_output() {
        let log =
            "running 1 test\n    figure: 2 % loss | p50 11 ms | ≤ 60 ms\nok\nfigure: gap | 3 ms\n";
        assert_eq!(
            figures(log),
            [["2 % loss", "p50 11 ms", "≤ 60 ms"], ["gap", "3 ms", ""]]
        );
    }
}
