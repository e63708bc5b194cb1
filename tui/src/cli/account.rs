//! Who one is: join, login, logout, whoami.

use std::io::IsTerminal;

use parlor_client_core::api::{
    AccountView, Core, EnterError, JoinLink, LinkError, Me, Pin, ServerAddress, SignUp,
};
use serde_json::json;

use super::arguments::{Arguments, Join, Login, Logout};
use super::ask::{ask, password, stdin_line};
use super::failure::Failure;
use super::output::{line, say};
use super::session::{self, Reach};
use crate::enter::{self, Key};

pub(super) async fn join(given: &Arguments, join: &Join) -> Result<(), Failure> {
    let written = match join.link.as_str() {
        "-" => stdin_line()?,
        link => link.to_owned(),
    };
    let link: JoinLink = written.parse().map_err(unreadable)?;
    let core = session::open(given, Reach::Server).await?;
    let done = match core.account() {
        AccountView::None | AccountView::Ended { .. } => sign_up(given, join, &link, &core).await,
        AccountView::Active(_) => redeem(given, &link, &core).await,
    };
    core.close().await;
    done
}

async fn sign_up(
    given: &Arguments,
    join: &Join,
    link: &JoinLink,
    core: &Core,
) -> Result<(), Failure> {
    let name = match &join.name {
        Some(name) => name.clone(),
        None => ask("Your name here: ", "--name NAME")?,
    };
    let sign_up = SignUp {
        name,
        display_name: join.display_name.clone().unwrap_or_default(),
        password: password(join.password_stdin, true)?,
    };
    let me = within(given, core.join(link, sign_up)).await?;
    welcome(given, &me)
}

/// Somebody who has an account only gets the link's rooms.
async fn redeem(given: &Arguments, link: &JoinLink, core: &Core) -> Result<(), Failure> {
    session::online(core, given).await?;
    let rooms = core.redeem(link).await?;
    for id in rooms {
        let title = core.room(id).map_or_else(String::new, |room| room.title);
        match given.json {
            true => line(&json!({ "room": id.to_string(), "name": title }).to_string())?,
            false => say(&format!("You are in {title} now.")),
        }
    }
    Ok(())
}

pub(super) async fn log_in(given: &Arguments, login: &Login) -> Result<(), Failure> {
    let server: ServerAddress = login.server.parse().map_err(unreadable)?;
    let key = match &login.pin {
        Some(pin) => Key::Pinned(pin.parse::<Pin>().map_err(unreadable)?),
        None => Key::Ask,
    };
    let name = match &login.name {
        Some(name) => name.clone(),
        None => ask("Your name there: ", "--name NAME")?,
    };
    let password = password(login.password_stdin, false)?;
    let core = session::open(given, Reach::Server).await?;
    let first = within(given, enter::log_in(&core, &server, key, &name, &password)).await;
    let entered = match first {
        Err(failure) if failure.code == "unknown_key" => {
            let pin = confirmed(&core, &server, failure).await?;
            within(
                given,
                enter::log_in(&core, &server, Key::Pinned(pin), &name, &password),
            )
            .await
        }
        other => other,
    };
    core.close().await;
    welcome(given, &entered?)
}

/// Shows the fingerprint and asks; without a terminal the error names the flag.
async fn confirmed(core: &Core, server: &ServerAddress, failure: Failure) -> Result<Pin, Failure> {
    if !std::io::stdin().is_terminal() {
        let text = format!("{}; then give --pin FINGERPRINT", failure.text);
        return Err(Failure { text, ..failure });
    }
    let shown = core
        .log_in(
            server,
            parlor_client_core::api::Trust::AskFingerprint,
            "",
            "",
        )
        .await;
    let Err(EnterError::UnknownKey { pin }) = shown else {
        return Err(failure);
    };
    say(&format!(
        "No authority vouches for {server}. Its key has the fingerprint\n  {pin}"
    ));
    let answer = ask("Is that what its operator says? (yes/no) ", "--pin")?;
    match answer.trim() {
        "yes" | "y" => Ok(pin),
        _ => Err(failure),
    }
}

pub(super) async fn log_out(given: &Arguments, logout: &Logout) -> Result<(), Failure> {
    let core = session::open(given, Reach::Server).await?;
    if core.account() == AccountView::None {
        say("Nobody is logged in.");
        return Ok(());
    }
    // The session ends on the server when it can be reached; here in any case.
    let _ = session::online(&core, given).await;
    core.log_out(logout.even_unsent).await?;
    core.close().await;
    Ok(())
}

pub(super) async fn whoami(given: &Arguments) -> Result<(), Failure> {
    let core = session::enter(given, Reach::Stored).await?;
    let me = core.whoami()?;
    if given.json {
        line(&as_json(&me).to_string())
    } else {
        line(&format!(
            "{} on {} ({})",
            me.name, me.server, me.installation
        ))
    }
}

fn welcome(given: &Arguments, me: &Me) -> Result<(), Failure> {
    if given.json {
        return line(&as_json(me).to_string());
    }
    say(&format!("You are {} on {}.", me.name, me.server));
    Ok(())
}

fn as_json(me: &Me) -> serde_json::Value {
    json!({
        "user": me.user.to_string(),
        "name": me.name,
        "display_name": me.display_name,
        "administrator": me.administrator,
        "server": me.server.to_string(),
        "installation": me.installation,
    })
}

async fn within(
    given: &Arguments,
    entering: impl Future<Output = Result<Me, EnterError>>,
) -> Result<Me, Failure> {
    match tokio::time::timeout(session::patience(given), entering).await {
        Ok(entered) => Ok(entered?),
        Err(_) => Err(Failure::unreachable(
            "timed_out",
            format!(
                "the server did not answer within {} s; `parlor doctor HOST` looks why",
                given.timeout
            ),
        )),
    }
}

fn unreadable(error: LinkError) -> Failure {
    Failure::usage(error.to_string())
}
