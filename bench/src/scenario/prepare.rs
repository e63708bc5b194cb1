//! Server, accounts and the load's thread, ready to be conducted.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use parlor_protocol::link::JoinLink;

use super::RunError;
use crate::accounts::Accounts;
use crate::check::{Ledger, Sender};
use crate::conduct::{ConductError, Conductor, Interrupt};
use crate::drive::{Load, LoadThread, Where};
use crate::plan::{KeyMaker, Plan, Steady, Texts, append_steady};
use crate::server::{BareServer, OwnServer, Prepared, Server};
use crate::shape::{Scenario, Shape};
use crate::user::{Habits, Spec};

/// Dials under way at one time where users come in one after another.
const DIALS: usize = 64;

/// A server elsewhere, and the accounts that were made on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Remote {
    /// Overrides the address in the accounts.
    pub link: Option<JoinLink>,
    pub accounts: PathBuf,
}

/// Starts what is needed, or reads what is there.
pub(super) async fn prepare(shape: &Shape, remote: Option<&Remote>) -> Result<Prepared, RunError> {
    if let Some(remote) = remote {
        return elsewhere(shape, remote);
    }
    if shape.scenario == Scenario::Bare {
        let bare = BareServer::start().await?;
        let accounts = bare.accounts(shape.accounts(), shape.rooms);
        let server = Server::Bare(Box::new(bare));
        return Ok(Prepared { server, accounts });
    }
    let own = OwnServer::start().await?;
    let accounts = own.prepare(shape.accounts(), shape.rooms).await?;
    let server = Server::Own(Box::new(own));
    enough(shape, &accounts)?;
    Ok(Prepared { server, accounts })
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
    let server = Server::Elsewhere;
    Ok(Prepared { server, accounts })
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
    for (name, seconds, counted) in [
        ("warm-up", shape.warmup, false),
        ("window", shape.seconds, true),
    ] {
        if seconds > 0.0 {
            let load = Steady {
                name,
                senders: &senders,
                rate: shape.rate,
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
    } = prepared;
    accounts.users.truncate(shape.accounts() as usize);
    let load = Load {
        server: Where {
            link: accounts.link.clone(),
            epoch: 0,
        },
        spec: Spec {
            ledger: ledger(&accounts, plan, texts),
            rooms_of: rooms_of(shape),
            dials: match (shape.repeat, shape.scenario) {
                (Some(dials), _) => dials as usize,
                (None, Scenario::Storm) => shape.users as usize,
                (None, _) => DIALS,
            },
            seed: shape.seed,
            wall_ms: wall_ms(),
            habits: habits(shape),
        },
        accounts: accounts.users,
    };
    let load = LoadThread::start(load).map_err(ConductError::from)?;
    Ok(Conductor::new(server, load, interrupt))
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
