//! `config`: what is in force, and what there is.

use clap::{Args, Subcommand};

use super::{Failure, say};
use crate::config::{Loaded, defaults_toml, show_json, show_toml};

#[derive(Debug, Subcommand)]
pub(super) enum Settings {
    /// The settings in force and where each came from; secrets hidden
    Show(Show),
    /// A settings file with every key, its meaning, range and environment variable
    Defaults,
}

#[derive(Debug, Args)]
pub(super) struct Show {
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Settings {
    /// The reference needs no settings that can be read.
    pub(super) fn run(
        self,
        loaded: impl FnOnce() -> Result<Loaded, Failure>,
    ) -> Result<(), Failure> {
        match self {
            Self::Show(Show { json: true }) => say(&format!("{:#}", show_json(&loaded()?))),
            Self::Show(Show { json: false }) => say(show_toml(&loaded()?).trim_end()),
            Self::Defaults => say(defaults_toml().trim_end()),
        }
    }
}
