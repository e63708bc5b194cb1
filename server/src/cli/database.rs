//! Which database a tool means: the URL of a PostgreSQL comes by a file or the environment, never by
//! an argument that holds a password, which everyone on the machine could read.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;

use super::Failure;
use crate::config::{DATABASE_URL_VARIABLE, Loaded, Secret};
use crate::data::Paths;
use crate::database;
use crate::store::migration::Database;
use crate::store::postgres::PostgresSettings;

/// Largest file with a URL, bytes.
const URL_FILE_BYTES: u64 = 64 * 1024;
/// Connections that a tool needs.
const CONNECTIONS: u32 = 2;

#[derive(Debug, Args)]
pub(super) struct DatabaseFlags {
    /// File that holds the URL of a PostgreSQL [default: the cluster's, else what PARLOR_DATABASE_URL
    /// says, else SQLite in the data folder]
    #[arg(long, value_name = "FILE")]
    database_url_file: Option<PathBuf>,
}

impl DatabaseFlags {
    pub(super) fn database(&self, loaded: &Loaded) -> Result<Database, Failure> {
        let config = &loaded.config;
        if self.database_url_file.is_none()
            && let Some(cluster) = database::cluster(config).map_err(Failure::failed)?
        {
            let settings = database::settings(config, &cluster);
            return Ok(Database::Postgres(settings));
        }
        Ok(match postgres_url(self.database_url_file.as_deref())? {
            Some(url) => Database::Postgres(settings(&url)),
            None => Database::Sqlite(Paths::of(&config.data.folder).database()),
        })
    }
}

/// The URL of the PostgreSQL that is meant: in the file if one is named, else in the environment.
pub(super) fn postgres_url(file: Option<&Path>) -> Result<Option<Secret>, Failure> {
    let text = match file {
        Some(path) => Some(read(path).map_err(|error| {
            let path = path.display();
            Failure::Failed(format!(
                "cannot read the URL of the database in {path}: {error}"
            ))
        })?),
        None => std::env::var(DATABASE_URL_VARIABLE).ok(),
    };
    let text = text
        .as_deref()
        .map(str::trim)
        .filter(|text| !text.is_empty());
    Ok(text.map(Secret::new))
}

pub(super) fn settings(url: &Secret) -> PostgresSettings {
    let mut settings = PostgresSettings::new(url.expose());
    settings.connections = CONNECTIONS;
    settings
}

fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?
        .take(URL_FILE_BYTES)
        .read_to_string(&mut text)?;
    Ok(text)
}
