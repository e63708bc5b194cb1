//! The command line: what is typed, and which file does it.

mod account;
mod arguments;
mod ask;
mod doctor;
mod failure;
pub(crate) mod output;
mod paper;
mod probe;
mod read;
mod rooms;
mod send;
mod session;
mod sessions;

#[cfg(test)]
mod tests;

use std::io::IsTerminal;
use std::process::ExitCode;

pub(crate) use arguments::Arguments;
use arguments::Command;
pub(crate) use failure::{Exit, Failure};

/// Threads of the runtime: one for the screen, one for everything behind it.
const THREADS: usize = 2;

/// What the log of sessions on the server calls this program.
pub(crate) const CLIENT: &str = concat!("parlor ", env!("CARGO_PKG_VERSION"));

pub(crate) fn main(arguments: Arguments) -> ExitCode {
    let json = arguments.json;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build();
    let done = match runtime {
        Ok(runtime) => runtime.block_on(run(arguments)),
        Err(error) => Err(Failure::local("no_runtime", error)),
    };
    match done {
        Ok(()) => Exit::Done.into(),
        Err(failure) => {
            failure.tell(json);
            failure.exit.into()
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { command, .. } = &arguments;
    let given = &arguments;
    #[cfg(feature = "demo")]
    let json = given.json;
    match command {
        None => open_app(given).await,
        Some(Command::Join(join)) => account::join(given, join).await,
        Some(Command::Login(login)) => account::log_in(given, login).await,
        Some(Command::Register(register)) => account::register(given, register).await,
        Some(Command::Logout(logout)) => account::log_out(given, logout).await,
        Some(Command::Whoami) => account::whoami(given).await,
        Some(Command::Sessions(sessions)) => sessions::sessions(given, sessions).await,
        Some(Command::Passwd(passwd)) => account::passwd(given, passwd).await,
        Some(Command::Rooms(rooms)) => rooms::list(given, rooms).await,
        Some(Command::Create(create)) => rooms::create(given, create).await,
        Some(Command::Invite(invite)) => rooms::invite(given, invite).await,
        Some(Command::Send(send)) => send::send(given, send).await,
        Some(Command::Tail(tail)) => read::tail(given, tail).await,
        Some(Command::Doctor(doctor)) => doctor::doctor(given, doctor).await,
        #[cfg(feature = "demo")]
        Some(Command::Demo) => crate::demo::run(given.theme, json).await,
        Some(Command::Completions { shell }) => paper::completions(*shell),
        Some(Command::Man) => paper::manual(),
    }
}

/// Without a command: the app.
async fn open_app(given: &Arguments) -> Result<(), Failure> {
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        return Err(Failure::usage(
            "there is no terminal to open the app in: use a command (`parlor --help` lists them), or `parlor demo`",
        ));
    }
    let (core, changes) = session::open_app(given).await?;
    let outcome = crate::app::run(core.clone(), changes, given.theme).await;
    core.close().await;
    outcome.map_err(|error| Failure::local("terminal", error))
}
