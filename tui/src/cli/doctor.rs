//! Why the server cannot be reached: the name, the host, the port, UDP and TCP, the key, one after
//! another.

use std::net::SocketAddr;
use std::time::Duration;

use parlor_client_core::api::{
    AccountView, Core, EnterError, JoinLink, LinkError, Options, Pin, ServerAddress, Transport,
    Trust,
};
use parlor_client_core::profile::Profile;
use serde_json::json;
use tokio::time::timeout;

use super::CLIENT;
use super::arguments::{Arguments, Doctor};
use super::failure::{Exit, Failure};
use super::output::line;
use super::probe::{Heard, probe};
use super::session::{self, Reach};

/// Wait for the name service.
const RESOLVE_FOR: Duration = Duration::from_secs(5);
/// Addresses looked at; a name with more has them for spreading load.
const MAX_ADDRESSES: usize = 8;

/// What is to be looked at.
struct Patient {
    server: ServerAddress,
    /// The key that was agreed on, where it is known here.
    pin: Option<Pin>,
    /// Somebody is logged in there: whether the session holds is looked at too.
    profile: bool,
}

pub(super) async fn doctor(given: &Arguments, doctor: &Doctor) -> Result<(), Failure> {
    let patient = patient(given, doctor).await?;
    let mut reached = false;
    let mut worst = None;
    for host in &patient.server.hosts {
        match addresses(given, host, patient.server.port).await {
            Ok(found) => {
                for address in found {
                    match look(given, address).await {
                        Ok(()) => reached = true,
                        Err(failure) => worst = Some(failure),
                    }
                }
            }
            Err(failure) => worst = Some(failure),
        }
    }
    match worst {
        Some(failure) if !reached => return Err(failure),
        _ => {}
    }
    key(given, &patient).await?;
    if patient.profile {
        let core = session::enter(given, Reach::Server).await?;
        let by = match core.link().transport {
            Some(Transport::Tcp) => ", over TCP: UDP does not get through",
            Some(Transport::Quic) => ", over QUIC",
            None => "",
        };
        let text = format!("the server knows this profile's session{by}");
        tell(given, "session", true, &text)?;
        let ahead = core.link().clock_ahead_ms;
        clock(given, ahead)?;
        core.close().await;
    }
    Ok(())
}

async fn patient(given: &Arguments, doctor: &Doctor) -> Result<Patient, Failure> {
    let Some(written) = &doctor.server else {
        let core = session::open(given, Reach::Stored).await?;
        let (AccountView::Active(me) | AccountView::Ended { me, .. }) = core.account() else {
            return Err(Failure::usage(
                "nobody is logged in with this profile: name the server, `parlor doctor HOST` or `parlor doctor LINK`",
            ));
        };
        let profile = matches!(core.account(), AccountView::Active(_));
        core.close().await;
        return Ok(Patient {
            server: me.server,
            pin: None,
            profile,
        });
    };
    if written.contains("://") {
        let link: JoinLink = written
            .parse()
            .map_err(|error: LinkError| Failure::usage(error.to_string()))?;
        return Ok(Patient {
            server: link.server,
            pin: link.pin,
            profile: false,
        });
    }
    let server = written
        .parse()
        .map_err(|error: LinkError| Failure::usage(error.to_string()))?;
    Ok(Patient {
        server,
        pin: None,
        profile: false,
    })
}

async fn addresses(given: &Arguments, host: &str, port: u16) -> Result<Vec<SocketAddr>, Failure> {
    let unknown = |reason: String| {
        Failure::unreachable(
            "name_unknown",
            format!(
                "the name {host} does not resolve ({reason}): check its spelling and that this machine is online"
            ),
        )
    };
    let found = match timeout(RESOLVE_FOR, tokio::net::lookup_host((host, port))).await {
        Ok(Ok(found)) => found.take(MAX_ADDRESSES).collect::<Vec<_>>(),
        Ok(Err(error)) => {
            tell(given, "name", false, &format!("{host} does not resolve"))?;
            return Err(unknown(error.to_string()));
        }
        Err(_) => {
            tell(given, "name", false, &format!("{host} does not resolve"))?;
            return Err(unknown("no answer from the name service".to_owned()));
        }
    };
    let list: Vec<String> = found.iter().map(|one| one.ip().to_string()).collect();
    tell(
        given,
        "name",
        true,
        &format!("{host} is {}", list.join(", ")),
    )?;
    Ok(found)
}

async fn look(given: &Arguments, address: SocketAddr) -> Result<(), Failure> {
    let port = address.port();
    let (code, text) = match probe(address).await {
        Heard::Quic => return tell(given, "udp", true, &format!("{address} answers by UDP")),
        Heard::Closed => (
            "server_down",
            format!(
                "{address} is up, but nothing listens on UDP port {port}: the server is down, or it has another port"
            ),
        ),
        Heard::Tcp => {
            let blocked = format!(
                "{address} does not answer by UDP: a firewall drops UDP port {port}, on this network or before the server"
            );
            tell(given, "udp", false, &blocked)?;
            let works = format!(
                "{address} takes connections by TCP: links go that way, a little slower where the network loses packets"
            );
            return tell(given, "tcp", true, &works);
        }
        Heard::Refuses => (
            "udp_blocked",
            format!(
                "{address} is up, but answers on port {port} neither by UDP nor by TCP: a firewall drops UDP port {port}, and the server is down or its TCP port is closed; allow {port} for both"
            ),
        ),
        Heard::Silence => (
            "host_silent",
            format!(
                "{address} answers nothing at all: the host is down, or a firewall drops everything on the way"
            ),
        ),
        Heard::NoRoute(reason) => (
            "no_network",
            format!("this machine cannot send to {address} ({reason}): check that it is online"),
        ),
    };
    tell(given, "udp", false, &text)?;
    Err(Failure::unreachable(code, text))
}

/// Asks for the server's key; nothing of the person's is sent.
async fn key(given: &Arguments, patient: &Patient) -> Result<(), Failure> {
    let folder = tempfile::tempdir().map_err(|error| Failure::local("temporary_folder", error))?;
    let (core, _) = Core::open(Profile::at(folder.path()), Options::script(CLIENT)).await?;
    // The dial ends at the key, whatever it is: nobody is logged in, and the pins are compared here.
    let asked = core.log_in(&patient.server, Trust::AskFingerprint, "", "");
    let answer = timeout(session::patience(given), asked).await;
    core.close().await;
    match answer {
        Ok(Err(EnterError::UnknownKey { pin })) => compare(given, patient.pin, pin),
        Ok(Err(error)) => {
            tell(given, "key", false, &error.to_string())?;
            Err(error.into())
        }
        // Nobody has an empty name: it has let in whom it could not.
        Ok(Ok(_)) => tell(given, "key", true, "the server answers"),
        Err(_) => Err(Failure::unreachable(
            "timed_out",
            "the server began to answer and then did not go on",
        )),
    }
}

fn compare(given: &Arguments, agreed: Option<Pin>, found: Pin) -> Result<(), Failure> {
    match agreed {
        Some(agreed) if agreed != found => {
            let text = format!(
                "the server holds another key ({found}) than the link's: do not go on unless its operator says that the key was changed; then ask for a new link"
            );
            tell(given, "key", false, &text)?;
            Err(Failure {
                exit: Exit::Untrusted,
                code: "wrong_pin",
                text,
            })
        }
        Some(_) => tell(given, "key", true, "the key is the link's"),
        None => tell(
            given,
            "key",
            true,
            &format!("the key's fingerprint is {found}"),
        ),
    }
}

fn clock(given: &Arguments, ahead_ms: i64) -> Result<(), Failure> {
    const WARN_MS: u64 = 60_000;
    let good = ahead_ms.unsigned_abs() < WARN_MS;
    let seconds = ahead_ms.unsigned_abs() / 1000;
    let side = if ahead_ms < 0 { "behind" } else { "ahead of" };
    let text = match (good, seconds) {
        (_, 0) => "the server's clock agrees with this machine's".to_owned(),
        (true, _) => format!("the server's clock is {seconds} s {side} this machine's"),
        (false, _) => format!(
            "the server's clock is {seconds} s {side} this machine's: set right the one that is wrong"
        ),
    };
    tell(given, "clock", good, &text)
}

fn tell(given: &Arguments, step: &str, good: bool, text: &str) -> Result<(), Failure> {
    if given.json {
        return line(&json!({ "step": step, "good": good, "text": text }).to_string());
    }
    let mark = if good { "ok " } else { "BAD" };
    line(&format!("{mark} {step:<8} {text}"))
}
