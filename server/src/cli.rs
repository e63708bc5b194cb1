//! What an operator types.

mod backup;
mod database;
mod doctor;
mod drain;
mod flags;
mod init;
mod invite;
mod key;
mod load;
mod migrate;
mod move_to;
mod password;
mod reached;
mod restore;
mod serve;
mod settings;
mod status;
mod user;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Loaded, load};
use flags::SettingsFlags;

/// Exit codes, said in the help: nothing else is ever returned.
const FAILED: u8 = 1;
const USAGE: u8 = 2;

const AFTER_HELP: &str = "\
First steps:
  parlor-server serve                    start with no configuration; prints a link for its owner
  parlor-server doctor                   check this machine before people rely on it
  parlor-server invite --uses 10         a join link for ten people

Settings come from a TOML file, PARLOR_… environment variables and flags, in that rising order;
`parlor-server config show` tells what is in force and from where, `config defaults` explains all.

Exit codes: 0 done, 1 failed or refused, 2 wrong usage or settings.";

/// Parlor's server: chat that is instant and never loses a message.
#[derive(Debug, Parser)]
#[command(name = "parlor-server", version, after_help = AFTER_HELP, max_term_width = 100)]
#[command(subcommand_required = true, arg_required_else_help = true)]
struct Arguments {
    #[command(flatten)]
    settings: SettingsFlags,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server until it is told to stop (SIGTERM, Ctrl-C)
    Serve,
    /// Make the file by which nodes join a cluster on PostgreSQL and Redis
    Init(init::Init),
    /// Check this machine and the data folder, and say what to do
    Doctor(doctor::Doctor),
    /// Accounts: add, list, disable, promote …
    #[command(subcommand)]
    User(user::User),
    /// Make a join link
    Invite(invite::Invite),
    /// How the running server is
    Status(status::Show),
    /// Send the running node's clients to the cluster's other nodes
    Drain(drain::Drain),
    /// Settings: what is in force, and what there is
    #[command(subcommand)]
    Config(settings::Settings),
    /// Write database and keys to a file, also while the server runs
    Backup(backup::Backup),
    /// Put a backup in place of the data; the server must not run
    Restore(restore::Restore),
    /// Steps of the database's schema: what is done, what waits
    #[command(subcommand)]
    Migrate(migrate::Migrate),
    /// Take the installation from SQLite over to an empty PostgreSQL; the server must not run. After
    /// a cut the same command goes on where it was
    Move(move_to::MoveTo),
    /// The installation's own keys
    #[command(subcommand)]
    Key(key::Key),
    /// Accounts and rooms for load tests
    #[command(subcommand)]
    Bench(load::Load),
    /// Version of this program
    Version,
}

/// Why a command did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Wrong usage or settings.
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Failed(String),
    /// Everything is said already.
    #[error("")]
    Said,
}

impl Failure {
    fn failed(error: impl std::fmt::Display) -> Self {
        Self::Failed(error.to_string())
    }
}

/// The whole program.
pub fn main() -> ExitCode {
    // Databases, keys and accounts: whatever this program makes is its owner's alone.
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are no errors. Output that nobody reads is not one either.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { USAGE } else { 0 });
        }
    };
    let failure = match run(arguments) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(failure) => failure,
    };
    let code = match &failure {
        Failure::Usage(_) => USAGE,
        Failure::Failed(_) | Failure::Said => FAILED,
    };
    if !matches!(failure, Failure::Said) {
        let _ = writeln!(std::io::stderr(), "parlor-server: {failure}");
    }
    ExitCode::from(code)
}

fn run(arguments: Arguments) -> Result<(), Failure> {
    let loaded = || -> Result<Loaded, Failure> {
        let sources = arguments.settings.sources()?;
        load(&sources).map_err(|error| Failure::Usage(error.to_string()))
    };
    match arguments.command {
        Command::Serve => serve::run(loaded()?),
        Command::Init(init) => init.run(),
        Command::Doctor(doctor) => doctor.run(&loaded()?),
        Command::User(user) => user.run(&loaded()?),
        Command::Invite(invite) => invite.run(&loaded()?),
        Command::Status(show) => show.run(&loaded()?),
        Command::Drain(drain) => drain.run(&loaded()?),
        Command::Config(settings) => settings.run(loaded),
        Command::Backup(backup) => backup.run(&loaded()?),
        Command::Restore(restore) => restore.run(&loaded()?),
        Command::Migrate(migrate) => migrate.run(&loaded()?),
        Command::Move(to) => to.run(&loaded()?),
        Command::Key(key) => key.run(&loaded()?),
        Command::Bench(load) => load.run(&loaded()?),
        Command::Version => say(&format!("parlor-server {}", env!("CARGO_PKG_VERSION"))),
    }
}

/// Prints a line to standard output; a reader that went away ends the program quietly.
fn say(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Err(Failure::Said),
        outcome => {
            outcome.map_err(|error| Failure::Failed(format!("cannot write the output: {error}")))
        }
    }
}

/// Runs a command's async part on this thread.
fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::failed)?;
    runtime.block_on(work)
}
