//! A private Redis: own folder, own free port, gone when dropped; killed, frozen and started again
//! on the same port as a test asks.

mod tls;

use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::port::{FreePort, PortError};
use tls::TlsFiles;

/// Longest that a start may take on a machine that does other things as well.
const READY_WITHIN: Duration = Duration::from_secs(20);
/// Longest that one command by `redis-cli` may take.
const COMMAND_WITHIN: Duration = Duration::from_secs(10);
/// What the log says once the port is open.
const READY: &str = "Ready to accept connections";

/// A place for a Redis: folder, port, password and keys. The server on it comes and goes.
#[derive(Debug)]
pub struct Redis {
    folder: TempDir,
    port: FreePort,
    password: Option<String>,
    tls: Option<TlsFiles>,
    /// Settings of `redis-server` beyond the usual ones, as on its command line.
    settings: Vec<String>,
    child: Option<Child>,
}

/// A Redis did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum RedisError {
    #[error(transparent)]
    Port(#[from] PortError),
    #[error("redis-server or redis-cli cannot be run: {0}; `cargo xtask setup` installs them")]
    System(#[from] io::Error),
    #[error("the keys for TLS: {0}")]
    Keys(#[from] rcgen::Error),
    #[error("redis-server ended before it was ready: {said}")]
    EndedEarly { said: String },
    #[error("redis-server was not ready within {} s", READY_WITHIN.as_secs())]
    NotReady,
    #[error("redis-server does not run; start it first")]
    NotRunning,
    #[error("`{command}` gave no answer within {} s", COMMAND_WITHIN.as_secs())]
    Silent { command: String },
    #[error("`{command}`: {status}: {said}")]
    Command {
        command: String,
        status: ExitStatus,
        said: String,
    },
}

impl Redis {
    /// A place without a server yet.
    ///
    /// # Errors
    /// No folder or no port.
    pub fn new() -> Result<Redis, RedisError> {
        Ok(Redis {
            folder: tempfile::tempdir()?,
            port: FreePort::take()?,
            password: None,
            tls: None,
            settings: Vec::new(),
            child: None,
        })
    }

    /// One that runs, without password or TLS.
    ///
    /// # Errors
    /// [`RedisError`].
    pub async fn running() -> Result<Redis, RedisError> {
        let mut redis = Redis::new()?;
        redis.start().await?;
        Ok(redis)
    }

    /// Only those who know the password get in.
    #[must_use]
    pub fn password(mut self, password: &str) -> Redis {
        self.password = Some(password.to_owned());
        self
    }

    /// TLS and nothing else, with a key of a private authority: see [`Redis::authority`].
    ///
    /// # Errors
    /// The keys could not be made or written.
    pub fn tls(mut self) -> Result<Redis, RedisError> {
        self.tls = Some(TlsFiles::make(self.folder.path())?);
        Ok(self)
    }

    /// A copy of another, which takes no writes.
    #[must_use]
    pub fn replica_of(self, primary: &Redis) -> Redis {
        let port = primary.port.number().to_string();
        self.set("replicaof", &["127.0.0.1", &port])
    }

    /// With one more setting of `redis-server`.
    #[must_use]
    pub fn set(mut self, name: &str, values: &[&str]) -> Redis {
        self.settings.push(format!("--{name}"));
        self.settings.extend(values.iter().map(|&it| it.to_owned()));
        self
    }

    /// How a server reaches it, password included.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() {
            "rediss"
        } else {
            "redis"
        };
        let password = self.password.as_ref();
        let password = password.map_or(String::new(), |it| format!(":{it}@"));
        format!("{scheme}://{password}127.0.0.1:{}", self.port.number())
    }

    /// The certificate, in PEM form, of the authority that signed its key; `None` without TLS.
    #[must_use]
    pub fn authority(&self) -> Option<&Path> {
        self.tls.as_ref().map(|it| it.authority.as_path())
    }

    /// Starts and returns once the port is open. Whatever an earlier one held is gone.
    ///
    /// # Errors
    /// [`RedisError`]; a server that ends early says why.
    pub async fn start(&mut self) -> Result<(), RedisError> {
        let mut child = self.server().spawn()?;
        let out = child.stdout.take();
        let out = out.ok_or_else(|| io::Error::other("a piped output is missing"))?;
        let mut lines = BufReader::new(out).lines();
        match timeout(READY_WITHIN, read_until_ready(&mut lines)).await {
            Err(_) => Err(RedisError::NotReady),
            Ok(Err(said)) => Err(RedisError::EndedEarly { said }),
            Ok(Ok(())) => {
                // A full pipe would stop the server; the task ends with it.
                tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                self.child = Some(child);
                Ok(())
            }
        }
    }

    /// kill -9.
    ///
    /// # Errors
    /// What the system says.
    pub async fn kill(&mut self) -> Result<(), RedisError> {
        if let Some(mut child) = self.child.take() {
            child.kill().await?;
        }
        Ok(())
    }

    /// kill -9, and a new one, empty, on the same port.
    ///
    /// # Errors
    /// [`RedisError`].
    pub async fn restart(&mut self) -> Result<(), RedisError> {
        self.kill().await?;
        self.start().await
    }

    /// SIGSTOP: connections stay open and nothing answers.
    ///
    /// # Errors
    /// [`RedisError::NotRunning`], or what the system says.
    pub fn freeze(&self) -> Result<(), RedisError> {
        self.signal(Signal::STOP)
    }

    /// SIGCONT: it goes on where it was.
    ///
    /// # Errors
    /// [`RedisError::NotRunning`], or what the system says.
    pub fn thaw(&self) -> Result<(), RedisError> {
        self.signal(Signal::CONT)
    }

    /// Runs one command by `redis-cli` and gives what it printed, such as `["FLUSHALL"]` or
    /// `["CLIENT", "KILL", "TYPE", "pubsub"]`.
    ///
    /// # Errors
    /// [`RedisError::Command`] with what it said, [`RedisError::Silent`].
    pub async fn command(&self, words: &[&str]) -> Result<String, RedisError> {
        let command = words.join(" ");
        let output = timeout(COMMAND_WITHIN, self.cli(words).output()).await;
        let silent = |_| RedisError::Silent {
            command: command.clone(),
        };
        let output = output.map_err(silent)??;
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if output.status.success() {
            return Ok(said);
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        Err(RedisError::Command {
            command,
            status: output.status,
            said: format!("{said}{}", errors.trim()),
        })
    }

    /// Its process, while it runs.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.child.as_ref()?.id()
    }

    fn signal(&self, signal: Signal) -> Result<(), RedisError> {
        let id = self.child.as_ref().and_then(Child::id);
        let id = id.and_then(|id| Pid::from_raw(id.cast_signed()));
        let id = id.ok_or(RedisError::NotRunning)?;
        Ok(kill_process(id, signal).map_err(io::Error::from)?)
    }

    fn server(&self) -> Command {
        let port = self.port.number().to_string();
        let mut command = Command::new("redis-server");
        command
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            // Replicas come by loopback, too: no wait for others to ask along.
            .args(["--repl-diskless-sync-delay", "0", "--dir"])
            .arg(self.folder.path())
            .args(&self.settings);
        match &self.tls {
            None => command.args(["--port", &port]),
            Some(files) => command
                .args(["--port", "0", "--tls-port", &port])
                .args(["--tls-auth-clients", "no", "--tls-cert-file"])
                .arg(&files.certificate)
                .arg("--tls-key-file")
                .arg(&files.key)
                .arg("--tls-ca-cert-file")
                .arg(&files.authority),
        };
        if let Some(password) = &self.password {
            command.args(["--requirepass", password]);
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        command
    }

    fn cli(&self, words: &[&str]) -> Command {
        let mut command = Command::new("redis-cli");
        // -e: an error of the server is an error of the program.
        command.args([
            "-e",
            "-h",
            "127.0.0.1",
            "-p",
            &self.port.number().to_string(),
        ]);
        if let Some(authority) = self.authority() {
            command.arg("--tls").arg("--cacert").arg(authority);
        }
        if let Some(password) = &self.password {
            command.env("REDISCLI_AUTH", password);
        }
        command.args(words).stdin(Stdio::null()).kill_on_drop(true);
        command
    }
}

/// `Err`: what it said, when it ended instead.
async fn read_until_ready(lines: &mut Lines<BufReader<ChildStdout>>) -> Result<(), String> {
    let mut said = Vec::new();
    while let Ok(Some(line)) = lines.next_line().await {
        if line.contains(READY) {
            return Ok(());
        }
        said.push(line);
    }
    // The reason stands among the last lines.
    let from = said.len().saturating_sub(5);
    Err(said[from..].join("; "))
}
