//! One node: `parlor-server` as a process of ours, on a temporary folder, with limits made for load.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use parlor_protocol::link::ServerAddress;
use parlor_services::port::FreePort;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::sleep;

use super::error::ServerError;
use super::http;
use super::metrics::Metrics;
use super::program::Program;

/// Time that a server has to be ready.
pub(super) const READY_WITHIN: Duration = Duration::from_secs(30);
/// How often it is asked whether it is.
const ASK_EVERY: Duration = Duration::from_millis(5);
/// Names a library that is preloaded into each server process: a slower disk, for one.
const PRELOAD: &str = "PARLOR_BENCH_SERVER_PRELOAD";
/// End of a server's log that an error shows, bytes.
const LOG_TAIL_BYTES: usize = 2_000;

/// Settings that differ from the usual ones, and how a report says so where the accounts do not:
/// they are made without limits of their own.
pub(super) const RAISED: [(&str, &str, &str); 4] = [
    ("PARLOR_LIMITS_ADDRESSES", "false", ""),
    ("PARLOR_LINK_MAX", "100000", "links at one time → 100,000"),
    (
        "PARLOR_LIMITS_LOG_INS_BURST",
        "1000000",
        "log-ins at once → 1,000,000",
    ),
    ("PARLOR_LOG_LEVEL", "warn", ""),
];

/// A node's place: folder, ports, program. Its process comes and goes; the folder goes when this is
/// dropped.
#[derive(Debug)]
pub struct Node {
    program: PathBuf,
    folder: TempDir,
    port: FreePort,
    http: FreePort,
    /// The file by which it is one of a cluster.
    cluster: Option<PathBuf>,
    process: Option<Program>,
}

impl Node {
    /// A place without a process yet.
    pub(super) fn new(program: &Path, cluster: Option<&Path>) -> Result<Self, ServerError> {
        Ok(Self {
            program: program.to_owned(),
            folder: tempfile::Builder::new()
                .prefix("parlor-bench-")
                .tempdir()
                .map_err(ServerError::Folder)?,
            port: FreePort::take()?,
            http: FreePort::take()?,
            cluster: cluster.map(Path::to_owned),
            process: None,
        })
    }

    /// Starts the process, on the same folder and ports each time, and waits until it is ready.
    /// Gives back when it was.
    pub async fn serve(&mut self) -> Result<Instant, ServerError> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log())
            .map_err(ServerError::Folder)?;
        let also = log.try_clone().map_err(ServerError::Folder)?;
        let mut command = self.command();
        command.arg("serve").stdout(log).stderr(also);
        if let Some(library) = preloaded() {
            command.env("LD_PRELOAD", library);
        }
        let process = Program::start(&mut command).map_err(|error| self.not_started(error))?;
        self.process = Some(process);
        self.ready().await
    }

    async fn ready(&mut self) -> Result<Instant, ServerError> {
        let deadline = Instant::now() + READY_WITHIN;
        while Instant::now() < deadline {
            if self.died().is_some() {
                return Err(ServerError::Died { log: self.tail() });
            }
            if let Some((200, _)) = http::get(self.http.loopback(), "/health/ready").await {
                return Ok(Instant::now());
            }
            sleep(ASK_EVERY).await;
        }
        Err(ServerError::NotReady { log: self.tail() })
    }

    /// The program on this node's folder and ports, without a subcommand yet.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        without_settings(&mut command);
        if let Some(file) = &self.cluster {
            command.arg("--cluster").arg(file);
        }
        command
            .env("PARLOR_DATA_FOLDER", self.folder.path().join("data"))
            .env("PARLOR_LISTEN_ADDRESS", Ipv4Addr::LOCALHOST.to_string())
            .env("PARLOR_LISTEN_PORT", self.port.number().to_string())
            .env("PARLOR_SERVER_PUBLIC_ADDRESS", self.address().to_string())
            .env("PARLOR_HTTP_LISTEN", self.http.loopback().to_string());
        for (name, value, _) in RAISED {
            command.env(name, value);
        }
        command
    }

    pub(super) fn not_started(&self, error: std::io::Error) -> ServerError {
        let program = self.program.clone();
        ServerError::Start { program, error }
    }

    /// Where its clients go to.
    pub fn address(&self) -> ServerAddress {
        ServerAddress {
            hosts: vec![Ipv4Addr::LOCALHOST.to_string()],
            port: self.port.number(),
        }
    }

    /// The same for a socket.
    pub fn socket_address(&self) -> SocketAddr {
        self.port.loopback()
    }

    /// Its process, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().and_then(Program::pid)
    }

    /// Why the process ended, if it did by itself.
    pub fn died(&mut self) -> Option<String> {
        let status = self.process.as_mut()?.ended()?;
        Some(format!(
            "the server ended ({status}); the end of its log:\n{}",
            self.tail()
        ))
    }

    /// What it says of itself; `None` while it does not run.
    pub async fn metrics(&self) -> Option<Metrics> {
        self.process.as_ref()?;
        match http::get(self.http.loopback(), "/metrics").await {
            Some((200, text)) => Some(Metrics::parse(&text)),
            _ => None,
        }
    }

    /// SIGTERM; whether the process ended by itself within its time.
    pub async fn terminate(&mut self) -> bool {
        let Some(mut process) = self.process.take() else {
            return true;
        };
        process.terminate();
        process.ends().await
    }

    /// kill -9.
    pub async fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().await;
        }
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }

    /// The end of the log.
    fn tail(&self) -> String {
        tail(&self.log()).unwrap_or_else(|| "(no log)".to_owned())
    }
}

/// Whatever this process' environment says to a server is not meant for one under load.
pub(super) fn without_settings(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PARLOR_") {
            command.env_remove(name);
        }
    }
}

/// What a server is started with beside itself; a report names it.
pub fn preloaded() -> Option<PathBuf> {
    std::env::var_os(PRELOAD)
        .filter(|library| !library.is_empty())
        .map(PathBuf::from)
}

fn tail(path: &Path) -> Option<String> {
    let text = std::fs::read(path).ok()?;
    let from = text.len().saturating_sub(LOG_TAIL_BYTES);
    Some(String::from_utf8_lossy(&text[from..]).trim().to_owned())
}
