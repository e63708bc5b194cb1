//! The data folder and the server that may run on it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::Finding;
use crate::config::Config;
use crate::data::{Paths, is_in_use};
use crate::ops::admin::{Admin, Answer, Client, Command, Status};

/// Free space below which commits may soon fail, and below which they will, bytes.
const SPACE_LOW_BYTES: u64 = 1024 * 1024 * 1024;
const SPACE_OUT_BYTES: u64 = 64 * 1024 * 1024;

/// The server that runs on the data folder.
pub(super) async fn running(config: &Config) -> Option<Status> {
    let paths = Paths::of(&config.data.folder);
    let client = Client::connect(&paths.admin_socket()).await.ok()?;
    match client.run(Command::Status).await {
        Ok(Answer::Status(status)) => Some(status),
        _ => None,
    }
}

pub(super) fn examine(config: &Config, server: Option<&Status>) -> Vec<Finding> {
    let folder = &config.data.folder;
    vec![
        server_finding(folder, server),
        rights(folder),
        space(folder),
    ]
}

fn server_finding(folder: &Path, server: Option<&Status>) -> Finding {
    match server {
        Some(Status {
            not_ready: Some(reason),
            ..
        }) => Finding::problem("server", format!("runs, but is not ready: {reason}")),
        Some(status) => Finding::good(
            "server",
            format!(
                "runs as process {} with {} links",
                status.process, status.links
            ),
        ),
        None if folder.exists() && is_in_use(folder) => Finding::problem(
            "server",
            "something holds the data folder and does not answer; it may be starting or stopping: try again",
        ),
        None => Finding::good("server", "does not run"),
    }
}

fn rights(folder: &Path) -> Finding {
    let check = "data folder";
    let shown = folder.display();
    let metadata = match fs::metadata(folder) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return absent(folder),
        Err(error) => {
            let text =
                format!("{shown} cannot be looked at: {error}; run this as the server's user");
            return Finding::problem(check, text);
        }
    };
    if !metadata.is_dir() {
        let text = format!("{shown} is a file; give a folder with --data");
        return Finding::problem(check, text);
    }
    if rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_err() {
        let text = format!("{shown} is not writable for this user; run this as the server's user");
        return Finding::problem(check, text);
    }
    if metadata.mode() & 0o077 != 0 {
        let text = format!(
            "{shown} is open to others; the server closes it at its next start, or run: chmod 700 {shown}"
        );
        return Finding::warning(check, text);
    }
    Finding::good(check, shown.to_string())
}

/// A folder that is not there is made by `serve`, if its parent lets it.
fn absent(folder: &Path) -> Finding {
    let parent = folder.ancestors().skip(1).find(|parent| parent.exists());
    let shown = folder.display();
    match parent {
        Some(parent) if rustix::fs::access(parent, rustix::fs::Access::WRITE_OK).is_err() => {
            let text = format!(
                "{shown} cannot be made: {} is not writable for this user; give another with --data",
                parent.display()
            );
            Finding::problem("data folder", text)
        }
        _ => Finding::good("data folder", format!("{shown}, which `serve` will make")),
    }
}

fn space(folder: &Path) -> Finding {
    let there = folder.ancestors().find(|folder| folder.exists());
    let found = there.map(rustix::fs::statvfs);
    let Some(Ok(found)) = found else {
        return Finding::warning("disk", "free space cannot be read");
    };
    judge_space(found.f_bavail.saturating_mul(found.f_frsize))
}

fn judge_space(free_bytes: u64) -> Finding {
    let text = format!("{} MiB free", free_bytes / (1024 * 1024));
    if free_bytes < SPACE_OUT_BYTES {
        let text = format!("{text}: messages cannot be saved; make room");
        return Finding::problem("disk", text);
    }
    if free_bytes < SPACE_LOW_BYTES {
        return Finding::warning("disk", format!("{text}: make room soon"));
    }
    Finding::good("disk", text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::Level;

    #[test]
    fn space_is_judged_by_what_a_commit_needs() {
        assert_eq!(judge_space(0).level, Level::Problem);
        assert_eq!(judge_space(SPACE_OUT_BYTES).level, Level::Warning);
        assert_eq!(judge_space(SPACE_LOW_BYTES).level, Level::Good);
    }
}
