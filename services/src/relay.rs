//! A lossy network on loopback: a UDP relay between clients and one server.
//!
//! ```text
//! client A ──┐                      ┌── upstream socket A ──┐
//!            ├── relay's address ───┤                       ├── server
//! client B ──┘                      └── upstream socket B ──┘
//! ```
//!
//! Each client address gets an upstream socket of its own, so the server sees one
//! peer per client. [`Plan`] says what happens to packets on the way; [`Decider`]
//! draws the fate of each from a seed. [`Relay::rebind`] gives every client a new
//! address in the server's eyes, as a walk from Wi-Fi to a mobile network does.

mod both;
mod driver;
mod fate;
pub mod line;
mod plan;
mod stats;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

pub use both::Both;
pub use fate::{Decider, Fate, Passage};
pub use plan::{BadPlan, Direction, Path, Plan};
pub use stats::{PathStats, Stats};

/// Commands waiting for the relay's task; each caller waits for its own answer.
const COMMANDS_WAITING: usize = 16;

/// A running relay. Dropping it closes its sockets; packets on the way are gone.
#[derive(Debug)]
pub struct Relay {
    addr: SocketAddr,
    settings: watch::Sender<Settings>,
    commands: mpsc::Sender<Rebind>,
    stats: watch::Receiver<Stats>,
    task: JoinHandle<()>,
}

/// What the relay's task obeys from the next packet on.
#[derive(Debug, Clone, Copy)]
struct Settings {
    plan: Plan,
    cut: bool,
}

/// Asks for new upstream sockets; the answer is how many were replaced.
type Rebind = oneshot::Sender<io::Result<usize>>;

/// A relay could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The plan makes no sense.
    #[error(transparent)]
    Plan(#[from] BadPlan),
    /// A socket could not be made.
    #[error("the relay cannot open a UDP socket: {0}")]
    Socket(#[from] io::Error),
    /// The relay's task ended.
    #[error("the relay has stopped; start a new one")]
    Stopped,
}

impl Relay {
    /// Starts a relay to `server` on a free loopback port of the server's address family.
    ///
    /// Must be called within a tokio runtime. Equal seeds and equal packet orders give
    /// equal fates.
    ///
    /// # Errors
    /// [`RelayError::Plan`] or [`RelayError::Socket`].
    pub fn start(server: SocketAddr, plan: Plan, seed: u64) -> Result<Relay, RelayError> {
        plan.check()?;
        let (settings, settings_seen) = watch::channel(Settings { plan, cut: false });
        let (commands, commands_taken) = mpsc::channel(COMMANDS_WAITING);
        let (stats_shown, stats) = watch::channel(Stats::default());
        let driver =
            driver::Driver::open(server, seed, settings_seen, commands_taken, stats_shown)?;
        let addr = driver.addr()?;
        let task = tokio::spawn(driver.run());
        Ok(Relay {
            addr,
            settings,
            commands,
            stats,
            task,
        })
    }

    /// Where clients send to.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Changes the plan for packets that arrive from now on.
    ///
    /// # Errors
    /// [`BadPlan`]; the old plan stays.
    pub fn set(&self, plan: Plan) -> Result<(), BadPlan> {
        plan.check()?;
        self.settings.send_modify(|settings| settings.plan = plan);
        Ok(())
    }

    /// Drops everything in both directions, what is on the way included, until [`Relay::heal`].
    pub fn cut(&self) {
        self.settings.send_modify(|settings| settings.cut = true);
    }

    /// Ends a cut.
    pub fn heal(&self) {
        self.settings.send_modify(|settings| settings.cut = false);
    }

    /// Gives every client a new address in the server's eyes, and says how many there are.
    /// What the server sent to the old addresses and has not been read is lost.
    ///
    /// # Errors
    /// [`RelayError::Socket`] when a new socket could not be made (that client keeps the
    /// old one), [`RelayError::Stopped`].
    pub async fn rebind(&self) -> Result<usize, RelayError> {
        let (answer, answered) = oneshot::channel();
        let sent = self.commands.send(answer).await;
        sent.map_err(|_| RelayError::Stopped)?;
        Ok(answered.await.map_err(|_| RelayError::Stopped)??)
    }

    /// What has happened so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        *self.stats.borrow()
    }

    /// Waits until the statistics satisfy `enough`, and returns them. Set a deadline around it.
    ///
    /// # Errors
    /// [`RelayError::Stopped`].
    pub async fn stats_when(
        &self,
        enough: impl FnMut(&Stats) -> bool,
    ) -> Result<Stats, RelayError> {
        let mut stats = self.stats.clone();
        let reached = stats.wait_for(enough).await;
        Ok(*reached.map_err(|_| RelayError::Stopped)?)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}
