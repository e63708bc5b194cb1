//! A cluster in this process: nodes on a private PostgreSQL and a private Redis.

use std::path::{Path, PathBuf};

use parlor_server::cluster::ClusterFile;
use parlor_server::cluster::file::Places;
use parlor_server::config::{Config, Secret};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::postgres::TestPostgres;
use crate::redis::Redis;
use crate::server::TestServer;

/// Connections of one node: those of all must fit what PostgreSQL takes.
const CONNECTIONS: u32 = 12;

/// What nodes share: a database, a Redis, and the file by which they join.
pub struct Place {
    pub postgres: TestPostgres,
    pub redis: Redis,
    database: String,
    file: PathBuf,
    _folder: TempDir,
}

impl Place {
    /// A fresh one.
    pub async fn new() -> Self {
        let (postgres, redis) = tokio::join!(TestPostgres::start(), Redis::running());
        let postgres = postgres.expect("PostgreSQL starts");
        let redis = redis.expect("Redis starts");
        let database = postgres.database().await.expect("a database");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("cluster.toml");
        let made = ClusterFile::make(Places {
            database: Secret::new(postgres.url(&database)),
            redis: Secret::new(redis.url()),
            redis_authority: None,
            prefix: "test".to_owned(),
        });
        let made = made.expect("a cluster file");
        made.write(&file, true).expect("it is written");
        Self {
            postgres,
            redis,
            database,
            file,
            _folder: folder,
        }
    }

    /// The file by which nodes join.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The database's name.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// Makes the settings those of a node here.
    pub fn settle(&self, config: &mut Config) {
        settle(&self.file, config);
    }
}

fn settle(file: &Path, config: &mut Config) {
    config.cluster.file = Some(file.to_owned());
    config.database.connections = CONNECTIONS;
}

/// Nodes, and what they share.
pub struct Nodes {
    pub servers: Vec<TestServer>,
    pub place: Place,
}

impl Nodes {
    /// So many nodes, started together on an empty database, with settings changed.
    pub async fn start(count: usize, change: fn(&mut Config)) -> Self {
        let place = Place::new().await;
        let mut starts = JoinSet::new();
        for _ in 0..count {
            starts.spawn(node(place.file.clone(), change));
        }
        let servers = starts.join_all().await;
        Self { servers, place }
    }

    /// Another node joins.
    pub async fn join(&mut self, change: fn(&mut Config)) {
        self.servers
            .push(node(self.place.file.clone(), change).await);
    }
}

async fn node(file: PathBuf, change: fn(&mut Config)) -> TestServer {
    TestServer::alone(|config| {
        change(config);
        settle(&file, config);
    })
    .await
}
