//! `drain`: the running node's clients go to the cluster's other nodes.

use std::time::Duration;

use clap::Args;
use tokio::time::{Instant, sleep};

use super::{Failure, block_on, say};
use crate::config::Loaded;
use crate::data::{DataFolder, Paths};
use crate::ops::admin::{Admin, Client, ClientError, Command};

/// Longest wait for the server's end: what a drain takes at most, and the last commits.
const ENDS_WITHIN: Duration = Duration::from_secs(60);
/// How often it is looked whether it has ended.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Clients make their new link before the old one ends, so that nobody notices; that takes seconds,
/// half a minute at most. The node takes no new links from then on.
#[derive(Debug, Args)]
pub(super) struct Drain {
    /// Then end the server too, and wait for that
    #[arg(long)]
    stop: bool,
}

impl Drain {
    pub(super) fn run(self, loaded: &Loaded) -> Result<(), Failure> {
        block_on(self.drain(loaded))
    }

    async fn drain(self, loaded: &Loaded) -> Result<(), Failure> {
        let folder = &loaded.config.data.folder;
        let socket = Paths::of(folder).admin_socket();
        let server = match Client::connect(&socket).await {
            Ok(server) => server,
            Err(ClientError::NoServer) => {
                return Err(Failure::Failed(format!(
                    "no server runs on {}; there is nothing to drain",
                    folder.display()
                )));
            }
            Err(error) => return Err(Failure::failed(error)),
        };
        let drained = server.run(Command::Drain).await;
        if !self.stop {
            drained.map_err(Failure::Failed)?;
            return say("the node's clients have gone to other nodes; it takes no new ones");
        }
        if let Err(why) = drained {
            // It ends all the same: that was asked for.
            say(&format!("not drained: {why}"))?;
        }
        // It may end before its answer has left.
        let _ = server.run(Command::Stop).await;
        drop(server);
        let by = Instant::now() + ENDS_WITHIN;
        // The folder is free for another server once all else has ended.
        while DataFolder::open(folder).is_err() {
            if Instant::now() >= by {
                return Err(Failure::Failed(format!(
                    "the server has not ended within {} s; see its log",
                    ENDS_WITHIN.as_secs()
                )));
            }
            sleep(LOOK_EVERY).await;
        }
        say("the server has ended")
    }
}
