//! Servers under test: our own nodes, the bare one, or one elsewhere.

mod bare;
mod error;
mod http;
mod metrics;
mod node;
mod own;
mod program;
mod services;

use parlor_protocol::link::ServerAddress;

pub use bare::BareServer;
pub use error::ServerError;
pub use metrics::{CacheUse, Metrics};
pub use node::{Node, preloaded};
pub use own::OwnServer;
pub(crate) use program::beside_this_one;
pub use services::{Services, ServicesSample};

use crate::accounts::Accounts;
use crate::network::Network;

/// What the load talks to.
#[derive(Debug)]
pub enum Server {
    /// Started here, on temporary folders.
    Own(Box<OwnServer>),
    /// The floor, started here.
    Bare(Box<BareServer>),
    /// Somebody else's: its process cannot be looked at.
    Elsewhere,
}

impl Server {
    /// The processes, where they are ours, by node; `None` for one that does not run.
    pub fn pids(&self) -> Vec<Option<u32>> {
        match self {
            Self::Own(own) => own.pids(),
            Self::Bare(bare) => vec![bare.pid()],
            Self::Elsewhere => Vec::new(),
        }
    }

    /// Whether the processes can be looked at.
    pub fn is_here(&self) -> bool {
        !matches!(self, Self::Elsewhere)
    }

    /// What the server says of itself, where it can be asked.
    pub async fn metrics(&self) -> Option<Metrics> {
        match self {
            Self::Own(own) => own.metrics().await,
            Self::Bare(_) | Self::Elsewhere => None,
        }
    }

    /// What a cluster's services have used.
    pub async fn services(&self) -> Option<ServicesSample> {
        match self {
            Self::Own(own) => own.services().await,
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

/// A server, who may enter it, and by which way.
#[derive(Debug)]
pub struct Prepared {
    pub server: Server,
    pub accounts: Accounts,
    /// Where clients go to, by node.
    pub addresses: Vec<ServerAddress>,
    /// The bad network that lies before the server, where one does.
    pub network: Option<Network>,
}
