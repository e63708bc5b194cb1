//! The terminal client as a script uses it, with a home of its own.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use parlor_protocol::RoomId;
use parlor_protocol::link::JoinLink;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

use super::Line;
use crate::accounts::Account;
use crate::server::beside_this_one;

/// Time that one command may take.
const WITHIN: Duration = Duration::from_secs(120);

/// Why nothing could be read back.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("parlor is not beside this program; build it first: cargo build --release -p parlor")]
    NotFound,
    #[error("there is no account to read with")]
    NoAccount,
    #[error("cannot run {}: {error}", program.display())]
    Start {
        program: PathBuf,
        error: std::io::Error,
    },
    #[error("`parlor {command}` took more than {} s", WITHIN.as_secs())]
    Late { command: String },
    #[error("`parlor {command}` failed: {said}")]
    Failed { command: String, said: String },
    #[error("`parlor tail` printed what is no message: {reason}")]
    Line { reason: String },
}

#[derive(Debug)]
pub struct Client {
    program: PathBuf,
    home: TempDir,
}

impl Client {
    pub fn beside_this_one() -> Result<Self, ClientError> {
        let program = beside_this_one("parlor").ok_or(ClientError::NotFound)?;
        let home = tempfile::tempdir().map_err(|error| ClientError::Start {
            program: program.clone(),
            error,
        })?;
        Ok(Self { program, home })
    }

    pub async fn log_in(&self, link: &JoinLink, account: &Account) -> Result<(), ClientError> {
        let server = link.server.to_string();
        let mut arguments = vec!["login", &server, "--name", &account.name];
        let pin = link.pin.map(|pin| pin.to_string());
        if let Some(pin) = &pin {
            arguments.extend(["--pin", pin]);
        }
        arguments.push("--password-stdin");
        let password = format!("{}\n", account.password);
        self.run(&arguments, &password).await.map(drop)
    }

    /// A range of a room, byte for byte.
    pub async fn tail(
        &self,
        room: RoomId,
        from: u64,
        count: u64,
    ) -> Result<Vec<Line>, ClientError> {
        let (room, from, count) = (room.to_string(), from.to_string(), count.to_string());
        let arguments = ["tail", &room, "--from", &from, "-n", &count, "--json"];
        let printed = self.run(&arguments, "").await?;
        let lines = printed.lines().map(serde_json::from_str);
        lines
            .collect::<Result<_, _>>()
            .map_err(|error| ClientError::Line {
                reason: error.to_string(),
            })
    }

    async fn run(&self, arguments: &[&str], input: &str) -> Result<String, ClientError> {
        let command = arguments.first().copied().unwrap_or_default().to_owned();
        let failed = |error| ClientError::Start {
            program: self.program.clone(),
            error,
        };
        let mut child = Command::new(&self.program)
            .args(arguments)
            .env_clear()
            .env("HOME", self.home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        if let Some(mut stdin) = child.stdin.take() {
            // A program that refuses before it reads has closed its end, and says why.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        let output = match timeout(WITHIN, child.wait_with_output()).await {
            Ok(output) => output.map_err(failed)?,
            Err(_) => return Err(ClientError::Late { command }),
        };
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(ClientError::Failed { command, said });
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
