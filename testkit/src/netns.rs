//! Whole networks for tests, where the machine allows them: network namespaces joined by a pair of
//! virtual cards with loss ([`Veth`]), or by a seeded relay of IP packets ([`TunNet`]).
//!
//! What a namespace holds is a network of its own: its addresses meet nobody else's. Programs enter
//! it by [`Namespace::command`], sockets of this process by [`Namespace::run`]. Ask [`support`]
//! first, and note a skipped test where it says no. Setting up blocks for some milliseconds.

mod tun;
mod veth;

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

pub use tun::{Carried, TunNet};
pub use veth::Veth;

/// Where `ip netns` keeps the handles of namespaces.
const HANDLES: &str = "/run/netns";

/// A network could not be made or used.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    #[error("networks of one's own need root; run the tests as root to have them")]
    NotRoot,
    #[error("this system allows no network namespaces here: {0}")]
    Forbidden(String),
    #[error("`{command}` cannot be run: {error}; `cargo xtask setup` installs it")]
    Missing { command: String, error: io::Error },
    #[error("`{command}`: {said}")]
    Command { command: String, said: String },
    #[error("a network: {0}")]
    System(#[from] io::Error),
    #[error(transparent)]
    Plan(#[from] crate::relay::BadPlan),
}

/// Whether this machine lets this process make networks of its own; the error is the reason for
/// a skipped test.
///
/// # Errors
/// [`NetError`]: why not.
pub fn support() -> Result<(), NetError> {
    if !rustix::process::geteuid().is_root() {
        return Err(NetError::NotRoot);
    }
    let forbidden = |error: NetError| match error {
        NetError::Command { said, .. } => NetError::Forbidden(said),
        other => other,
    };
    let probe = Veth::new().map_err(forbidden)?;
    probe.lose(1.0).map_err(forbidden)?;
    File::options()
        .read(true)
        .write(true)
        .open("/dev/net/tun")
        .map_err(|error| NetError::Forbidden(format!("/dev/net/tun: {error}")))?;
    Ok(())
}

/// A network namespace with its loopback up; gone, with all that is in it, when dropped.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// A new one.
    ///
    /// # Errors
    /// [`NetError`].
    pub fn new() -> Result<Namespace, NetError> {
        let name = unique();
        run("ip", &["netns", "add", &name], "")?;
        let namespace = Namespace { name };
        namespace.ip("link set lo up")?;
        Ok(namespace)
    }

    /// What `ip netns` knows it by.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A program that will run in it.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]);
        command
    }

    /// Runs `work` in it, on a thread of its own: a socket made there stays in this network
    /// wherever it is used afterwards.
    ///
    /// # Errors
    /// The namespace cannot be entered.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, NetError> {
        let handle = File::open(PathBuf::from(HANDLES).join(&self.name))?;
        let done = std::thread::scope(|scope| {
            let inside = move || {
                let network = Some(LinkNameSpaceType::Network);
                move_into_link_name_space(handle.as_fd(), network)?;
                Ok::<T, io::Error>(work())
            };
            scope.spawn(inside).join()
        });
        match done {
            Ok(result) => Ok(result?),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// `ip` with these words, in it.
    fn ip(&self, words: &str) -> Result<(), NetError> {
        let mut all = vec!["-netns", &self.name];
        all.extend(words.split(' '));
        run("ip", &all, "")
    }

    /// Gives these rules to nftables, in it.
    fn nft(&self, rules: &str) -> Result<(), NetError> {
        let words = ["netns", "exec", &self.name, "nft", "-f", "-"];
        run("ip", &words, rules)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = run("ip", &["netns", "del", &self.name], "");
    }
}

/// A name that no other namespace or card of a test has; 15 characters at most, as cards need.
fn unique() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("pl{}-{number}", std::process::id())
}

/// Runs a program to its end, `input` on its standard input.
fn run(program: &str, words: &[&str], input: &str) -> Result<(), NetError> {
    let command = format!("{program} {}", words.join(" "));
    let missing = |error| NetError::Missing {
        command: program.to_owned(),
        error,
    };
    let mut child = Command::new(program)
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(missing)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read its input says why by its status.
        let _ = stdin.write_all(input.as_bytes());
    }
    let Output { status, stderr, .. } = child.wait_with_output()?;
    if status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&stderr).trim().to_owned();
    Err(NetError::Command { command, said })
}
