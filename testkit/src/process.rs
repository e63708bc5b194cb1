//! A real server in a process of its own: killed, told to stop, started again on the same folder
//! and port, backed up and restored, as an operator would.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use parlor_client_core::net::{Dial, Endpoint, Target, Trust};
use parlor_protocol::link::{JoinLink, LinkError, ServerAddress};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::port::{FreePort, PortError};

/// Longest that a start may take on a machine that does other things as well.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// Longest that a server may take to end after SIGTERM.
const END_WITHIN: Duration = Duration::from_secs(15);
/// What the ready line begins with.
const READY: &str = "parlor-server ready on UDP ";

/// A place for a server: folder, port and program. The server comes and goes.
#[derive(Debug)]
pub struct ServerProcess {
    program: PathBuf,
    folder: TempDir,
    port: FreePort,
    /// `--set KEY=VALUE`, for every start.
    settings: Vec<String>,
    /// KiB of a disk of its own that the data lies on; its content goes with the process.
    disk_kib: Option<u32>,
    /// Variables of the environment, for every start.
    variables: Vec<(String, String)>,
    child: Option<Child>,
    owner_link: Option<JoinLink>,
}

/// A server process did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    #[error(transparent)]
    Port(#[from] PortError),
    #[error("the server's program or folder: {0}")]
    System(#[from] io::Error),
    #[error("the server ended before it was ready: {said}")]
    EndedEarly { said: String },
    #[error("the server was not ready within {} s", READY_WITHIN.as_secs())]
    NotReady,
    #[error("the server did not end within {} s of SIGTERM", END_WITHIN.as_secs())]
    NotEnded,
    #[error("`{command}` failed: {said}")]
    Command { command: String, said: String },
    #[error("the owner link cannot be read: {0}")]
    Link(#[from] LinkError),
}

impl ServerProcess {
    /// A place without a server yet. `program`: the server's, or this crate's `parlor-test-server`.
    ///
    /// # Errors
    /// No folder or no port.
    pub fn new(program: impl Into<PathBuf>) -> Result<Self, ProcessError> {
        Ok(Self {
            program: program.into(),
            folder: tempfile::tempdir()?,
            port: FreePort::take()?,
            settings: Vec::new(),
            disk_kib: None,
            variables: Vec::new(),
            child: None,
            owner_link: None,
        })
    }

    /// With a setting that differs from an installation nobody configured.
    #[must_use]
    pub fn set(mut self, key: &str, value: impl std::fmt::Display) -> Self {
        self.settings.push(format!("{key}={value}"));
        self
    }

    /// On a disk of so many KiB that the server has for itself: a file system in memory, in a
    /// mount namespace of the process. Where the system allows none, a limit of file sizes stands
    /// in for it, which a database takes for a failing disk: see [`has_own_disks`].
    #[must_use]
    pub fn on_a_disk_of(mut self, kib: u32) -> Self {
        self.disk_kib = Some(kib);
        self
    }

    /// With a variable of the environment.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Beside the data: for backups.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn socket_address(&self) -> SocketAddr {
        self.port.loopback()
    }

    pub fn address(&self) -> ServerAddress {
        ServerAddress {
            hosts: vec![Ipv4Addr::LOCALHOST.to_string()],
            port: self.port.number(),
        }
    }

    /// The owner link, as the first start on the empty folder printed it.
    ///
    /// # Panics
    /// Before that start.
    pub fn owner_link(&self) -> &JoinLink {
        self.owner_link
            .as_ref()
            .expect("the first start printed an owner link")
    }

    /// The same, if a start on this folder printed one: of a cluster only the first node does.
    pub fn printed_owner_link(&self) -> Option<&JoinLink> {
        self.owner_link.as_ref()
    }

    /// Whether it was started and neither killed nor stopped since.
    pub fn is_running(&self) -> bool {
        self.child.is_some()
    }

    /// SIGSTOP: its connections stay open and nothing answers.
    ///
    /// # Errors
    /// What the system says.
    pub fn freeze(&self) -> Result<(), ProcessError> {
        self.signal(Signal::STOP)
    }

    /// SIGCONT: it goes on where it was.
    ///
    /// # Errors
    /// What the system says.
    pub fn thaw(&self) -> Result<(), ProcessError> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<(), ProcessError> {
        let id = self.child.as_ref().and_then(Child::id);
        let id = id.and_then(|id| Pid::from_raw(id.cast_signed()));
        let id = id.ok_or_else(|| io::Error::other("the server does not run"))?;
        Ok(kill_process(id, signal).map_err(io::Error::from)?)
    }

    /// How a client reaches the server, at another address where a relay stands before it.
    ///
    /// # Panics
    /// Before the first start, or where no client socket can be had.
    pub fn dial(&self, at: Option<SocketAddr>) -> Dial {
        let pin = self.owner_link().pin.expect("an own key has a pin");
        let address = at.map_or_else(
            || self.address(),
            |at| ServerAddress {
                hosts: vec![at.ip().to_string()],
                port: at.port(),
            },
        );
        let target = Target::new(address, Trust::Pins(vec![pin])).expect("a target");
        Dial::new(Endpoint::open().expect("a client endpoint"), target)
    }

    /// Starts and returns once the server is ready.
    ///
    /// # Errors
    /// [`ProcessError`]; a server that ends early says why on its last line.
    pub async fn start(&mut self) -> Result<(), ProcessError> {
        std::fs::create_dir_all(self.data())?;
        let mut child = self
            .command(&["serve"])
            .stdout(Stdio::piped())
            .stderr(Stdio::from(self.log()?))
            .kill_on_drop(true)
            .spawn()?;
        let out = child
            .stdout
            .take()
            .ok_or_else(|| io::Error::other("a piped output is missing"))?;
        let mut lines = BufReader::new(out).lines();
        let ready = async {
            while let Some(line) = lines.next_line().await? {
                if let Some((_, link)) = line.split_once("parlor join ") {
                    self.owner_link = Some(link.parse()?);
                }
                if line.starts_with(READY) {
                    return Ok(true);
                }
            }
            Ok::<_, ProcessError>(false)
        };
        match timeout(READY_WITHIN, ready).await {
            Err(_) => return Err(ProcessError::NotReady),
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => {
                let said = self.said();
                return Err(ProcessError::EndedEarly { said });
            }
            Ok(Err(error)) => return Err(error),
        }
        if let Some(link) = &mut self.owner_link {
            link.server = ServerAddress {
                hosts: vec![Ipv4Addr::LOCALHOST.to_string()],
                port: self.port.number(),
            };
        }
        self.child = Some(child);
        Ok(())
    }

    /// kill -9: whatever it had in memory is gone.
    ///
    /// # Errors
    /// What the system says.
    pub async fn kill(&mut self) -> Result<(), ProcessError> {
        if let Some(mut child) = self.child.take() {
            child.kill().await?;
        }
        Ok(())
    }

    /// SIGTERM: it moves its links away and ends.
    ///
    /// # Errors
    /// [`ProcessError::NotEnded`], or an end with another code than 0.
    pub async fn stop(&mut self) -> Result<(), ProcessError> {
        let Some(mut child) = self.child.take() else {
            return Ok(());
        };
        if let Some(id) = child
            .id()
            .and_then(|id| rustix::process::Pid::from_raw(id.cast_signed()))
        {
            rustix::process::kill_process(id, rustix::process::Signal::TERM)
                .map_err(io::Error::from)?;
        }
        let status = timeout(END_WITHIN, child.wait())
            .await
            .map_err(|_| ProcessError::NotEnded)??;
        if status.success() {
            Ok(())
        } else {
            Err(ProcessError::Command {
                command: "serve".to_owned(),
                said: format!("{status}: {}", self.said()),
            })
        }
    }

    /// Peak of its memory so far, bytes; `None` where the system does not tell.
    pub fn peak_memory_bytes(&self) -> Option<u64> {
        let id = self.child.as_ref()?.id()?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
        let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kib * 1024)
    }

    /// Runs a subcommand on the same folder and returns what it printed.
    ///
    /// # Errors
    /// [`ProcessError::Command`] with what it said.
    pub async fn run(&self, arguments: &[&str]) -> Result<String, ProcessError> {
        let output = self.command(arguments).output().await?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(ProcessError::Command {
            command: arguments.join(" "),
            said: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// The end of its log.
    pub fn said(&self) -> String {
        let log = std::fs::read_to_string(self.log_path()).unwrap_or_default();
        let from = log.len().saturating_sub(SAID_BYTES);
        log[log.ceil_char_boundary(from)..].to_owned()
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }

    fn log(&self) -> io::Result<std::fs::File> {
        std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log_path())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = match self.disk_kib {
            None => Command::new(&self.program),
            Some(kib) => {
                let mut command = Command::new("sh");
                let script = if has_own_disks() {
                    own_disk(kib)
                } else {
                    file_limit(kib)
                };
                command.arg("-c").arg(script);
                command.arg(self.data()).arg(&self.program);
                command
            }
        };
        command
            .args(arguments)
            .args(self.settings.iter().flat_map(|it| ["--set", it]))
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .env("HOME", self.folder.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("XDG_CONFIG_HOME", self.folder.path())
            .env("PARLOR_DATA_FOLDER", self.data())
            .env("PARLOR_LISTEN_ADDRESS", Ipv4Addr::LOCALHOST.to_string())
            .env("PARLOR_LISTEN_PORT", self.port.number().to_string())
            .env("PARLOR_HTTP_LISTEN", "off")
            .env("PARLOR_LIMITS_ADDRESSES", "false")
            .stdin(Stdio::null());
        command
    }
}

/// How much of the log an error shows.
const SAID_BYTES: usize = 2_000;

/// Whether the system lets a process mount a file system of its own.
pub fn has_own_disks() -> bool {
    let try_it = "exec unshare --map-root-user --mount mount -t tmpfs tmpfs /mnt";
    let tried = std::process::Command::new("sh")
        .args(["-c", try_it])
        .stderr(Stdio::null())
        .status();
    tried.is_ok_and(|status| status.success())
}

/// The script's `$0` is the folder, the rest what to run there.
fn own_disk(kib: u32) -> String {
    format!(
        "exec unshare --map-root-user --mount sh -c \
         'mount -t tmpfs -o mode=0700,size={kib}k tmpfs \"$0\" && exec \"$@\"' \"$0\" \"$@\""
    )
}

/// In blocks of 512 bytes; the signal that comes with it is ignored, so that writes fail instead.
fn file_limit(kib: u32) -> String {
    format!("trap '' XFSZ; ulimit -f {}; exec \"$@\"", kib * 2)
}
