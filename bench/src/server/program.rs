//! A child process that is ours to start and to end.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Time that a process has to end after SIGTERM before it is killed.
const END_WITHIN: Duration = Duration::from_secs(10);

/// A running program. Killed when it is dropped.
#[derive(Debug)]
pub(super) struct Program {
    child: Child,
}

impl Program {
    pub(super) fn start(command: &mut Command) -> std::io::Result<Self> {
        let child = command.stdin(Stdio::null()).kill_on_drop(true).spawn()?;
        Ok(Self { child })
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    pub(super) fn stdout(&mut self) -> Option<tokio::process::ChildStdout> {
        self.child.stdout.take()
    }

    /// Its status, if it has ended.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Asks it to end.
    pub(super) fn terminate(&self) {
        if let Some(pid) = self.pid().and_then(|pid| Pid::from_raw(pid as i32)) {
            // A process that is gone already needs no signal.
            let _ = kill_process(pid, Signal::TERM);
        }
    }

    /// kill -9, and waits for the kernel to be done with it.
    pub(super) async fn kill(&mut self) {
        let _ = self.child.kill().await;
    }

    /// Waits for its end after [`Program::terminate`]; kills it when that takes too long. Whether
    /// it ended by itself.
    pub(super) async fn ends(&mut self) -> bool {
        match timeout(END_WITHIN, self.child.wait()).await {
            Ok(_) => true,
            Err(_) => {
                self.kill().await;
                false
            }
        }
    }
}

/// A program that stands beside this one, or one folder above (where tests stand).
pub(crate) fn beside_this_one(name: &str) -> Option<PathBuf> {
    let this = std::env::current_exe().ok()?;
    let folder = this.parent()?;
    [folder, folder.parent()?]
        .into_iter()
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}
