//! The floor as a process of its own, so that its CPU and memory are its own, too.

use std::process::Stdio;
use std::time::Duration;

use parlor_protocol::link::JoinLink;
use parlor_protocol::{Epoch, RoomId, UserId};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

use super::ServerError;
use super::program::Program;
use crate::accounts::{Account, Accounts};

/// Time that it has to be ready.
const READY_WITHIN: Duration = Duration::from_secs(10);

/// A bare server process.
#[derive(Debug)]
pub struct BareServer {
    process: Program,
    link: JoinLink,
}

impl BareServer {
    /// Starts one: this program under its hidden subcommand.
    pub async fn start() -> Result<Self, ServerError> {
        let program = std::env::current_exe().map_err(ServerError::Folder)?;
        let mut command = Command::new(&program);
        command.arg("bare-server").stdout(Stdio::piped());
        let mut process =
            Program::start(&mut command).map_err(|error| ServerError::Start { program, error })?;
        let line = timeout(READY_WITHIN, first_line(&mut process)).await;
        let link = line
            .ok()
            .flatten()
            .and_then(|line| line.strip_prefix("ready ")?.trim().parse().ok());
        match link {
            Some(link) => Ok(Self { process, link }),
            None => Err(ServerError::NotReady {
                log: "the bare server said nothing of use".to_owned(),
            }),
        }
    }

    /// Everybody may enter, as whoever they say they are.
    pub fn accounts(&self, users: u32, rooms: u32) -> Accounts {
        Accounts {
            link: self.link.clone(),
            epoch: Epoch(1),
            rooms: (0..rooms).map(|room| RoomId(id(room, b'r'))).collect(),
            raised: Vec::new(),
            users: (0..users).map(account).collect(),
        }
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.process.pid()
    }

    pub(super) fn died(&mut self) -> Option<String> {
        let status = self.process.ended()?;
        Some(format!("the bare server ended ({status})"))
    }

    pub(super) async fn end(mut self: Box<Self>) {
        self.process.kill().await;
    }
}

/// The bare server takes the first half of a token for the user's id.
fn account(index: u32) -> Account {
    let user = UserId(id(index, b'u'));
    let mut token = [0; 32];
    token[..16].copy_from_slice(user.as_bytes());
    Account {
        user,
        name: format!("user-{index}"),
        password: String::new(),
        token,
    }
}

fn id(index: u32, kind: u8) -> [u8; 16] {
    let mut id = [kind; 16];
    id[12..].copy_from_slice(&index.to_be_bytes());
    id
}

async fn first_line(process: &mut Program) -> Option<String> {
    let mut line = String::new();
    let mut lines = BufReader::new(process.stdout()?);
    lines.read_line(&mut line).await.ok()?;
    Some(line)
}
