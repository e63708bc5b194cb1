//! What may be typed after `parlor`.

// The docs of arguments are help texts, shown as they stand: [:PORT] is no link.
#![allow(rustdoc::broken_intra_doc_links)]

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::theme::Wish;

const EXIT_CODES: &str = "\
Exit codes:
  0  done; of `send`: the server has the message
  1  refused: by the server, or because it cannot be done
  2  the command line or its input is wrong
  3  the server cannot be reached, is busy, or did not answer in time: try again later
  4  nobody is logged in, or the session has ended
  5  something on this machine: files, disk, terminal
  6  the server's key is not the one agreed on, or not known yet

Environment:
  PARLOR_PROFILE, PARLOR_THEME   the same as --profile, --theme
  NO_COLOR                       when not empty: no colours
  VISUAL, EDITOR                 what Ctrl-X Ctrl-E opens

Files: $XDG_DATA_HOME/parlor/PROFILE, $XDG_STATE_HOME/parlor/PROFILE";

/// Chat in a terminal, and the same for scripts.
///
/// Without a command it opens the app.
#[derive(Debug, Parser)]
#[command(name = "parlor", version, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Arguments {
    /// Whose account to use: profiles keep apart everything
    #[arg(
        short = 'P',
        long,
        global = true,
        env = "PARLOR_PROFILE",
        value_name = "NAME"
    )]
    pub(crate) profile: Option<String>,
    /// Print data as JSON, one object a line, and errors as JSON on standard error
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// How long a command waits for the server
    #[arg(long, global = true, default_value_t = 15, value_name = "SECONDS",
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) timeout: u64,
    /// Colours of the app
    #[arg(
        long,
        global = true,
        env = "PARLOR_THEME",
        value_name = "THEME",
        value_enum,
        default_value_t
    )]
    pub(crate) theme: Wish,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make an account by a join link, or open its rooms with the account you have
    Join(Join),
    /// Log in with an account you have
    Login(Login),
    /// Make an account on a server that is open to all, without a link
    Register(Register),
    /// End this profile's session and remove its token and messages from this machine
    Logout(Logout),
    /// Say whose profile this is
    Whoami,
    /// List where you are logged in, or end one of these sessions
    Sessions(Sessions),
    /// Change your password; all your other sessions end with it
    Passwd(Passwd),
    /// List your rooms
    Rooms(Rooms),
    /// Make a room
    Create(Create),
    /// Make a join link
    Invite(Invite),
    /// Send a message; exit 0 only after the server has it
    Send(Send),
    /// Print messages of a room
    Tail(Tail),
    /// Look why the server cannot be reached
    Doctor(Doctor),
    /// Try everything: a server on a temporary folder, some people who talk, and the app on it
    #[cfg(feature = "demo")]
    Demo,
    /// Print completions for a shell
    Completions {
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Print the manual page (roff): `parlor man | man -l -`
    Man,
}

#[derive(Debug, Args)]
pub(crate) struct Join {
    /// parlor://HOST:PORT/j/CODE.PIN, or - to read it from standard input
    pub(crate) link: String,
    #[command(flatten)]
    pub(crate) account: NewAccount,
}

/// An account that is to be made.
#[derive(Debug, Args)]
pub(crate) struct NewAccount {
    /// The name others will know you by; asked for in a terminal
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The name shown; the same as --name unless given
    #[arg(long, value_name = "NAME")]
    pub(crate) display_name: Option<String>,
    /// Read the password from standard input, one line (after the link's, with -)
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

/// A server and its key.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// HOST[:PORT] of the server
    #[arg(value_name = "HOST")]
    pub(crate) server: String,
    /// The fingerprint of the server's key, as its operator tells it
    #[arg(long)]
    pub(crate) pin: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Login {
    #[command(flatten)]
    pub(crate) server: Place,
    /// Your name; asked for in a terminal
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Read the password from standard input, one line
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Register {
    #[command(flatten)]
    pub(crate) server: Place,
    #[command(flatten)]
    pub(crate) account: NewAccount,
}

#[derive(Debug, Args)]
pub(crate) struct Logout {
    /// Also when messages are not sent yet: they are lost
    #[arg(long)]
    pub(crate) even_unsent: bool,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Sessions {
    #[command(subcommand)]
    pub(crate) act: Option<OnSession>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum OnSession {
    /// End a session: the device it was made on is logged out
    Revoke {
        /// As `parlor sessions` shows it
        #[arg(value_name = "ID")]
        session: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Passwd {
    /// Read two lines of standard input: the password you have, then the new one
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Rooms {
    /// Public rooms that you may join, instead of yours
    #[arg(long)]
    pub(crate) all: bool,
    /// What is stored here, without asking the server
    #[arg(long, conflicts_with = "all")]
    pub(crate) offline: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// The room's name
    pub(crate) name: String,
    /// What it is about
    #[arg(long, default_value = "")]
    pub(crate) topic: String,
    /// Only people who are let in see it
    #[arg(long)]
    pub(crate) private: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Invite {
    /// Rooms that the link opens: names or ids
    #[arg(value_name = "ROOM")]
    pub(crate) rooms: Vec<String>,
    /// How many people may use it; 0: any number
    #[arg(long, default_value_t = 1)]
    pub(crate) uses: u32,
    /// How long it lives; 0: as the server has it
    #[arg(long, default_value_t = 0, value_name = "HOURS",
          value_parser = clap::value_parser!(u32).range(0..=8760))]
    pub(crate) hours: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Send {
    /// A room's name or id, or @person
    pub(crate) room: String,
    /// The message; - or nothing: standard input, whole
    pub(crate) text: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Tail {
    /// A room's name or id, or @person
    pub(crate) room: String,
    /// Begin with the message of this number
    #[arg(long, value_name = "SEQ")]
    pub(crate) from: Option<u64>,
    /// At most so many messages; without --from the newest ones [default: 20; with --from: all]
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) count: Option<u64>,
    /// Go on with what comes
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// What is stored here, without asking the server
    #[arg(long, conflicts_with = "follow")]
    pub(crate) offline: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// HOST[:PORT] or a join link; without it this profile's server
    pub(crate) server: Option<String>,
}
