//! The person's own editor, and the shell behind Ctrl-Z.

use std::io::Write;
use std::process::Command;

/// Lets the person edit a text in `$VISUAL` or `$EDITOR`. `Err`: why not, and what to do.
pub(super) fn edit(text: &str) -> Result<String, String> {
    let chosen = ["VISUAL", "EDITOR"].into_iter().find_map(|name| {
        std::env::var(name)
            .ok()
            .filter(|value| !value.trim().is_empty())
    });
    let chosen = chosen.unwrap_or_else(|| "vi".to_owned());
    // `code --wait` is a program and its arguments.
    let mut words = chosen.split_whitespace();
    let program = words.next().unwrap_or("vi");
    let failed = |error: std::io::Error| {
        format!(
            "the editor {program} could not be used ({error}): set EDITOR to one that is installed"
        )
    };
    let mut file = tempfile::Builder::new()
        .prefix("parlor-")
        .suffix(".md")
        .tempfile()
        .map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    let status = Command::new(program)
        .args(words)
        .arg(file.path())
        .status()
        .map_err(failed)?;
    if !status.success() {
        return Err(format!(
            "{program} ended with an error: your text is as it was"
        ));
    }
    let edited = std::fs::read_to_string(file.path()).map_err(failed)?;
    Ok(edited.strip_suffix('\n').unwrap_or(&edited).to_owned())
}

/// Stops this program until the shell lets it go on.
#[cfg(unix)]
pub(super) fn suspend() {
    use rustix::process::{Signal, getpid, kill_process};
    // Refused only where there is no such process, which this one is.
    let _ = kill_process(getpid(), Signal::TSTP);
}

#[cfg(not(unix))]
pub(super) fn suspend() {}
