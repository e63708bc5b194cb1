//! `bench`: accounts and rooms for the load generator.

use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use data_encoding::BASE32_NOPAD;
use parlor_protocol::hello;

use super::reached::{Reached, unexpected};
use super::{Failure, block_on, say};
use crate::config::{Config, Loaded};
use crate::guard::password::hash_now;
use crate::ops::admin::{Answer, Command, LoadAccount, PAGE};

/// Format of the accounts file that the load generator reads.
const FORMAT: u32 = 1;

#[derive(Debug, Subcommand)]
pub(super) enum Load {
    /// Make accounts that no rate limits, each with a session and a member of one room, and write
    /// them as JSON lines for `parlor-bench run … --accounts FILE`
    Prepare(Prepare),
    /// Remove the accounts of load tests, their sessions, their rooms and all that was said there
    Cleanup,
}

#[derive(Debug, Args)]
pub(super) struct Prepare {
    /// How many accounts
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    users: u32,
    /// Rooms that they are spread over
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rooms: u32,
    /// File for the accounts, which are secrets [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Load {
    pub(super) fn run(self, loaded: &Loaded) -> Result<(), Failure> {
        block_on(async {
            let reached = Reached::new(loaded).await?;
            let outcome = match self {
                Self::Prepare(prepare) => prepare.run(&reached, &loaded.config).await,
                Self::Cleanup => clean_up(&reached).await,
            };
            reached.close().await;
            outcome
        })
    }
}

impl Prepare {
    async fn run(self, reached: &Reached, config: &Config) -> Result<(), Failure> {
        let mut out = self.output()?;
        let rooms = reached
            .run(Command::PrepareRooms { rooms: self.rooms })
            .await?;
        let Answer::Rooms { rooms, epoch, link } = rooms else {
            return Err(unexpected());
        };
        let header = serde_json::json!({
            "parlor_accounts": FORMAT,
            "link": link,
            "epoch": epoch,
            "rooms": rooms,
            "raised": raised(config),
        });
        write(&mut out, &header)?;
        // One password for all: a hash each would cost a core 20 ms an account.
        let (password, password_hash) = password()?;
        for first in (0..self.users).step_by(PAGE as usize) {
            let command = Command::PrepareAccounts {
                first,
                count: PAGE.min(self.users - first),
                rooms: rooms.clone(),
                password_hash: password_hash.clone(),
            };
            let Answer::Accounts { accounts } = reached.run(command).await? else {
                return Err(unexpected());
            };
            for account in accounts {
                let account = LoadAccount {
                    password: password.clone(),
                    ..account
                };
                write(&mut out, &account)?;
            }
        }
        out.flush().map_err(unwritable)
    }

    fn output(&self) -> Result<Box<dyn Write>, Failure> {
        let Some(path) = &self.out else {
            return Ok(Box::new(BufWriter::new(std::io::stdout())));
        };
        let opened = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path);
        let file = opened.map_err(|error| {
            Failure::Failed(format!("cannot write {}: {error}", path.display()))
        })?;
        Ok(Box::new(BufWriter::new(file)))
    }
}

/// What reports must name: limits that these accounts do not have, or that were set apart.
fn raised(config: &Config) -> Vec<String> {
    let limits = &config.limits;
    let usual = [
        ("commands", &limits.commands),
        ("sends", &limits.sends),
        ("reads", &limits.reads),
        ("markers", &limits.markers),
        ("signals", &limits.signals),
        ("uploads", &limits.uploads),
    ];
    let mut raised: Vec<String> = usual
        .iter()
        .map(|(class, rate)| format!("{class} {}/{} → unlimited", rate.burst, rate.per_minute))
        .collect();
    if !limits.addresses {
        raised.push("log-ins by address → unlimited".to_owned());
    }
    raised
}

fn password() -> Result<(String, String), Failure> {
    let mut bytes = [0; 15];
    getrandom::fill(&mut bytes).map_err(Failure::failed)?;
    let password = BASE32_NOPAD.encode(&bytes);
    let hash = hash_now(&hello::Password(password.clone())).map_err(Failure::failed)?;
    Ok((password, hash))
}

fn write(out: &mut dyn Write, line: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(line).map_err(Failure::failed)?;
    writeln!(out, "{text}").map_err(unwritable)
}

fn unwritable(error: std::io::Error) -> Failure {
    match error.kind() {
        std::io::ErrorKind::BrokenPipe => Failure::Said,
        _ => Failure::Failed(format!("cannot write the accounts: {error}")),
    }
}

async fn clean_up(reached: &Reached) -> Result<(), Failure> {
    let (mut after, mut total) = (None, 0);
    loop {
        let answer = reached.run(Command::CleanUpAccounts { after }).await?;
        let Answer::CleanedUp { count, next } = answer else {
            return Err(unexpected());
        };
        total += count;
        if next.is_none() {
            break;
        }
        after = next;
    }
    loop {
        let Answer::Erased { rows } = reached.run(Command::EraseLoad).await? else {
            return Err(unexpected());
        };
        if rows == 0 {
            return say(&format!(
                "{total} accounts of load tests and their rooms are gone"
            ));
        }
    }
}
