//! `parlor-server` as a process of ours, on a temporary folder, with limits made for load.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::{sleep, timeout};

use super::http;
use super::metrics::Metrics;
use super::program::{Program, beside_this_one};
use crate::accounts::{Accounts, AccountsError};

/// Time that a server has to be ready.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// How often it is asked whether it is.
const ASK_EVERY: Duration = Duration::from_millis(5);
/// Time to make accounts: thousands of them, on a slow disk.
const PREPARE_WITHIN: Duration = Duration::from_secs(300);
/// Names a library that is preloaded into each server process: a slower disk, for one.
const PRELOAD: &str = "PARLOR_BENCH_SERVER_PRELOAD";
/// End of a server's log that an error shows, bytes.
const LOG_TAIL_BYTES: usize = 2_000;

/// Settings that differ from the usual ones, and how a report says so where the accounts do not:
/// they are made without limits of their own.
const RAISED: [(&str, &str, &str); 4] = [
    ("PARLOR_LIMITS_ADDRESSES", "false", ""),
    ("PARLOR_LINK_MAX", "100000", "links at one time → 100,000"),
    (
        "PARLOR_LIMITS_LOG_INS_BURST",
        "1000000",
        "log-ins at once → 1,000,000",
    ),
    ("PARLOR_LOG_LEVEL", "warn", ""),
];

/// Why a server cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error(
        "parlor-server is not beside this program; build it first: cargo build --release -p parlor-server"
    )]
    NotFound,
    #[error("cannot make a temporary folder: {0}")]
    Folder(std::io::Error),
    #[error("cannot find a free port: {0}")]
    Port(std::io::Error),
    #[error("cannot start {}: {error}", program.display())]
    Start {
        program: PathBuf,
        error: std::io::Error,
    },
    #[error("the server ended while starting; the end of its log:\n{log}")]
    Died { log: String },
    #[error("the server was not ready within {} s; the end of its log:\n{log}", READY_WITHIN.as_secs())]
    NotReady { log: String },
    #[error("the accounts could not be made: {0}")]
    Prepare(String),
    #[error("{0}")]
    Accounts(#[from] AccountsError),
}

/// A server process; its folder goes when it is dropped.
#[derive(Debug)]
pub struct OwnServer {
    program: PathBuf,
    folder: TempDir,
    port: u16,
    http: SocketAddr,
    process: Option<Program>,
}

impl OwnServer {
    /// Starts one and waits until it is ready.
    pub async fn start() -> Result<Self, ServerError> {
        let program = beside_this_one("parlor-server").ok_or(ServerError::NotFound)?;
        let local = (Ipv4Addr::LOCALHOST, 0);
        // Both are free again before the server takes them; a port lost meanwhile is its error.
        let port = UdpSocket::bind(local).and_then(|socket| socket.local_addr());
        let http = TcpListener::bind(local).and_then(|socket| socket.local_addr());
        let mut server = Self {
            program,
            folder: tempfile::Builder::new()
                .prefix("parlor-bench-")
                .tempdir()
                .map_err(ServerError::Folder)?,
            port: port.map_err(ServerError::Port)?.port(),
            http: http.map_err(ServerError::Port)?,
            process: None,
        };
        server.serve().await?;
        Ok(server)
    }

    /// Starts the process on the same folder and ports, and waits until it is ready. Gives back
    /// when it was.
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
        let process = Program::start(&mut command).map_err(|error| ServerError::Start {
            program: self.program.clone(),
            error,
        })?;
        self.process = Some(process);
        self.ready().await
    }

    async fn ready(&mut self) -> Result<Instant, ServerError> {
        let deadline = Instant::now() + READY_WITHIN;
        while Instant::now() < deadline {
            if self.died().is_some() {
                return Err(ServerError::Died { log: self.tail() });
            }
            if let Some((200, _)) = http::get(self.http, "/health/ready").await {
                return Ok(Instant::now());
            }
            sleep(ASK_EVERY).await;
        }
        Err(ServerError::NotReady { log: self.tail() })
    }

    /// Makes accounts and rooms, each account a member of one room.
    pub async fn prepare(&self, users: u32, rooms: u32) -> Result<Accounts, ServerError> {
        let mut command = self.command();
        command
            .args(["bench", "prepare"])
            .args(["--users", &users.to_string(), "--rooms", &rooms.to_string()])
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let failed = |error: std::io::Error| ServerError::Start {
            program: self.program.clone(),
            error,
        };
        let output = match timeout(PREPARE_WITHIN, command.output()).await {
            Ok(output) => output.map_err(failed)?,
            Err(_) => return Err(ServerError::Prepare("it took too long".to_owned())),
        };
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(ServerError::Prepare(said));
        }
        let mut accounts = Accounts::read(&output.stdout[..])?;
        let raised = RAISED.iter().map(|it| it.2).filter(|it| !it.is_empty());
        accounts.raised.extend(raised.map(str::to_owned));
        Ok(accounts)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PARLOR_") {
                command.env_remove(name);
            }
        }
        command
            .env("PARLOR_DATA_FOLDER", self.data())
            .env("PARLOR_LISTEN_ADDRESS", "127.0.0.1")
            .env("PARLOR_LISTEN_PORT", self.port.to_string())
            .env("PARLOR_SERVER_PUBLIC_ADDRESS", "127.0.0.1")
            .env("PARLOR_HTTP_LISTEN", self.http.to_string());
        for (name, value, _) in RAISED {
            command.env(name, value);
        }
        command
    }

    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().and_then(Program::pid)
    }

    /// Why the process ended, if it did.
    pub fn died(&mut self) -> Option<String> {
        let status = self.process.as_mut()?.ended()?;
        Some(format!(
            "the server ended ({status}); the end of its log:\n{}",
            self.tail()
        ))
    }

    pub async fn metrics(&self) -> Option<Metrics> {
        match http::get(self.http, "/metrics").await {
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

    pub(super) async fn end(mut self: Box<Self>) {
        self.terminate().await;
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }

    /// The end of the log.
    fn tail(&self) -> String {
        tail(&self.log()).unwrap_or_else(|| "(no log)".to_owned())
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
