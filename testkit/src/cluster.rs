//! A whole cluster: a private PostgreSQL, a private Redis, the file that joins nodes to them, and
//! nodes as processes, each with a folder and ports of its own. Gone when dropped.
//!
//! Nodes are counted from 0. What happens to one (killed, frozen, drained, started again) is a
//! method with its number; [`Cluster::node`] gives the process for the rest.

use std::net::SocketAddr;
use std::path::PathBuf;

use parlor_client_core::net::{Dial, Endpoint, Target, Trust};
use parlor_protocol::link::{JoinLink, LinkError, ServerAddress};
use parlor_services::shared::{Shared, SharedError};

use crate::port::{FreePort, PortError};
use crate::process::{ProcessError, ServerProcess};

/// Of PostgreSQL: as many connections as the pools of six nodes hold.
const SETTINGS: [&str; 1] = ["max_connections=200"];

/// Nodes, and what they share.
#[derive(Debug)]
pub struct Cluster {
    // First, so that they end before what they lean on.
    nodes: Vec<Node>,
    /// PostgreSQL and Redis, to be cut, killed and started again.
    pub shared: Shared,
    program: PathBuf,
    settings: Vec<(String, String)>,
}

#[derive(Debug)]
struct Node {
    process: ServerProcess,
    http: FreePort,
}

/// A cluster did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    #[error(transparent)]
    Shared(#[from] SharedError),
    #[error(transparent)]
    Port(#[from] PortError),
    #[error("node {node}: {error}")]
    Node { node: usize, error: ProcessError },
    #[error("the invite cannot be read: {0}")]
    Invite(#[from] LinkError),
    #[error("a client of the cluster: {0}")]
    Client(String),
    #[error("no node was started yet, so there is no owner link and no key")]
    NotStarted,
}

impl Cluster {
    /// Services that run, the cluster's file, and so many places for nodes; none is started.
    /// `program`: the server's, or this crate's `parlor-test-server`.
    ///
    /// # Errors
    /// [`ClusterError`].
    pub async fn new(program: impl Into<PathBuf>, nodes: usize) -> Result<Self, ClusterError> {
        let program = program.into();
        let shared = Shared::start(&SETTINGS).await?;
        shared.init(&program).await?;
        let mut cluster = Self {
            nodes: Vec::new(),
            shared,
            program,
            settings: Vec::new(),
        };
        for _ in 0..nodes {
            cluster.place()?;
        }
        Ok(cluster)
    }

    /// The same, with every node started.
    ///
    /// # Errors
    /// [`ClusterError`].
    pub async fn running(program: impl Into<PathBuf>, nodes: usize) -> Result<Self, ClusterError> {
        let mut cluster = Self::new(program, nodes).await?;
        cluster.start_all().await?;
        Ok(cluster)
    }

    /// With a setting of every node, those that come later, too. Counts from each node's next start.
    #[must_use]
    pub fn set(mut self, key: &str, value: impl std::fmt::Display) -> Self {
        let value = value.to_string();
        let nodes = std::mem::take(&mut self.nodes).into_iter();
        self.nodes = nodes
            .map(|node| Node {
                process: node.process.set(key, &value),
                ..node
            })
            .collect();
        self.settings.push((key.to_owned(), value));
        self
    }

    /// With a setting of one node. Counts from its next start.
    ///
    /// # Panics
    /// Where there is no such node.
    #[must_use]
    pub fn set_of(mut self, node: usize, key: &str, value: impl std::fmt::Display) -> Self {
        let after = self.nodes.split_off(node + 1);
        let Node { process, http } = self.nodes.pop().expect("a node of this number");
        let process = process.set(key, value);
        self.nodes.push(Node { process, http });
        self.nodes.extend(after);
        self
    }

    /// With a variable of the environment of every node that there is a place for.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        let nodes = std::mem::take(&mut self.nodes).into_iter();
        self.nodes = nodes
            .map(|node| Node {
                process: node.process.variable(name, value),
                ..node
            })
            .collect();
        self
    }

    /// One more place for a node, as when a machine joins; its number.
    ///
    /// # Errors
    /// No folder or no port.
    pub fn place(&mut self) -> Result<usize, ClusterError> {
        let number = self.nodes.len();
        let node = |error| ClusterError::Node {
            node: number,
            error,
        };
        let http = FreePort::take()?;
        let process = ServerProcess::new(&self.program).map_err(node)?;
        let address = process.address();
        let mut process = process
            .set("cluster.file", self.shared.file().display())
            .set("server.public_address", address)
            .set("http.listen", http.loopback());
        for (key, value) in &self.settings {
            process = process.set(key, value);
        }
        self.nodes.push(Node { process, http });
        Ok(number)
    }

    /// How many places there are.
    pub fn count(&self) -> usize {
        self.nodes.len()
    }

    /// One node's process.
    ///
    /// # Panics
    /// Where there is no such node.
    pub fn node(&self, node: usize) -> &ServerProcess {
        &self.nodes[node].process
    }

    /// Starts every node that does not run, one after another.
    ///
    /// # Errors
    /// [`ClusterError::Node`] names the first that did not.
    pub async fn start_all(&mut self) -> Result<(), ClusterError> {
        for node in 0..self.nodes.len() {
            if !self.node(node).is_running() {
                self.start(node).await?;
            }
        }
        Ok(())
    }

    /// Starts a node, on the same folder and ports each time.
    ///
    /// # Errors
    /// [`ClusterError::Node`].
    pub async fn start(&mut self, node: usize) -> Result<(), ClusterError> {
        let started = self.nodes[node].process.start().await;
        started.map_err(|error| ClusterError::Node { node, error })
    }

    /// kill -9: whatever it had in memory is gone.
    ///
    /// # Errors
    /// [`ClusterError::Node`].
    pub async fn kill(&mut self, node: usize) -> Result<(), ClusterError> {
        let killed = self.nodes[node].process.kill().await;
        killed.map_err(|error| ClusterError::Node { node, error })
    }

    /// SIGTERM: it moves its links to other nodes and ends.
    ///
    /// # Errors
    /// [`ClusterError::Node`]; also an end with another code than 0.
    pub async fn drain(&mut self, node: usize) -> Result<(), ClusterError> {
        let ended = self.nodes[node].process.stop().await;
        ended.map_err(|error| ClusterError::Node { node, error })
    }

    /// SIGSTOP: its connections stay open and nothing answers.
    ///
    /// # Errors
    /// [`ClusterError::Node`].
    pub fn freeze(&self, node: usize) -> Result<(), ClusterError> {
        let frozen = self.node(node).freeze();
        frozen.map_err(|error| ClusterError::Node { node, error })
    }

    /// SIGCONT: it goes on where it was.
    ///
    /// # Errors
    /// [`ClusterError::Node`].
    pub fn thaw(&self, node: usize) -> Result<(), ClusterError> {
        let thawed = self.node(node).thaw();
        thawed.map_err(|error| ClusterError::Node { node, error })
    }

    /// Where clients of a node go to.
    pub fn address(&self, node: usize) -> ServerAddress {
        self.node(node).address()
    }

    /// Where a node's health and metrics are.
    pub fn http(&self, node: usize) -> SocketAddr {
        self.nodes[node].http.loopback()
    }

    /// The owner link, as the first node of the empty installation printed it.
    ///
    /// # Errors
    /// [`ClusterError::NotStarted`].
    pub fn owner_link(&self) -> Result<&JoinLink, ClusterError> {
        let links = self.nodes.iter();
        let mut links = links.filter_map(|node| node.process.printed_owner_link());
        links.next().ok_or(ClusterError::NotStarted)
    }

    /// A join link for so many people (0: any number), to be used at a node that runs.
    ///
    /// # Errors
    /// [`ClusterError`].
    pub async fn invite(&self, node: usize, uses: u32) -> Result<JoinLink, ClusterError> {
        let uses = uses.to_string();
        let printed = self.run(node, &["invite", "--uses", &uses]).await?;
        let link: JoinLink = printed.trim().parse()?;
        Ok(JoinLink {
            server: self.address(node),
            ..link
        })
    }

    /// Runs a subcommand on a node's folder and gives what it printed.
    ///
    /// # Errors
    /// [`ClusterError::Node`] with what it said.
    pub async fn run(&self, node: usize, arguments: &[&str]) -> Result<String, ClusterError> {
        let ran = self.node(node).run(arguments).await;
        ran.map_err(|error| ClusterError::Node { node, error })
    }

    /// How a client reaches a node, at another address where a relay stands before it.
    ///
    /// # Errors
    /// [`ClusterError`].
    pub fn dial(&self, node: usize, at: Option<SocketAddr>) -> Result<Dial, ClusterError> {
        let client = |error: &dyn std::fmt::Display| ClusterError::Client(error.to_string());
        let pin = self.owner_link()?.pin.ok_or(ClusterError::NotStarted)?;
        let address = at.map_or_else(
            || self.address(node),
            |at| ServerAddress {
                hosts: vec![at.ip().to_string()],
                port: at.port(),
            },
        );
        let target =
            Target::new(address, Trust::Pins(vec![pin])).map_err(|error| client(&error))?;
        let endpoint = Endpoint::open().map_err(|error| client(&error))?;
        Ok(Dial::new(endpoint, target))
    }
}
