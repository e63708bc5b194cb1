//! Programs run from the root of the workspace, as a person would run them there.

use std::env;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Why a task did not end well. The text is for the person who ran it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("`{line}` could not start: {source}")]
    Start { line: String, source: io::Error },
    #[error("`{line}` failed")]
    Program { line: String },
    #[error("{action} {path}: {source}")]
    File {
        action: &'static str,
        path: String,
        source: io::Error,
    },
    #[error("`{line}` wrote what cannot be read: {reason}")]
    Output { line: String, reason: String },
    #[error("{0}")]
    Unmet(String),
}

/// What `cargo run` sets for this program and must not leak into the cargo it starts:
/// build scripts that watch these would run again, and everything above them be rebuilt.
const OWN_VARIABLES: [&str; 2] = ["CARGO_PKG_", "CARGO_MANIFEST_"];

/// The root of the workspace. Read when run: a target folder may serve several checkouts.
pub(crate) fn root() -> PathBuf {
    match env::var_os("CARGO_MANIFEST_DIR") {
        Some(own) => PathBuf::from(own).join(".."),
        None => PathBuf::from("."),
    }
}

/// `name` with `arguments`, ready to run at the root.
pub(crate) fn program(name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(name);
    command.args(arguments).current_dir(root());
    for (key, _) in env::vars_os().filter(|(key, _)| is_own(key)) {
        command.env_remove(key);
    }
    command
}

/// `cargo` with `arguments`, ready to run at the root.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    program("cargo", arguments)
}

/// Runs to the end, its output on this terminal.
pub(crate) fn run(mut command: Command) -> Result<(), Failure> {
    let status = command.status().map_err(|source| Failure::Start {
        line: line(&command),
        source,
    })?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::Program {
        line: line(&command),
    })
}

/// Runs to the end and gives back what it wrote to standard output, as text.
pub(crate) fn output(mut command: Command) -> Result<String, Failure> {
    let done = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| Failure::Start {
            line: line(&command),
            source,
        })?;
    if !done.status.success() {
        return Err(Failure::Program {
            line: line(&command),
        });
    }
    String::from_utf8(done.stdout).map_err(|bad| Failure::Output {
        line: line(&command),
        reason: bad.to_string(),
    })
}

/// Whether it runs and ends well; nothing is shown.
pub(crate) fn succeeds(mut command: Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The command as one would type it.
pub(crate) fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

fn is_own(key: &OsString) -> bool {
    let key = key.to_string_lossy();
    OWN_VARIABLES.iter().any(|prefix| key.starts_with(prefix))
}
