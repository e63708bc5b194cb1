//! The load's own thread: one single-threaded runtime with all sockets and links.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use parlor_client_core::net::{Endpoint, Target, Trust};
use parlor_protocol::link::{Pin, ServerAddress};
use tokio::sync::{mpsc, oneshot};

use super::board::Board;
use super::driver::{DriveError, Driver, Entering, Outcome, Ways};
use super::homes::Homes;
use crate::accounts::Account;
use crate::plan::UserIndex;
use crate::user::{Spec, World};

/// Users on one socket: each holds about 3 MB of receive buffer.
const USERS_PER_SOCKET: usize = 250;
/// Words that may wait for the load.
const COMMANDS: usize = 64;

/// What a conductor says to the load.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Bring users in.
    Connect(Range<UserIndex>, Entering),
    /// Measure from when the server listened again until so many hold their rooms on links made
    /// after it ended: an older one only seems alive.
    AwaitBack {
        users: usize,
        ended: Instant,
        listening: Instant,
    },
    /// Measure from when a node ended until so many hold their rooms on the others.
    AwaitElsewhere {
        users: usize,
        node: usize,
        ended: Instant,
    },
    /// End links for good.
    Leave(Range<UserIndex>),
    /// Whoever is in leaves at once and comes again.
    Churn(bool),
    /// Begin the plan.
    Begin,
    /// Send no more of the plan.
    Cut,
    /// Judge and end.
    Stop,
}

/// Where the server is.
#[derive(Clone, Debug, PartialEq)]
pub struct Where {
    /// By node.
    pub addresses: Vec<ServerAddress>,
    /// `None`: a certificate by a CA.
    pub pin: Option<Pin>,
    /// 0: not known.
    pub epoch: u64,
}

/// What a load consists of.
#[derive(Debug)]
pub struct Load {
    pub server: Where,
    pub accounts: Vec<Account>,
    pub spec: Spec,
}

/// A load that runs.
#[derive(Debug)]
pub struct LoadThread {
    pub board: Arc<Board>,
    commands: mpsc::Sender<Command>,
    outcome: oneshot::Receiver<Result<Outcome, DriveError>>,
}

impl LoadThread {
    pub fn start(load: Load) -> Result<Self, DriveError> {
        let board = Arc::new(Board::default());
        let (commands, inbox) = mpsc::channel(COMMANDS);
        let (give, outcome) = oneshot::channel();
        let shown = Arc::clone(&board);
        std::thread::Builder::new()
            .name("load".to_owned())
            .spawn(move || {
                // Nobody waits any more when the conductor has given up.
                let _ = give.send(run(load, inbox, &shown));
            })
            .map_err(DriveError::Runtime)?;
        Ok(Self {
            board,
            commands,
            outcome,
        })
    }

    pub async fn tell(&self, command: Command) -> Result<(), DriveError> {
        self.commands
            .send(command)
            .await
            .map_err(|_| DriveError::Gone)
    }

    /// Whether the load's thread has ended by itself, which is a failure.
    pub fn is_over(&self) -> bool {
        self.commands.is_closed()
    }

    /// Ends the load and gives back what it came to.
    pub async fn stop(self) -> Result<Outcome, DriveError> {
        // A thread that is gone already has left its reason.
        let _ = self.commands.send(Command::Stop).await;
        self.outcome.await.unwrap_or(Err(DriveError::Gone))
    }
}

fn run(load: Load, inbox: mpsc::Receiver<Command>, board: &Board) -> Result<Outcome, DriveError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(DriveError::Runtime)?;
    runtime.block_on(async {
        let endpoints = (0..load.accounts.len().div_ceil(USERS_PER_SOCKET).max(1))
            .map(|_| Endpoint::open())
            .collect::<Result<Vec<_>, _>>()?;
        let trust = || match load.server.pin {
            Some(pin) => Trust::Pins(vec![pin]),
            None => Trust::Ca,
        };
        // No TLS tickets: a session's token is what resumes here, the handshake is always whole.
        let targets = load.server.addresses.iter();
        let targets = targets
            .map(|address| Target::with_tickets(address.clone(), trust(), 0))
            .collect::<Result<Vec<_>, _>>()?;
        let (users, rooms) = (load.accounts.len(), load.spec.ledger.rooms.len());
        let homes = Homes::spread(users, rooms as u32, targets.len());
        let world = World::new(load.spec);
        let ways = Ways {
            endpoints,
            targets,
            homes,
            epoch: load.server.epoch,
        };
        let driver = Driver::new(world, load.accounts, ways);
        driver.run(inbox, board).await
    })
}
