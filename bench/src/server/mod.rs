//! Servers under test: our own process, the bare one, or one elsewhere.

mod bare;
mod http;
mod metrics;
mod own;
mod program;

pub use bare::BareServer;
pub use metrics::Metrics;
pub use own::{OwnServer, ServerError, preloaded};
pub(crate) use program::beside_this_one;

use crate::accounts::Accounts;

/// What the load talks to.
#[derive(Debug)]
pub enum Server {
    /// Started here, on a temporary folder.
    Own(Box<OwnServer>),
    /// The floor, started here.
    Bare(Box<BareServer>),
    /// Somebody else's: its process cannot be looked at.
    Elsewhere,
}

impl Server {
    /// The process, where it is ours.
    pub fn pid(&self) -> Option<u32> {
        match self {
            Self::Own(own) => own.pid(),
            Self::Bare(bare) => bare.pid(),
            Self::Elsewhere => None,
        }
    }

    /// What the server says of itself, where it can be asked.
    pub async fn metrics(&self) -> Option<Metrics> {
        match self {
            Self::Own(own) => own.metrics().await,
            Self::Bare(_) | Self::Elsewhere => None,
        }
    }

    /// Why it ended, if it did by itself.
    pub fn died(&mut self) -> Option<String> {
        match self {
            Self::Own(own) => own.died(),
            Self::Bare(bare) => bare.died(),
            Self::Elsewhere => None,
        }
    }

    /// Ends what was started here.
    pub async fn end(self) {
        match self {
            Self::Own(own) => own.end().await,
            Self::Bare(bare) => bare.end().await,
            Self::Elsewhere => {}
        }
    }
}

/// A server and who may enter it.
#[derive(Debug)]
pub struct Prepared {
    pub server: Server,
    pub accounts: Accounts,
}
