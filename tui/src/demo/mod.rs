//! `parlor demo`: a real server, real people on real links, and the app on it.
//!
//! Nothing here stands in for anything: the server is the one that operators run, on a temporary
//! folder, and everybody comes in by a join link over QUIC.

mod company;
mod play;
mod script;
mod talk;

use std::io::IsTerminal;

use parlor_client_core::api::Options;

use crate::cli::{CLIENT, Failure};
use crate::theme::Wish;
use company::Company;

/// In a terminal the app; from a pipe the conversation, printed.
pub(crate) async fn run(theme: Wish, json: bool) -> Result<(), Failure> {
    let mut company = Company::gather().await?;
    let outcome = match std::io::stdout().is_terminal() && std::io::stdin().is_terminal() {
        true => watch(&mut company, theme).await,
        false => play::play(&mut company, json).await,
    };
    company.leave().await;
    outcome
}

/// One more person comes, and the app opens on what the others say.
async fn watch(company: &mut Company, theme: Wish) -> Result<(), Failure> {
    let (rooms, others) = talk::furnish(company).await?;
    let options = Options {
        device: "parlor demo".to_owned(),
        ..Options::app(CLIENT)
    };
    let (you, changes) = company.come("you", "You", options, &rooms).await?;
    let talking = tokio::spawn(talk::talk(others, rooms, you.whoami()?.user));
    let outcome = crate::app::run(you, changes, theme).await;
    talking.abort();
    outcome.map_err(|error| Failure::local("terminal", error))
}
