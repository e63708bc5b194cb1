//! `restore`: a backup becomes the installation's data, under a new epoch.

use std::path::PathBuf;

use clap::Args;

use super::{Failure, block_on, say};
use crate::archive;
use crate::config::Loaded;
use crate::data::DataFolder;
use crate::store::sqlite;

#[derive(Debug, Args)]
pub(super) struct Restore {
    /// A file that `backup` wrote
    file: PathBuf,
}

impl Restore {
    pub(super) fn run(self, loaded: &Loaded) -> Result<(), Failure> {
        if loaded.config.cluster.file.is_some() {
            let text = "a cluster is set, whose data lies in PostgreSQL: restore that with its own tools (pg_restore), \
                        then start the nodes; clients load everything anew";
            return Err(Failure::Failed(text.to_owned()));
        }
        let folder = &loaded.config.data.folder;
        let data = DataFolder::create(folder).map_err(Failure::failed)?;
        let paths = data.paths();
        let unpacked = archive::unpack(&self.file, paths.folder()).map_err(Failure::failed)?;
        let kept = paths.database().exists();
        let restored = block_on(async {
            let restored = sqlite::restore(unpacked.database(), &paths.database()).await;
            restored.map_err(|error| {
                Failure::Failed(format!(
                    "{} cannot be restored: {error}",
                    self.file.display()
                ))
            })
        });
        let epoch = restored?;
        unpacked.put_keys(paths).map_err(Failure::failed)?;
        say(&format!(
            "{} is restored into {}, epoch {epoch}",
            self.file.display(),
            folder.display()
        ))?;
        if kept {
            let old = paths.database();
            say(&format!(
                "the data that was there is kept as {}.replaced",
                old.display()
            ))?;
        }
        say("clients load everything anew when they connect, and keep what they had not sent")
    }
}
