//! `doctor`: checks this machine, the data folder and what a cluster shares before people rely on them.

mod certificate;
mod cluster;
mod machine;
mod place;

use clap::Args;
use serde::Serialize;

use super::{Failure, block_on, say};
use crate::config::Loaded;

#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Finding {
    check: &'static str,
    level: Level,
    /// What was found and, where it is not good, what to do.
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Good,
    /// Works, with a drawback.
    Warning,
    /// The server does not work so.
    Problem,
}

impl Finding {
    fn new(check: &'static str, level: Level, text: impl Into<String>) -> Self {
        Self {
            check,
            level,
            text: text.into(),
        }
    }

    fn good(check: &'static str, text: impl Into<String>) -> Self {
        Self::new(check, Level::Good, text)
    }

    fn warning(check: &'static str, text: impl Into<String>) -> Self {
        Self::new(check, Level::Warning, text)
    }

    fn problem(check: &'static str, text: impl Into<String>) -> Self {
        Self::new(check, Level::Problem, text)
    }
}

impl Doctor {
    pub(super) fn run(self, loaded: &Loaded) -> Result<(), Failure> {
        let findings = block_on(async { Ok(examine(loaded).await) })?;
        for finding in &findings {
            let line = match self.json {
                true => serde_json::to_string(finding).map_err(Failure::failed)?,
                false => line(finding),
            };
            say(&line)?;
        }
        let problems = findings
            .iter()
            .filter(|it| it.level == Level::Problem)
            .count();
        match problems {
            0 => Ok(()),
            1 => Err(Failure::Failed("there is a problem to solve".to_owned())),
            more => Err(Failure::Failed(format!(
                "there are {more} problems to solve"
            ))),
        }
    }
}

fn line(finding: &Finding) -> String {
    let mark = match finding.level {
        Level::Good => "good    ",
        Level::Warning => "warning ",
        Level::Problem => "PROBLEM ",
    };
    format!("{mark} {:<12} {}", finding.check, finding.text)
}

async fn examine(loaded: &Loaded) -> Vec<Finding> {
    let config = &loaded.config;
    let server = place::running(config).await;
    let mut findings = vec![settings(loaded)];
    findings.extend(place::examine(config, server.as_ref()));
    findings.extend(machine::examine(config, server.as_ref()).await);
    findings.extend(certificate::examine(config));
    findings.extend(cluster::examine_all(config, server.as_ref()).await);
    findings
}

fn settings(loaded: &Loaded) -> Finding {
    let text = match &loaded.file {
        Some(path) => format!("read from {}", path.display()),
        None => "no file; defaults, environment and flags".to_owned(),
    };
    Finding::good("settings", text)
}
