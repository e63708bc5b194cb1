//! Where one is logged in.

use std::net::IpAddr;

use jiff::tz::TimeZone;
use parlor_client_core::api::{SessionId, SessionView};
use parlor_client_core::text::sanitize_line;
use serde_json::json;

use super::arguments::{Arguments, OnSession, Sessions};
use super::failure::{Exit, Failure};
use super::output::{line, minute, say, utc};
use super::session::{self, Reach};

/// Columns of what a server calls an address.
const ADDRESS_COLUMNS: usize = 64;

pub(super) async fn sessions(given: &Arguments, sessions: &Sessions) -> Result<(), Failure> {
    match &sessions.act {
        None => list(given).await,
        Some(OnSession::Revoke { session }) => revoke(given, session).await,
    }
}

async fn list(given: &Arguments) -> Result<(), Failure> {
    let core = session::enter(given, Reach::Server).await?;
    let sessions = core.sessions().await;
    core.close().await;
    let zone = TimeZone::system();
    for session in sessions? {
        line(&match given.json {
            true => as_json(&session).to_string(),
            false => as_line(&session, &zone),
        })?;
    }
    Ok(())
}

async fn revoke(given: &Arguments, written: &str) -> Result<(), Failure> {
    let id: SessionId = written.trim().parse().map_err(|_| {
        Failure::usage(format!(
            "{written:?} is no session's id: `parlor sessions` lists them"
        ))
    })?;
    let core = session::enter(given, Reach::Server).await?;
    let done = match core.whoami()?.session == id {
        true => Err(Failure {
            exit: Exit::Refused,
            code: "own_session",
            text: "that is the session of this profile: `parlor logout` ends it".to_owned(),
        }),
        false => core.revoke_session(id).await.map_err(Failure::from),
    };
    core.close().await;
    done?;
    match given.json {
        true => line(&json!({ "session": id.to_string() }).to_string()),
        false => {
            say("That session has ended.");
            Ok(())
        }
    }
}

/// `ID  2026-11-21 10:42  tower, parlor 0.1.0  203.0.113.7  (this one)`: the id first, for `revoke`.
fn as_line(session: &SessionView, zone: &TimeZone) -> String {
    let seen = minute(session.seen_at_ms, zone);
    let address = match address(session).as_str() {
        "" => String::new(),
        address => format!("  {address}"),
    };
    let mark = if session.current { "  (this one)" } else { "" };
    format!("{}  {seen}  {}{address}{mark}", session.id, session.device)
}

/// An IPv4 address on a socket for both families is written as what it is.
fn address(session: &SessionView) -> String {
    match session.address.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().to_string(),
        Err(_) => sanitize_line(&session.address, ADDRESS_COLUMNS),
    }
}

fn as_json(session: &SessionView) -> serde_json::Value {
    json!({
        "session": session.id.to_string(),
        "device": session.device,
        "made_at": utc(session.made_at_ms),
        "seen_at": utc(session.seen_at_ms),
        "address": address(session),
        "current": session.current,
    })
}
