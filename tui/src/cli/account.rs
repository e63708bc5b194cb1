//! Who one is: join, login, register, logout, whoami, passwd.

use std::io::IsTerminal;
use std::time::Duration;

use parlor_client_core::api::{
    AccountView, Core, EnterError, JoinLink, LinkError, Me, Pin, RedeemError, ServerAddress, SignUp,
};
use parlor_client_core::text::sanitize_line;
use serde_json::json;

use super::arguments::{Arguments, Join, Login, Logout, NewAccount, Passwd, Place, Register};
use super::ask::{ask, password, passwords, stdin_line};
use super::failure::Failure;
use super::output::{line, say};
use super::session::{self, Reach};
use crate::arrival::listed;
use crate::enter::{self, As, Key};

/// How long logging out looks for the server.
const FAREWELL_WITHIN: Duration = Duration::from_secs(3);

pub(super) async fn join(given: &Arguments, join: &Join) -> Result<(), Failure> {
    let written = match join.link.as_str() {
        "-" => stdin_line()?,
        link => link.to_owned(),
    };
    // One that was copied off a narrow terminal is broken into lines.
    let written: String = written.split_whitespace().collect();
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
    let sign_up = new_account(&join.account)?;
    let me = within(given, core.join(link, sign_up)).await?;
    welcome(given, &me)
}

/// Somebody who has an account only gets the link's rooms.
async fn redeem(given: &Arguments, link: &JoinLink, core: &Core) -> Result<(), Failure> {
    session::online(core, given).await?;
    let rooms = match core.redeem(link).await {
        Ok(rooms) => rooms,
        Err(error @ RedeemError::InviteInvalid(_)) => return Err(elsewhere(error, link, core)),
        Err(error) => return Err(error.into()),
    };
    if rooms.is_empty() && !given.json {
        say("That link opens no room.");
    }
    for id in rooms {
        listed(core, id).await;
        let title = core.room(id).map(|room| room.title);
        let title = title.filter(|title| !title.is_empty());
        match given.json {
            true => line(&json!({ "room": id.to_string(), "name": title }).to_string())?,
            false => {
                let name = title.unwrap_or_else(|| id.to_string());
                say(&format!("You are in {} now.", sanitize_line(&name, 64)));
            }
        }
    }
    Ok(())
}

/// A code that this server does not know may be another server's.
fn elsewhere(error: RedeemError, link: &JoinLink, core: &Core) -> Failure {
    let mut failure = Failure::from(error);
    if let Ok(me) = core.whoami()
        && me.server != link.server
    {
        failure.text = format!(
            "{} It names {}, and this profile is at {}: for another server take another profile (-P NAME)",
            failure.text, link.server, me.server
        );
    }
    failure
}

pub(super) async fn log_in(given: &Arguments, login: &Login) -> Result<(), Failure> {
    let place = place(&login.server)?;
    let name = match &login.name {
        Some(name) => name.clone(),
        None => ask("Your name there: ", "--name NAME")?,
    };
    let password = &*password(login.password_stdin, false)?;
    let who = As::Known {
        name: &name,
        password,
    };
    come_in(given, &place, &who).await
}

pub(super) async fn register(given: &Arguments, register: &Register) -> Result<(), Failure> {
    let place = place(&register.server)?;
    let sign_up = new_account(&register.account)?;
    come_in(given, &place, &As::New(&sign_up)).await
}

fn new_account(account: &NewAccount) -> Result<SignUp, Failure> {
    let name = match &account.name {
        Some(name) => name.clone(),
        None => ask("Your name here: ", "--name NAME")?,
    };
    Ok(SignUp {
        name,
        display_name: account.display_name.clone().unwrap_or_default(),
        password: password(account.password_stdin, true)?,
    })
}

fn place(written: &Place) -> Result<(ServerAddress, Key), Failure> {
    let server = written.server.parse().map_err(unreadable)?;
    let key = match &written.pin {
        Some(pin) => Key::Pinned(pin.parse::<Pin>().map_err(unreadable)?),
        None => Key::Ask,
    };
    Ok((server, key))
}

async fn come_in(
    given: &Arguments,
    (server, key): &(ServerAddress, Key),
    who: &As<'_>,
) -> Result<(), Failure> {
    let core = session::open(given, Reach::Server).await?;
    let first = within(given, enter::enter(&core, server, *key, who)).await;
    let entered = match first {
        Err(failure) if failure.code == "unknown_key" => {
            match confirmed(&core, server, failure).await {
                Ok(pin) => within(given, enter::enter(&core, server, Key::Pinned(pin), who)).await,
                Err(failure) => Err(failure),
            }
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
    let name = match core.account() {
        AccountView::None => None,
        AccountView::Active(me) | AccountView::Ended { me, .. } => Some(me.name),
    };
    let Some(name) = name else {
        say("Nobody is logged in.");
        return Ok(());
    };
    // The session ends on the server when it can be reached; here in any case.
    let patience = session::patience(given).min(FAREWELL_WITHIN);
    let _ = tokio::time::timeout(patience, core.online()).await;
    let done = core.log_out(logout.even_unsent).await;
    core.close().await;
    done?;
    if !given.json {
        say(&format!(
            "{name} is logged out, and nothing of {name}'s is left here."
        ));
    }
    Ok(())
}

pub(super) async fn passwd(given: &Arguments, passwd: &Passwd) -> Result<(), Failure> {
    // Before anything is asked: without an account there is no password.
    let core = session::enter(given, Reach::Server).await?;
    let changed = async {
        let (old, new) = passwords(passwd.password_stdin)?;
        core.change_password(&old, &new).await?;
        Ok::<_, Failure>(())
    };
    let done = changed.await;
    core.close().await;
    done?;
    if !given.json {
        say("The password is changed. All your other sessions have ended.");
    }
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
