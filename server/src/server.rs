//! The whole server in one call: data folder, keys, store, node, the operator's HTTP and socket.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use parlor_protocol::link::{JoinLink, Pin};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::address::{Reach, reach};
use crate::cache;
use crate::cluster::{self, AttachError, Attached, ClusterFile, ClusterFileError, Membership};
use crate::config::Config;
use crate::data::{DataError, DataFolder, Paths, write_private};
use crate::database::{self, OpenError};
use crate::handler::invite::{code_hash, new_code};
use crate::key::{self, Identity, KeyError, Reloader};
use crate::net::{self, EndpointError};
use crate::node::{self, Node, Parts};
use crate::ops::admin::{self, Desk, SocketError};
use crate::ops::http::{self, HttpError, Operator};
use crate::ops::{MeasuredStore, Metrics};
use crate::shard::Core;
use crate::store::Store;

/// Life of the owner link, hours: long enough to be found in yesterday's log.
const OWNER_LINK_HOURS: u32 = 7 * 24;
/// Time left below which an owner link is made anew at a start, ms.
const OWNER_LINK_LEFT_MS: u64 = 24 * 3600 * 1000;

/// Why the server did not start: one line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error(transparent)]
    Socket(#[from] SocketError),
    #[error(transparent)]
    Database(#[from] OpenError),
    #[error(transparent)]
    Cluster(#[from] ClusterFileError),
    #[error(transparent)]
    Attach(#[from] AttachError),
    #[error("cannot make the owner link: {0}")]
    OwnerLink(String),
}

/// A running server.
pub struct Server {
    node: Node,
    reach: Reach,
    http: Option<SocketAddr>,
    owner_link: Option<JoinLink>,
    pins: Vec<Pin>,
    /// What the kernel gave the socket, bytes: receive and send.
    socket_buffer_bytes: [usize; 2],
    admin_socket: PathBuf,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    // Last: the folder is free for another server only once all else has ended.
    data: DataFolder,
}

/// Starts a server on the current runtime, which must have its time and I/O drivers enabled.
pub async fn start(config: Config) -> Result<Server, StartError> {
    let data = DataFolder::create(&config.data.folder)?;
    let paths = data.paths().clone();
    // Ports first: what is in use is found before anything else is made.
    let listening = SocketAddr::new(config.listen.address, config.listen.port);
    let bound = net::bind(&node::settings(&config, listening))?;
    let http = match config.http.listen {
        Some(address) => Some(http::bind(address).await?),
        None => None,
    };
    let admin_socket = paths.admin_socket();
    let socket = admin::bind(&admin_socket)?;
    let cluster = database::cluster(&config)?;
    let shared = cluster.as_ref().map(|cluster| &cluster.keys);
    let identity = Identity::load(&config.certificate, &paths, shared)?;
    let keys = key::node_keys(&paths)?;
    let metrics = Arc::new(Metrics::default());
    let (store, attached) = open_store(&config, &paths, cluster.as_ref(), &metrics).await?;
    let reach = reach(&config, bound.address);
    let socket_buffer_bytes = [bound.receive_buffer_bytes, bound.send_buffer_bytes];
    let desk = Desk {
        store: store.clone(),
        live: Arc::new(admin::Still(store.clone())),
        server: reach.address.clone(),
        pin: identity.pins().first().copied(),
        invite_hours: config.invite.life_days * 24,
    };
    let owner_link = owner_link(&desk, &data, cluster.as_ref()).await?;
    let config = Arc::new(config);
    let joined = match attached.as_ref().zip(cluster.as_ref()) {
        Some((attached, cluster)) => Some(attached.join(&config, cluster, &reach.address).await?),
        None => None,
    };
    let tls = match &cluster {
        Some(cluster) => identity.cluster_config(key::tickets(cluster.secret.bytes()))?,
        None => identity.server_config()?,
    };
    let node = Node::start(Parts {
        config: config.clone(),
        store,
        ends: attached.map(|attached| attached.ends),
        joined,
        metrics: metrics.clone(),
        bound,
        tls,
        pins: identity.pins().to_vec(),
        keys,
        public_address: reach.address.clone(),
    })
    .await?;

    let (stop, stopped) = watch::channel(false);
    let desk = Desk {
        live: node.core().clone(),
        ..desk
    };
    let http_address = http.as_ref().and_then(|http| http.local_addr().ok());
    let mut tasks = JoinSet::new();
    tasks.spawn(admin::serve(socket, Arc::new(desk), until(stopped.clone())));
    if let Some(listener) = http {
        let operator = operator(&node, &config);
        tasks.spawn(http::serve(listener, operator, until(stopped.clone())));
    }
    if let Some(reloader) = identity.reloader(metrics) {
        tasks.spawn(watch_certificate(reloader, until(stopped)));
    }
    Ok(Server {
        node,
        reach,
        http: http_address,
        owner_link,
        pins: identity.pins().to_vec(),
        socket_buffer_bytes,
        admin_socket,
        stop,
        tasks,
        data,
    })
}

impl Server {
    /// Where the UDP socket listens.
    pub fn address(&self) -> SocketAddr {
        self.node.address()
    }

    /// Where health and metrics are.
    pub fn http_address(&self) -> Option<SocketAddr> {
        self.http
    }

    /// Where clients reach the server.
    pub fn reach(&self) -> &Reach {
        &self.reach
    }

    /// The link by which the first account becomes the administrator's, while there is no account.
    pub fn owner_link(&self) -> Option<&JoinLink> {
        self.owner_link.as_ref()
    }

    /// Pins of the keys in force and next in force; empty with a certificate by a CA.
    pub fn pins(&self) -> &[Pin] {
        &self.pins
    }

    /// What the kernel gave the UDP socket to receive and to send with, bytes.
    pub fn socket_buffer_bytes(&self) -> [usize; 2] {
        self.socket_buffer_bytes
    }

    pub fn data(&self) -> &DataFolder {
        &self.data
    }

    /// What handlers work with; for a program that embeds the server.
    pub fn core(&self) -> &Arc<Core> {
        self.node.core()
    }

    /// Ends when this node cannot be of one cluster with nodes that were there before it, and says
    /// why; never otherwise.
    pub fn must_end(&self) -> impl Future<Output = String> + Send + use<> {
        let strange = self.node.membership().map(Membership::must_end);
        async move {
            match strange {
                Some(strange) => strange.await.to_string(),
                None => std::future::pending().await,
            }
        }
    }

    /// The running node, for a program that embeds the server.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Moves the links away, commits what waits, and ends, within a few seconds.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
        self.node.stop().await;
        // A leftover harms nobody: the next start removes it.
        let _ = fs::remove_file(&self.admin_socket);
        drop(self.data);
    }
}

/// The database, measured, behind its cache; in a cluster with what this node shares with the others.
async fn open_store(
    config: &Config,
    paths: &Paths,
    cluster: Option<&ClusterFile>,
    metrics: &Arc<Metrics>,
) -> Result<(Arc<dyn Store>, Option<Attached>), StartError> {
    let opened = database::open(config, paths, cluster).await?;
    let slow_ms = config.database.slow_ms;
    let store = Arc::new(MeasuredStore::new(opened, metrics.clone(), slow_ms));
    let Some(cluster) = cluster else {
        return Ok((cache::of_lone_node(store, &config.cache, metrics), None));
    };
    let attached = cluster::attach(config, cluster, store, metrics).await?;
    Ok((attached.store.clone(), Some(attached)))
}

/// What the operator's HTTP answers from.
fn operator(node: &Node, config: &Config) -> Operator {
    Operator {
        metrics: node.core().metrics.clone(),
        health: node.core().clone(),
        token: config.http.metrics_token.clone(),
    }
}

/// Ends when the server stops.
async fn until(mut stopped: watch::Receiver<bool>) {
    // An error means that the sender is gone, and the server with it.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

async fn watch_certificate(reloader: Reloader, stopped: impl Future<Output = ()>) {
    tokio::select! {
        () = reloader.run() => {}
        () = stopped => {}
    }
}

/// The owner link of an installation without accounts: the one that earlier starts printed while it
/// lives, so that there is never more than one. All nodes of a cluster print the same.
async fn owner_link(
    desk: &Desk,
    data: &DataFolder,
    cluster: Option<&ClusterFile>,
) -> Result<Option<JoinLink>, StartError> {
    let path = data.paths().owner_code();
    let failed = |error: &dyn std::fmt::Display| StartError::OwnerLink(error.to_string());
    if !desk
        .store
        .is_empty()
        .await
        .map_err(|error| failed(&error))?
    {
        return match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(&error)),
            _ => Ok(None),
        };
    }
    let kept = match cluster {
        Some(cluster) => cluster.owner_code(desk.store.epoch()),
        None => fs::read_to_string(&path).unwrap_or_default(),
    };
    let kept = kept.trim();
    let soon = crate::shard::now_ms() + OWNER_LINK_LEFT_MS;
    let known = desk.store.invite(&code_hash(kept), None, soon).await;
    if !kept.is_empty() && known.map_err(|error| failed(&error))?.is_some() {
        return Ok(Some(desk.link(kept.to_owned())));
    }
    let code = match cluster {
        Some(_) => kept.to_owned(),
        None => new_code().map_err(|error| failed(&error))?,
    };
    let made = desk
        .make_invite_of(code.clone(), 1, OWNER_LINK_HOURS, Vec::new(), true)
        .await;
    match (made, cluster) {
        (Ok(_), _) => {}
        // Another node made it at the same time.
        (Err(error), Some(_)) => {
            let known = desk.store.invite(&code_hash(&code), None, soon).await;
            if known.map_err(|error| failed(&error))?.is_none() {
                return Err(failed(&error));
            }
        }
        (Err(error), None) => return Err(failed(&error)),
    }
    if cluster.is_none() {
        write_private(&path, code.as_bytes()).map_err(|error| failed(&error))?;
    }
    Ok(Some(desk.link(code)))
}
