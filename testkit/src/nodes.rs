//! A cluster in this process: nodes on a private PostgreSQL and a private Redis.

use std::path::PathBuf;

use parlor_server::cluster::ClusterFile;
use parlor_server::cluster::file::Places;
use parlor_server::config::{Config, Secret};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::postgres::TestPostgres;
use crate::redis::Redis;
use crate::server::TestServer;

/// What the nodes share, and the nodes.
pub struct Nodes {
    pub servers: Vec<TestServer>,
    pub postgres: TestPostgres,
    pub redis: Redis,
    database: String,
    file: PathBuf,
    _folder: TempDir,
}

impl Nodes {
    /// So many nodes, started together on an empty database, with settings changed.
    pub async fn start(count: usize, change: fn(&mut Config)) -> Self {
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
        let mut starts = JoinSet::new();
        for _ in 0..count {
            starts.spawn(node(file.clone(), change));
        }
        Self {
            servers: starts.join_all().await,
            postgres,
            redis,
            database,
            file,
            _folder: folder,
        }
    }

    /// Another node joins.
    pub async fn join(&mut self, change: fn(&mut Config)) {
        self.servers.push(node(self.file.clone(), change).await);
    }

    /// The file by which nodes join.
    pub fn file(&self) -> &PathBuf {
        &self.file
    }

    /// The database's name.
    pub fn database(&self) -> &str {
        &self.database
    }
}

async fn node(file: PathBuf, change: fn(&mut Config)) -> TestServer {
    TestServer::with(|config| {
        change(config);
        config.cluster.file = Some(file);
        // Those of all nodes must fit what PostgreSQL takes.
        config.database.connections = 12;
    })
    .await
}
