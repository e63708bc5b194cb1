//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use parlor_protocol::link::JoinLink;

use crate::bare::BareOptions;
use crate::scenario::Remote;
use crate::shape::{Scenario, Shape};

/// Users and rooms that one run may have.
const USERS: u32 = 100_000;
/// Server processes of one run: more would only take each other's time.
const NODES: u32 = 8;
/// Users that read in one run: 40,000 reads a second.
const READERS: u32 = 10_000;

/// Loads a Parlor server with virtual users and checks every delivery.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Exit status: 0 passed, 1 a line was missed or something lost, 2 could not run."
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a scenario and give a verdict
    Run(Box<RunOptions>),
    /// The floor: a fan-out server without an application
    #[command(hide = true)]
    BareServer(BareOptions),
}

/// Without --server it starts parlor-server as a process of its own, on a temporary folder.
#[derive(Debug, Args)]
pub struct RunOptions {
    #[arg(value_enum)]
    pub scenario: Scenario,
    /// Virtual users; each scenario has its own usual number
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=i64::from(USERS)))]
    pub users: Option<u32>,
    /// Rooms that the users are spread over
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=i64::from(USERS)))]
    pub rooms: Option<u32>,
    /// Messages per second, of all together
    #[arg(long, value_name = "MSG_PER_S")]
    pub rate: Option<f64>,
    /// Length of the measured window
    #[arg(long, value_name = "S")]
    pub seconds: Option<f64>,
    /// Time under load before it
    #[arg(long, value_name = "S")]
    pub warmup: Option<f64>,
    /// Decides who sends when; the same seed plans the same load
    #[arg(long)]
    pub seed: Option<u64>,
    /// Add markers, typing, presence, users that only receive, and ten users that read
    #[arg(long)]
    pub realistic: bool,
    /// Hold the run against the measured peers instead of the promises
    #[arg(long)]
    pub targets: bool,
    /// storm, bare: count whole handshakes, so many links under way at one time
    #[arg(long, value_name = "LINKS", num_args = 0..=1, default_missing_value = "64",
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub repeat: Option<u32>,
    /// A server elsewhere
    #[arg(long, value_name = "LINK", requires = "accounts")]
    pub server: Option<JoinLink>,
    /// Accounts on it, from `parlor-server bench prepare`
    #[arg(long, value_name = "FILE")]
    pub accounts: Option<PathBuf>,
    /// replay: the log, one message a line: seconds, tab, nick, tab, text
    #[arg(long, value_name = "FILE.tsv[.gz]")]
    pub corpus: Option<PathBuf>,
    /// replay: messages of the log
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4_000_000))]
    pub messages: Option<u32>,
    /// replay: read all of it back through the terminal client, and compare
    #[arg(long)]
    pub read_back: bool,
    /// Server processes; more than one share a PostgreSQL and a Redis, which are started, too
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=i64::from(NODES)))]
    pub nodes: Option<u32>,
    /// One node on PostgreSQL and Redis instead of SQLite
    #[arg(long)]
    pub postgres: bool,
    /// mix-read, mix-write, mix: users that read, four times a second each
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=i64::from(READERS)))]
    pub readers: Option<u32>,
    /// lossy: packets lost each way
    #[arg(long, value_name = "PERCENT")]
    pub loss: Option<f64>,
    /// lossy: what the network adds to a round trip
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub round_trip: Option<u32>,
    /// Write the report as JSON; - for standard output
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write the report as a page with plots
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// Above it no link would come to stand, per cent.
const MOST_LOSS: f64 = 50.0;
/// Longest window and warm-up, s: a day.
const LONGEST_S: f64 = 86_400.0;

impl RunOptions {
    /// The run that is asked for; an error says which option is at fault.
    pub fn shape(&self) -> Result<Shape, String> {
        let usual = Shape::usual(self.scenario);
        let shape = Shape {
            users: self.users.unwrap_or(usual.users),
            rooms: self.rooms.unwrap_or(usual.rooms),
            rate: self.rate.unwrap_or(usual.rate),
            seconds: self.seconds.unwrap_or(usual.seconds),
            warmup: self.warmup.unwrap_or(usual.warmup),
            seed: self.seed.unwrap_or(usual.seed),
            realistic: self.realistic,
            repeat: self.repeat,
            corpus: self.corpus.clone(),
            messages: self.messages.unwrap_or(usual.messages),
            read_back: self.read_back,
            scenario: self.scenario,
            nodes: self.nodes.unwrap_or(usual.nodes),
            postgres: self.postgres,
            readers: self.readers.unwrap_or(usual.readers),
            loss: self.loss.unwrap_or(usual.loss),
            round_trip_ms: self.round_trip.unwrap_or(usual.round_trip_ms),
        };
        self.check_place(&shape)?;
        if shape.rooms > shape.users {
            return Err(format!(
                "--rooms {} is more than --users {}: every room needs somebody",
                shape.rooms, shape.users
            ));
        }
        if !(shape.rate.is_finite() && shape.rate >= 0.0) {
            return Err("--rate is a number of messages per second".to_owned());
        }
        for (name, seconds) in [("--seconds", shape.seconds), ("--warmup", shape.warmup)] {
            if !(0.0..=LONGEST_S).contains(&seconds) {
                return Err(format!("{name} is from 0 to {LONGEST_S} seconds"));
            }
        }
        if shape.scenario == Scenario::Replay && shape.rooms != 1 {
            return Err("replay has one room".to_owned());
        }
        if shape.read_back && shape.scenario != Scenario::Replay {
            return Err("--read-back belongs to replay, whose log it compares with".to_owned());
        }
        if shape.realistic && shape.scenario == Scenario::Bare {
            return Err("bare has no application, so --realistic has nothing to ask".to_owned());
        }
        Ok(shape)
    }

    /// Which servers and networks a scenario can have.
    fn check_place(&self, shape: &Shape) -> Result<(), String> {
        use Scenario::{Bare, Lossy, Reconnect, Replay, Restart};
        let name = shape.scenario.name();
        let starts = !matches!(shape.scenario, Bare | Lossy | Replay | Restart);
        if shape.is_cluster() && !starts {
            return Err(format!(
                "--nodes and --postgres: {name} has one node, on SQLite"
            ));
        }
        if self.accounts.is_some() && (self.nodes.is_some() || shape.postgres) {
            return Err("--nodes and --postgres are for servers that are started here; leave --server and --accounts out".to_owned());
        }
        if shape.scenario == Reconnect && shape.nodes < 2 {
            return Err(
                "reconnect needs --nodes 2 or more: users of the killed one go to the others"
                    .to_owned(),
            );
        }
        if self.readers.is_some() && !shape.is_mix() {
            return Err("--readers belongs to mix-read, mix-write and mix".to_owned());
        }
        if shape.is_far() && shape.scenario != Lossy {
            return Err("--loss and --round-trip belong to lossy".to_owned());
        }
        if !(0.0..=MOST_LOSS).contains(&shape.loss) {
            return Err(format!("--loss is from 0 to {MOST_LOSS} per cent"));
        }
        Ok(())
    }

    /// The server elsewhere, if one is meant.
    pub fn remote(&self) -> Option<Remote> {
        self.accounts.clone().map(|accounts| Remote {
            link: self.server.clone(),
            accounts,
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn shape(arguments: &[&str]) -> Result<Shape, String> {
        let line = ["parlor-bench", "run"].iter().chain(arguments);
        match Cli::try_parse_from(line)
            .map_err(|error| error.to_string())?
            .command
        {
            Command::Run(options) => options.shape(),
            Command::BareServer(_) => unreachable!(),
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_is_not_said_is_as_usual() {
        let run = shape(&["many-rooms", "--users", "200"]).unwrap();
        assert_eq!((run.users, run.rooms, run.rate), (200, 100, 1_000.0));
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        for (arguments, word) in [
            (&["one-room", "--rooms", "9", "--users", "3"][..], "--rooms"),
            (&["one-room", "--rate", "NaN"], "--rate"),
            (&["one-room", "--seconds=-1"], "--seconds"),
            (&["one-room", "--read-back"], "--read-back"),
            (&["nowhere"], "nowhere"),
            (&["restart", "--nodes", "2"], "--nodes"),
            (&["reconnect", "--nodes", "1"], "--nodes 2"),
            (&["one-room", "--readers", "3"], "--readers"),
            (&["one-room", "--loss", "2"], "--loss"),
            (&["lossy", "--loss", "80"], "--loss"),
            (
                &["cluster", "--nodes", "2", "--accounts", "f"],
                "--accounts",
            ),
            (&["one-room", "--server", "parlor://h/j/c"], "--accounts"),
        ] {
            let error = shape(arguments).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }
}
