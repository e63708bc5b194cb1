//! `key`: the installation's own keys.

use std::path::Path;

use clap::Subcommand;
use parlor_protocol::link::Pin;

use super::{Failure, say};
use crate::cluster::ClusterFile;
use crate::config::Loaded;
use crate::data::DataFolder;
use crate::key;

#[derive(Debug, Subcommand)]
pub(super) enum Key {
    /// Put the next key in force and make a new next one; the server must not run
    ///
    /// Clients that connected since the last rotation know the next key already and notice
    /// nothing. Join links made before carry the old key's pin: make new ones.
    Rotate,
}

impl Key {
    pub(super) fn run(self, loaded: &Loaded) -> Result<(), Failure> {
        let Self::Rotate = self;
        let config = &loaded.config;
        if config.certificate.file.is_some() {
            let text =
                "a certificate by a CA is set; there is no key of the installation's own to rotate";
            return Err(Failure::Failed(text.to_owned()));
        }
        if let Some(path) = &config.cluster.file {
            return rotate_shared(path);
        }
        let data = DataFolder::open(&config.data.folder).map_err(Failure::failed)?;
        let pins = key::rotate(data.paths()).map_err(Failure::failed)?;
        say_pins(&pins)
    }
}

/// The cluster's keys stand in its file.
fn rotate_shared(path: &Path) -> Result<(), Failure> {
    let mut file = ClusterFile::read(path).map_err(Failure::failed)?;
    file.rotate().map_err(Failure::failed)?;
    file.write(path, false).map_err(Failure::failed)?;
    say_pins(&file.keys.pins())?;
    say("copy the file to every node, and start them again one after another")
}

fn say_pins(pins: &[Pin]) -> Result<(), Failure> {
    for (state, pin) in ["in force", "next    "].iter().zip(pins) {
        say(&format!("{state}  {pin}"))?;
    }
    Ok(())
}
