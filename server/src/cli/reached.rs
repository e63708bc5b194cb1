//! How a tool reaches the data: through the running server, or by itself while none runs.

use std::net::SocketAddr;
use std::sync::Arc;

use super::Failure;
use crate::address::reach;
use crate::config::{Config, Loaded};
use crate::data::{DataFolder, Paths};
use crate::database;
use crate::key::Identity;
use crate::ops::admin::{Admin, Answer, Client, ClientError, Command, Desk, Still};
use crate::store::Store;

/// Whoever does what the tool asks.
pub(super) enum Reached {
    /// The server that runs.
    Server(Client),
    /// This process, which holds the folder.
    Folder {
        desk: Desk,
        // Held as long as the store is open.
        _data: DataFolder,
    },
}

impl Reached {
    /// The running server of the data folder, else the folder itself.
    pub(super) async fn new(loaded: &Loaded) -> Result<Self, Failure> {
        let config = &loaded.config;
        let paths = Paths::of(&config.data.folder);
        match Client::connect(&paths.admin_socket()).await {
            Ok(client) => Ok(Self::Server(client)),
            Err(ClientError::NoServer) => Self::open(config).await,
            Err(error) => Err(Failure::failed(error)),
        }
    }

    async fn open(config: &Config) -> Result<Self, Failure> {
        let data = DataFolder::open(&config.data.folder).map_err(Failure::failed)?;
        let cluster = database::cluster(config).map_err(Failure::failed)?;
        let store = database::open(config, data.paths(), cluster.as_ref())
            .await
            .map_err(Failure::failed)?;
        let store: Arc<dyn Store> = Arc::from(store);
        let shared = cluster.as_ref().map(|cluster| &cluster.keys);
        let identity =
            Identity::load(&config.certificate, data.paths(), shared).map_err(Failure::failed)?;
        let listening = SocketAddr::new(config.listen.address, config.listen.port);
        let desk = Desk {
            live: Arc::new(Still(store.clone())),
            store,
            server: reach(config, listening).address,
            pin: identity.pins().first().copied(),
            invite_hours: config.invite.life_days * 24,
        };
        Ok(Self::Folder { desk, _data: data })
    }

    pub(super) async fn run(&self, command: Command) -> Result<Answer, Failure> {
        let answer = match self {
            Self::Server(client) => client.run(command).await,
            Self::Folder { desk, .. } => desk.run(command).await,
        };
        answer.map_err(Failure::Failed)
    }

    /// Ends in good order: what the store holds is on disk.
    pub(super) async fn close(self) {
        if let Self::Folder { desk, .. } = self {
            desk.store.close().await;
        }
    }
}

/// One command and its answer.
pub(super) fn ask(loaded: &Loaded, command: Command) -> Result<Answer, Failure> {
    super::block_on(async {
        let reached = Reached::new(loaded).await?;
        let answer = reached.run(command).await;
        reached.close().await;
        answer
    })
}

/// An answer of another kind than the command's.
pub(super) fn unexpected() -> Failure {
    Failure::Failed(
        "the running server answered something else; use a tool of its version".to_owned(),
    )
}
