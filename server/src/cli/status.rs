//! `status`: how the running server is.

use clap::Args;

use super::reached::{ask, unexpected};
use super::{Failure, say};
use crate::config::Loaded;
use crate::ops::admin::{Answer, Command, Status};

#[derive(Debug, Args)]
pub(super) struct Show {
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Show {
    /// Fails when no server runs, or one that is not ready.
    pub(super) fn run(self, loaded: &Loaded) -> Result<(), Failure> {
        let Answer::Status(status) = ask(loaded, Command::Status)? else {
            return Err(unexpected());
        };
        if self.json {
            say(&serde_json::to_string(&status).map_err(Failure::failed)?)?;
        } else if status.running {
            say(&text(&status))?;
        }
        match (&status.not_ready, status.running) {
            (None, true) => Ok(()),
            (Some(reason), _) => Err(Failure::Failed(format!(
                "the server is not ready: {reason}"
            ))),
            (None, false) => Err(Failure::Failed(format!(
                "no server runs on {}; start it with `parlor-server serve`",
                loaded.config.data.folder.display()
            ))),
        }
    }
}

fn text(status: &Status) -> String {
    let hours = status.up_s / 3600;
    let minutes = status.up_s / 60 % 60;
    format!(
        "version   {}\nprocess   {}, up {hours} h {minutes} min, {} MiB\naddress   {}\nlinks     {} ({} entered)\nmessages  {} since the start\nepoch     {}",
        status.version,
        status.process,
        status.rss_bytes / (1024 * 1024),
        status.address,
        status.links,
        status.entered,
        status.messages_sent,
        status.epoch,
    )
}
