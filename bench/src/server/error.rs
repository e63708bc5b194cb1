//! Why a server cannot be had.

use std::path::PathBuf;

use parlor_services::port::PortError;
use parlor_services::shared::SharedError;

use super::node::READY_WITHIN;
use crate::accounts::AccountsError;

/// Why a server cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error(
        "parlor-server is not beside this program; build it first: cargo build --release -p parlor-server"
    )]
    NotFound,
    #[error("cannot make a temporary folder: {0}")]
    Folder(std::io::Error),
    #[error(transparent)]
    Port(#[from] PortError),
    #[error("cannot start {}: {error}", program.display())]
    Start {
        program: PathBuf,
        error: std::io::Error,
    },
    #[error("the server ended while starting; the end of its log:\n{log}")]
    Died { log: String },
    #[error("the server was not ready within {} s; the end of its log:\n{log}", READY_WITHIN.as_secs())]
    NotReady { log: String },
    #[error("the accounts could not be made: {0}")]
    Prepare(String),
    #[error("a cluster could not be made: {0}")]
    Cluster(#[from] SharedError),
    #[error("{0}")]
    Accounts(#[from] AccountsError),
}
