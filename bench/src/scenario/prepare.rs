//! Server, accounts and the load's thread, ready to be conducted.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parlor_protocol::link::{JoinLink, ServerAddress};

use super::RunError;
use crate::accounts::Accounts;
use crate::check::{Ledger, Sender};
use crate::conduct::{ConductError, Conductor, Interrupt};
use crate::drive::{Load, LoadThread, Where};
use crate::network::Network;
use crate::plan::{KeyMaker, Plan, Steady, Texts, append_steady};
use crate::server::{BareServer, OwnServer, Prepared, Server};
use crate::shape::{Scenario, Shape};
use crate::user::{Habits, Spec};

/// Dials under way at one time where users come in one after another.
const DIALS: usize = 64;
/// Messages that a mix begins with: about two pages a room.
const FILL_PER_S: f64 = 500.0;
const FILL_S: f64 = 5.0;

/// Share of pages that are the newest one where people mostly read: who comes to a room looks there
/// first, and some scroll back.
const NEWEST: f64 = 0.7;

/// A server elsewhere, and the accounts that were made on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Remote {
    /// Overrides the address in the accounts.
    pub link: Option<JoinLink>,
    pub accounts: PathBuf,
}

/// Starts what is needed, or reads what is there.
pub(super) async fn prepare(shape: &Shape, remote: Option<&Remote>) -> Result<Prepared, RunError> {
    let mut prepared = match remote {
        Some(remote) => elsewhere(shape, remote)?,
        None => here(shape).await?,
    };
    if shape.is_far() {
        let network = network(shape, &prepared).await?;
        let at = network.address();
        prepared.addresses = vec![ServerAddress {
            hosts: vec![at.ip().to_string()],
            port: at.port(),
        }];
        prepared.network = Some(network);
    }
    Ok(prepared)
}

async fn here(shape: &Shape) -> Result<Prepared, RunError> {
    if shape.scenario == Scenario::Bare {
        let bare = BareServer::start().await?;
        let accounts = bare.accounts(shape.accounts(), shape.rooms);
        return Ok(Prepared {
            addresses: vec![accounts.link.server.clone()],
            server: Server::Bare(Box::new(bare)),
            accounts,
            network: None,
        });
    }
    let own = match shape.is_cluster() {
        true => OwnServer::cluster(shape.nodes).await?,
        false => OwnServer::alone().await?,
    };
    let accounts = own.prepare(shape.accounts(), shape.rooms).await?;
    enough(shape, &accounts)?;
    Ok(Prepared {
        addresses: own.addresses(),
        server: Server::Own(Box::new(own)),
        accounts,
        network: None,
    })
}

fn elsewhere(shape: &Shape, remote: &Remote) -> Result<Prepared, RunError> {
    let path = remote.accounts.display();
    let file = File::open(&remote.accounts)
        .map_err(|error| RunError::Remote(format!("cannot read {path}: {error}")))?;
    let mut accounts =
        Accounts::read(BufReader::new(file)).map_err(crate::server::ServerError::from)?;
    if let Some(link) = &remote.link {
        accounts.link = link.clone();
    }
    enough(shape, &accounts)?;
    Ok(Prepared {
        addresses: vec![accounts.link.server.clone()],
        server: Server::Elsewhere,
        accounts,
        network: None,
    })
}

/// A relay before the server: good until the plan begins.
async fn network(shape: &Shape, prepared: &Prepared) -> Result<Network, RunError> {
    let unknown =
        |why: String| RunError::Remote(format!("the server's address cannot be found: {why}"));
    let address = prepared.addresses.first();
    let (host, port) = address
        .and_then(|it| Some((it.hosts.first()?.as_str(), it.port)))
        .ok_or_else(|| unknown("it names no host".to_owned()))?;
    let mut found = tokio::net::lookup_host((host, port))
        .await
        .map_err(|error| unknown(format!("{host}: {error}")))?;
    let server = found.next().ok_or_else(|| unknown(host.to_owned()))?;
    let round_trip = Duration::from_millis(shape.round_trip_ms.into());
    Ok(Network::start(
        server,
        shape.loss / 100.0,
        round_trip,
        shape.seed,
    )?)
}

fn enough(shape: &Shape, accounts: &Accounts) -> Result<(), RunError> {
    let (users, rooms) = (shape.accounts() as usize, shape.rooms as usize);
    let (have, have_rooms) = (accounts.users.len(), accounts.rooms.len());
    if have < users || have_rooms != rooms {
        return Err(RunError::Remote(format!(
            "the accounts are {have} in {have_rooms} rooms, the run needs {users} in {rooms}; make them anew: parlor-server bench prepare --users {users} --rooms {rooms}"
        )));
    }
    Ok(())
}

/// A warm-up and a window of constant rate.
pub(super) fn steady_plan(shape: &Shape) -> Result<Plan, RunError> {
    let senders = shape.senders();
    let mut plan = Plan::default();
    // Who reads wants rooms that hold something.
    let fill = if shape.is_mix() { FILL_S } else { 0.0 };
    for (name, rate, seconds, counted) in [
        ("fill", FILL_PER_S, fill, false),
        ("warm-up", shape.rate, shape.warmup, false),
        ("window", shape.rate, shape.seconds, true),
    ] {
        if seconds > 0.0 {
            let load = Steady {
                name,
                senders: &senders,
                rate,
                seconds,
                counted,
                seed: shape.seed,
            };
            append_steady(&mut plan, &load)?;
        }
    }
    Ok(plan)
}

/// Starts the load's thread; nobody is connected yet.
pub(super) fn conductor(
    shape: &Shape,
    prepared: Prepared,
    plan: Plan,
    texts: Texts,
    interrupt: Interrupt,
) -> Result<Conductor, RunError> {
    let Prepared {
        server,
        mut accounts,
        addresses,
        network,
    } = prepared;
    accounts.users.truncate(shape.accounts() as usize);
    let load = Load {
        server: Where {
            addresses,
            pin: accounts.link.pin,
            epoch: 0,
        },
        spec: Spec {
            ledger: ledger(&accounts, plan, texts),
            rooms_of: rooms_of(shape),
            dials: match (shape.repeat, shape.scenario) {
                (Some(dials), _) => dials as usize,
                // Whoever is looked at by a person waits for nobody else's dial.
                (None, Scenario::Storm | Scenario::Reconnect) => shape.users as usize,
                (None, _) => DIALS,
            },
            seed: shape.seed,
            wall_ms: wall_ms(),
            habits: habits(shape),
        },
        accounts: accounts.users,
    };
    let load = LoadThread::start(load).map_err(ConductError::from)?;
    Ok(Conductor::new(server, network, load, interrupt))
}

fn ledger(accounts: &Accounts, plan: Plan, texts: Texts) -> Ledger {
    Ledger {
        plan: Arc::new(plan),
        texts,
        keys: KeyMaker::new(rand::random()),
        senders: accounts
            .users
            .iter()
            .map(|account| Sender { user: account.user })
            .collect(),
        rooms: accounts.rooms.clone(),
    }
}

/// Readers follow no room.
fn rooms_of(shape: &Shape) -> Vec<Vec<u32>> {
    let users = (0..shape.users).map(|user| vec![shape.room_of(user)]);
    let readers = (0..shape.readers()).map(|_| Vec::new());
    users.chain(readers).collect()
}

fn habits(shape: &Shape) -> Habits {
    Habits {
        lively: shape.realistic,
        newest: if shape.is_mix() { NEWEST } else { 0.0 },
        readers: (shape.users..shape.accounts())
            .map(|user| (user, shape.room_of(user)))
            .collect(),
    }
}

/// The wall clock, ms since the Unix epoch.
fn wall_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_millis() as u64)
}
