//! Which database the settings mean: SQLite in the data folder, or the cluster's PostgreSQL.

use std::time::Duration;

use crate::cluster::{ClusterFile, ClusterFileError};
use crate::config::{Config, Secret};
use crate::data::Paths;
use crate::store::postgres::{PostgresSettings, PostgresStore};
use crate::store::sqlite::SqliteStore;
use crate::store::{Store, StoreError};

/// The database cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot open the database {place}: {error}")]
pub struct OpenError {
    /// A path, or the words for a database whose address may hold a password.
    place: String,
    error: StoreError,
}

/// The cluster that the settings name, if they name one.
pub fn cluster(config: &Config) -> Result<Option<ClusterFile>, ClusterFileError> {
    config
        .cluster
        .file
        .as_deref()
        .map(ClusterFile::read)
        .transpose()
}

/// Opens the database, makes its schema or brings it forward.
pub async fn open(
    config: &Config,
    paths: &Paths,
    cluster: Option<&ClusterFile>,
) -> Result<Box<dyn Store>, OpenError> {
    let Some(cluster) = cluster else {
        let path = paths.database();
        return match SqliteStore::open(&path).await {
            Ok(store) => Ok(Box::new(store)),
            Err(error) => Err(OpenError {
                place: path.display().to_string(),
                error,
            }),
        };
    };
    match PostgresStore::open(&settings(config, cluster)).await {
        Ok(store) => Ok(Box::new(store)),
        Err(error) => Err(OpenError {
            place: "that the cluster file names".to_owned(),
            error,
        }),
    }
}

/// How the cluster's PostgreSQL is reached.
pub fn settings(config: &Config, cluster: &ClusterFile) -> PostgresSettings {
    let seconds = |seconds: u32| Duration::from_secs(seconds.into());
    PostgresSettings {
        replicas: replicas(config),
        connections: config.database.connections,
        acquire_within: seconds(config.database.acquire_s),
        idle: seconds(config.database.idle_s),
        statement_within: seconds(config.database.statement_s),
        ..PostgresSettings::new(cluster.database.expose())
    }
}

fn replicas(config: &Config) -> Vec<String> {
    let urls = config.database.replicas.as_ref().map_or("", Secret::expose);
    let urls = urls.split(',').map(str::trim);
    urls.filter(|url| !url.is_empty())
        .map(str::to_owned)
        .collect()
}
