//! What an administrator's command changes beyond the database: links and committer of a running
//! server, or nothing where none runs.

use std::sync::Arc;

use async_trait::async_trait;
use parlor_protocol::{Code, Refusal, UserId};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::ops::health;
use crate::room::{ReplyTo, Submission};
use crate::shard::Core;
use crate::store::{Committed, RoomCommand, Store};

/// How a node is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    pub version: String,
    /// Whether a server runs; the rest is zero or empty otherwise.
    pub running: bool,
    pub process: u32,
    pub up_s: u64,
    pub epoch: String,
    /// Where clients reach it.
    pub address: String,
    pub pins: Vec<String>,
    pub links: i64,
    pub entered: i64,
    pub messages_sent: u64,
    pub rss_bytes: u64,
    /// Why the node is not ready; `None` when it is.
    pub not_ready: Option<String>,
}

/// The part of a node that lives in memory.
#[async_trait]
pub trait Live: Send + Sync + 'static {
    /// Commits changes of rooms in their order; one result for each.
    async fn commit(
        &self,
        commands: Vec<RoomCommand>,
    ) -> Result<Vec<Result<Committed, Refusal>>, String>;
    /// Ends a person's links, telling them `code`.
    async fn end_links(&self, user: UserId, code: Code);
    async fn status(&self) -> Status;
    /// Sends all links to other nodes, and takes no new ones.
    async fn drain(&self) -> Result<(), String>;
    /// Begins to end the server in good order.
    async fn stop(&self) -> Result<(), String>;
}

#[async_trait]
impl Live for Core {
    async fn commit(
        &self,
        commands: Vec<RoomCommand>,
    ) -> Result<Vec<Result<Committed, Refusal>>, String> {
        let mut waiting = Vec::with_capacity(commands.len());
        for command in commands {
            let (sender, result) = oneshot::channel();
            let to = ReplyTo::Handler(sender);
            let submitted = self.committer.submit(Submission { command, to });
            submitted.map_err(|_| Code::BUSY.text().to_owned())?;
            waiting.push(result);
        }
        let mut results = Vec::with_capacity(waiting.len());
        for result in waiting {
            let gone = |_| Err(Refusal::new(Code::GOING_AWAY));
            results.push(result.await.unwrap_or_else(gone));
        }
        Ok(results)
    }

    async fn end_links(&self, user: UserId, code: Code) {
        self.end_sessions(user, None, None, code).await;
    }

    async fn status(&self) -> Status {
        let reasons = health::readiness(self).await.reasons;
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            running: true,
            process: std::process::id(),
            up_s: self.began.elapsed().as_secs(),
            epoch: self.store.epoch().to_string(),
            address: self.public_address.to_string(),
            pins: self.pins.iter().map(ToString::to_string).collect(),
            links: self.metrics.links.get(),
            entered: self.metrics.entered.get(),
            messages_sent: self.metrics.messages_sent.get(),
            rss_bytes: crate::ops::metrics::Process::now().rss_bytes,
            not_ready: (!reasons.is_empty()).then(|| reasons.join("; ")),
        }
    }

    async fn drain(&self) -> Result<(), String> {
        if self.nodes.others().is_empty() {
            return Err(NOWHERE.to_owned());
        }
        Core::drain(self).await;
        Ok(())
    }

    async fn stop(&self) -> Result<(), String> {
        // As an operator's SIGTERM: one way out for all.
        let process = rustix::process::getpid();
        rustix::process::kill_process(process, rustix::process::Signal::TERM)
            .map_err(|error| format!("the server cannot be told to stop: {error}"))
    }
}

/// Why a drain is refused.
const NOWHERE: &str = "no other node takes links now, so there is nowhere for them to go; start one first, or stop the server: clients come back when it runs again";

/// No server runs: the tool holds the data folder, and is the only writer.
pub struct Still(pub Arc<dyn Store>);

#[async_trait]
impl Live for Still {
    async fn commit(
        &self,
        commands: Vec<RoomCommand>,
    ) -> Result<Vec<Result<Committed, Refusal>>, String> {
        let appended = self.0.append(commands).await;
        Ok(appended.map_err(|error| error.to_string())?.results)
    }

    async fn end_links(&self, _: UserId, _: Code) {}

    async fn status(&self) -> Status {
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            epoch: self.0.epoch().to_string(),
            ..Status::default()
        }
    }

    async fn drain(&self) -> Result<(), String> {
        Err(NOTHING_RUNS.to_owned())
    }

    async fn stop(&self) -> Result<(), String> {
        Err(NOTHING_RUNS.to_owned())
    }
}

const NOTHING_RUNS: &str = "no server runs on this data folder";
