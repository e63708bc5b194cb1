//! `key`: the installation's own keys.

use clap::Subcommand;

use super::{Failure, say};
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
        let data = DataFolder::open(&config.data.folder).map_err(Failure::failed)?;
        let pins = key::rotate(data.paths()).map_err(Failure::failed)?;
        for (state, pin) in ["in force", "next    "].iter().zip(pins) {
            say(&format!("{state}  {pin}"))?;
        }
        Ok(())
    }
}
