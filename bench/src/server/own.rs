//! The server that a run starts for itself: one node on SQLite, or a cluster of them.

use std::process::Stdio;
use std::time::Duration;

use parlor_protocol::link::ServerAddress;
use tokio::time::timeout;

use super::error::ServerError;
use super::metrics::Metrics;
use super::node::{Node, RAISED};
use super::program::beside_this_one;
use super::services::{Services, ServicesSample};
use crate::accounts::Accounts;

/// Time to make accounts: thousands of them, on a slow disk.
const PREPARE_WITHIN: Duration = Duration::from_secs(300);

/// Nodes, and what they share.
#[derive(Debug)]
pub struct OwnServer {
    // Before the services, so that nodes end first.
    nodes: Vec<Node>,
    services: Option<Services>,
}

impl OwnServer {
    /// One node for itself, ready.
    pub async fn alone() -> Result<Self, ServerError> {
        let program = beside_this_one("parlor-server").ok_or(ServerError::NotFound)?;
        let mut node = Node::new(&program, None)?;
        node.serve().await?;
        Ok(Self {
            nodes: vec![node],
            services: None,
        })
    }

    /// So many nodes on a PostgreSQL and a Redis of their own, all ready.
    pub async fn cluster(count: u32) -> Result<Self, ServerError> {
        let program = beside_this_one("parlor-server").ok_or(ServerError::NotFound)?;
        let services = Services::start().await?;
        let file = services.shared.init(&program).await?;
        let mut nodes = Vec::new();
        for _ in 0..count {
            let mut node = Node::new(&program, Some(&file))?;
            node.serve().await?;
            nodes.push(node);
        }
        Ok(Self {
            nodes,
            services: Some(services),
        })
    }

    /// Makes accounts and rooms, each account a member of one room.
    pub async fn prepare(&self, users: u32, rooms: u32) -> Result<Accounts, ServerError> {
        let node = self.nodes.first().ok_or(ServerError::NotFound)?;
        let mut command = node.command();
        command
            .args(["bench", "prepare"])
            .args(["--users", &users.to_string(), "--rooms", &rooms.to_string()])
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let output = match timeout(PREPARE_WITHIN, command.output()).await {
            Ok(output) => output.map_err(|error| node.not_started(error))?,
            Err(_) => return Err(ServerError::Prepare("it took too long".to_owned())),
        };
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(ServerError::Prepare(said));
        }
        let mut accounts = Accounts::read(&output.stdout[..])?;
        let raised = RAISED.iter().map(|it| it.2).filter(|it| !it.is_empty());
        accounts.raised.extend(raised.map(str::to_owned));
        Ok(accounts)
    }

    /// Where clients go to, by node.
    pub fn addresses(&self) -> Vec<ServerAddress> {
        self.nodes.iter().map(Node::address).collect()
    }

    /// A node, to be ended and started.
    pub fn node(&mut self, index: usize) -> Option<&mut Node> {
        self.nodes.get_mut(index)
    }

    /// By node; `None` while it does not run.
    pub fn pids(&self) -> Vec<Option<u32>> {
        self.nodes.iter().map(Node::pid).collect()
    }

    /// Why a node ended, if one did by itself.
    pub fn died(&mut self) -> Option<String> {
        self.nodes.iter_mut().find_map(Node::died)
    }

    /// What all nodes that run say of themselves, together.
    pub async fn metrics(&self) -> Option<Metrics> {
        let mut all: Option<Metrics> = None;
        for node in &self.nodes {
            if let Some(metrics) = node.metrics().await {
                all.get_or_insert_default().add(&metrics);
            }
        }
        all
    }

    /// What the services have used, where there are some.
    pub async fn services(&self) -> Option<ServicesSample> {
        Some(self.services.as_ref()?.look().await)
    }

    pub(super) async fn end(mut self: Box<Self>) {
        for node in &mut self.nodes {
            node.terminate().await;
        }
        if let Some(services) = self.services {
            services.shared.end().await;
        }
    }
}
