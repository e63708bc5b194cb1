//! The committer: every durable change of a room goes through it, one commit at a time. While one
//! runs, the next batch collects.
//!
//! A commit costs the disk and four changes of thread, however much it carries. So commits that
//! would follow each other closely keep a short distance in which more is collected; one that comes
//! after a pause begins at once.

#[cfg(feature = "mutations")]
mod fault;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parlor_protocol::limit::{CHANGES_ENTRIES, ROOM_NAME_CHARS};
use parlor_protocol::message::Posted;
use parlor_protocol::room::{Head, RoomDone};
use parlor_protocol::sync::RoomBatch;
use parlor_protocol::{Code, Extensions, Refusal, frame};
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep_until;

use super::BatchFrames;
use crate::cluster::Peers;
use crate::ops::Metrics;
use crate::shard::{self, ReplyAddress, RoomCommitted, ShardHandle, ToShard};
use crate::store::{Appended, Change, Committed, RoomAppended, RoomCommand, Store, StoreError};

/// Commands that wait for a commit; above it senders are told to try again.
const QUEUE: usize = 8_192;
/// Commands of one commit, and bytes of their texts: a room's batch must fit a frame.
const BATCH_COMMANDS: usize = CHANGES_ENTRIES / 2;
const BATCH_TEXT_BYTES: usize = 128 * 1024;

/// Distance between the beginnings of two commits that follow each other. Measured under 1,000
/// messages a second in 100 rooms: see docs/performance.md.
const DISTANCE: Duration = Duration::from_millis(1);

/// Who waits for the result.
#[derive(Debug)]
pub enum ReplyTo {
    /// A post of a link: acknowledged by the shard, together with the batch.
    Link(ReplyAddress),
    /// A handler that has more to do.
    Handler(oneshot::Sender<Result<Committed, Refusal>>),
}

#[derive(Debug)]
pub struct Submission {
    pub command: RoomCommand,
    pub to: ReplyTo,
}

/// Where commands are handed in.
#[derive(Clone)]
pub struct Committer {
    queue: mpsc::Sender<Queued>,
}

/// What waits for the committer.
enum Queued {
    Command(Submission),
    /// A probe of the delivery: committed with nothing, it goes on when the commands before it do.
    Probe(oneshot::Sender<()>),
}

impl Committer {
    /// Starts the committer on the current runtime; it ends when the last handle is gone.
    pub fn start(
        store: Arc<dyn Store>,
        shard: ShardHandle,
        peers: Option<Arc<Peers>>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let (queue, submissions) = mpsc::channel(QUEUE);
        tokio::spawn(
            Driver {
                store,
                shard,
                peers,
                metrics,
                #[cfg(feature = "mutations")]
                foresight: fault::Foresight::default(),
            }
            .run(submissions),
        );
        Self { queue }
    }

    /// Hands a command in without waiting. At the bound the submission comes back.
    pub fn submit(&self, submission: Submission) -> Result<(), Box<Submission>> {
        let permit = match self.queue.try_reserve() {
            Ok(permit) => permit,
            Err(_) => return Err(Box::new(submission)),
        };
        permit.send(Queued::Command(submission));
        Ok(())
    }

    /// Sends a probe the way of a message. What comes back is told when it has left a link's queue,
    /// and ends untold where that does not happen.
    pub fn probe(&self) -> oneshot::Receiver<()> {
        let (left, told) = oneshot::channel();
        // A full queue drops it, which ends what comes back.
        let _ = self.queue.try_send(Queued::Probe(left));
        told
    }

    /// Hands a command in and waits for its commit.
    pub async fn commit(&self, command: RoomCommand) -> Result<Committed, Refusal> {
        let (sender, result) = oneshot::channel();
        self.submit(Submission {
            command,
            to: ReplyTo::Handler(sender),
        })
        .map_err(|_| busy())?;
        result
            .await
            .unwrap_or_else(|_| Err(Refusal::new(Code::GOING_AWAY)))
    }
}

/// What a sender hears when the queue is full.
pub fn busy() -> Refusal {
    Refusal::new(Code::BUSY).retry_after_ms(200)
}

struct Driver {
    store: Arc<dyn Store>,
    shard: ShardHandle,
    /// The other nodes.
    peers: Option<Arc<Peers>>,
    metrics: Arc<Metrics>,
    #[cfg(feature = "mutations")]
    foresight: fault::Foresight,
}

impl Driver {
    async fn run(mut self, mut submissions: mpsc::Receiver<Queued>) {
        let mut waiting = Waiting::default();
        let mut next = Instant::now();
        while collect(&mut submissions, &mut waiting, next).await {
            next = Instant::now() + DISTANCE;
            let (commands, to): (Vec<_>, Vec<_>) = waiting
                .commands
                .drain(..)
                .map(|submission| (submission.command, submission.to))
                .unzip();
            if !commands.is_empty() {
                self.commit(commands, to).await;
            }
            for left in waiting.probes.drain(..) {
                self.shard.send(ToShard::Probe(left)).await;
            }
        }
    }

    async fn commit(&mut self, commands: Vec<RoomCommand>, to: Vec<ReplyTo>) {
        #[cfg(feature = "mutations")]
        let to = self.too_early(&commands, to).await;
        let began = Instant::now();
        let count = commands.len();
        match self.store.append(commands).await {
            Ok(appended) => {
                self.metrics.committed(count, began.elapsed());
                #[cfg(feature = "mutations")]
                self.foresight.learn(&appended);
                self.publish(appended, to).await;
            }
            Err(error) => self.refuse(&error, to).await,
        }
    }

    #[cfg(feature = "mutations")]
    async fn too_early(&mut self, commands: &[RoomCommand], mut to: Vec<ReplyTo>) -> Vec<ReplyTo> {
        if let Some(early) = self.foresight.foretell(commands, &mut to) {
            self.shard.send(ToShard::Committed(Box::new(early))).await;
            fault::Foresight::dither().await;
        }
        to
    }

    /// After commit only: acknowledge, and hand the entries on.
    async fn publish(&self, appended: Appended, to: Vec<ReplyTo>) {
        let mut handlers = Vec::new();
        let mut committed = shard::Committed {
            users: appended.users,
            ..Default::default()
        };
        for (result, to) in appended.results.into_iter().zip(to) {
            match to {
                ReplyTo::Link(address) => {
                    let refused = result.as_ref().err().map(|refusal| refusal.code);
                    self.metrics.requests.count(address.kind, refused);
                    self.metrics.messages_sent.add(u64::from(refused.is_none()));
                    committed
                        .replies
                        .push((address, acknowledgement(address.request, result)));
                }
                ReplyTo::Handler(sender) => handlers.push((sender, result)),
            }
        }
        let at = Instant::now();
        let rooms = appended.rooms.into_iter();
        committed.rooms = rooms.map(|room| encode(room, at)).collect();
        if let Some(peers) = &self.peers {
            peers.committed(&committed.rooms, &committed.users);
        }
        self.shard
            .send(ToShard::Committed(Box::new(committed)))
            .await;
        // After the shard has it, so that what a handler sends to the shard next comes behind.
        for (sender, result) in handlers {
            let _ = sender.send(result);
        }
    }

    async fn refuse(&self, error: &StoreError, to: Vec<ReplyTo>) {
        tracing::error!(%error, commands = to.len(), "a commit failed");
        let refusal = refusal(error);
        let mut committed = shard::Committed::default();
        for to in to {
            match to {
                ReplyTo::Link(address) => committed
                    .replies
                    .push((address, frame::encode(address.request, &refusal))),
                ReplyTo::Handler(sender) => drop(sender.send(Err(refusal.clone()))),
            }
        }
        self.shard
            .send(ToShard::Committed(Box::new(committed)))
            .await;
    }
}

/// What a client hears of a failed database.
pub fn refusal(error: &StoreError) -> Refusal {
    match error {
        StoreError::Full => Refusal::new(Code::STORAGE_FULL).retry_after_ms(5_000),
        StoreError::Away(_) | StoreError::TimedOut(_) => {
            Refusal::new(Code::STORAGE_AWAY).retry_after_ms(500)
        }
        StoreError::Damaged(_) | StoreError::Newer { .. } | StoreError::Statement(_) => {
            Refusal::new(Code::INTERNAL).retry_after_ms(1_000)
        }
    }
}

/// Waits for the first command and for the moment of the next commit, then takes what has come
/// meanwhile, within bounds.
async fn collect(
    submissions: &mut mpsc::Receiver<Queued>,
    waiting: &mut Waiting,
    next: Instant,
) -> bool {
    let Some(first) = submissions.recv().await else {
        return false;
    };
    // A full batch's worth of waiting submissions is reason enough not to wait for more.
    if Instant::now() < next && submissions.len() < BATCH_COMMANDS {
        sleep_until(next.into()).await;
    }
    waiting.push(first);
    while waiting.commands.len() < BATCH_COMMANDS && waiting.bytes < BATCH_TEXT_BYTES {
        let Ok(next) = submissions.try_recv() else {
            break;
        };
        waiting.push(next);
    }
    waiting.bytes = 0;
    true
}

/// What the next commit takes.
#[derive(Default)]
struct Waiting {
    commands: Vec<Submission>,
    probes: Vec<oneshot::Sender<()>>,
    /// Of the texts collected.
    bytes: usize,
}

impl Waiting {
    fn push(&mut self, queued: Queued) {
        match queued {
            Queued::Command(submission) => {
                self.bytes += text_bytes(&submission);
                self.commands.push(submission);
            }
            Queued::Probe(left) => self.probes.push(left),
        }
    }
}

/// What a command's entries take at most beside a few words.
fn text_bytes(submission: &Submission) -> usize {
    match &submission.command.change {
        Change::Post { text, .. } => text.len(),
        Change::Create { name, topic, .. } => name.shown.len() + topic.len(),
        Change::SetTopic { topic } => DETAILS_BYTES + topic.len(),
        Change::CreateDirect { .. }
        | Change::Join
        | Change::Leave
        | Change::Add { .. }
        | Change::Admit
        | Change::Remove { .. }
        | Change::SetRole { .. } => 0,
    }
}

/// The room's name stands beside its topic in an entry.
const DETAILS_BYTES: usize = 4 * *ROOM_NAME_CHARS.end();

fn acknowledgement(request: u32, result: Result<Committed, Refusal>) -> Bytes {
    match result {
        Ok(done) if done.seq != 0 => frame::encode(
            request,
            &Posted {
                seq: done.seq,
                rev: done.rev,
                at_ms: done.at_ms,
                ext: Extensions::NONE,
            },
        ),
        Ok(done) => frame::encode(
            request,
            &RoomDone {
                room: done.room,
                rev: done.rev,
                ext: Extensions::NONE,
            },
        ),
        Err(refusal) => frame::encode(request, &refusal),
    }
}

fn encode(room: RoomAppended, at: Instant) -> RoomCommitted {
    let RoomAppended {
        room,
        before,
        rev,
        head,
        direct,
        entries,
        readers,
    } = room;
    let batch = RoomBatch {
        room,
        before,
        rev,
        entries,
        ext: Extensions::NONE,
    };
    RoomCommitted {
        head: Head { room, head, rev },
        before,
        direct,
        frames: BatchFrames::new(&batch),
        readers,
        at,
    }
}
