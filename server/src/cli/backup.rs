//! `backup`: the database and the keys in one file.

use std::path::{Path, PathBuf};

use clap::Args;

use super::reached::{Reached, unexpected};
use super::{Failure, block_on, say};
use crate::archive;
use crate::config::Loaded;
use crate::data::Paths;
use crate::ops::admin::{Answer, Command};

#[derive(Debug, Args)]
pub(super) struct Backup {
    /// File to write, which must not exist: a tar archive of database and keys. Whoever has it has
    /// everything; it is readable by its owner only
    file: PathBuf,
}

impl Backup {
    pub(super) fn run(self, loaded: &Loaded) -> Result<(), Failure> {
        let paths = Paths::of(&loaded.config.data.folder);
        // In the data folder, since a running server may not write anywhere else.
        let copy = paths
            .folder()
            .join(format!("backup-{}.part", std::process::id()));
        let made = block_on(copy_database(loaded, &copy));
        let packed = made.and_then(|()| {
            let packed = archive::pack(&paths, &copy, &self.file);
            packed.map_err(Failure::failed)
        });
        // Whatever happened: the copy has done its work.
        let _ = std::fs::remove_file(&copy);
        let bytes = packed?;
        say(&format!(
            "{} written, {} KiB",
            self.file.display(),
            bytes.div_ceil(1024)
        ))
    }
}

async fn copy_database(loaded: &Loaded, to: &Path) -> Result<(), Failure> {
    let reached = Reached::new(loaded).await?;
    let to = std::path::absolute(to).map_err(Failure::failed)?;
    let copied = reached.run(Command::CopyDatabase { to }).await;
    reached.close().await;
    match copied? {
        Answer::Done => Ok(()),
        _ => Err(unexpected()),
    }
}
