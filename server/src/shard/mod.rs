//! A shard: one single-threaded runtime with endpoint, links, hub and flusher on a thread of its
//! own. The core runtime talks to it through one bounded mailbox, in order.

mod context;
mod delivering;
mod door;
mod elsewhere;
mod enter;
mod flusher;
mod gaps;
mod hub;
mod leave;
mod link;
mod loopback;
mod mailbox;
mod nodes;
mod others;
mod pace;
mod presence;
mod rooms;
mod run;
mod serve;
mod signals;
mod state;
mod tcp;
#[cfg(test)]
mod tests;
mod upkeep;
mod write;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parlor_protocol::bus::{NodePresence, NodeTyping};
use parlor_protocol::hello::Node;
use parlor_protocol::room::Head;
use parlor_protocol::sync::RoomChanges;
use parlor_protocol::{Code, Kind, RoomId, SessionId, UserId};
use tokio::sync::{mpsc, oneshot};

pub use context::{Core, REQUESTS_AT_ONCE, now_ms};
pub(crate) use enter::new_token;
pub use leave::Farewell;
pub use run::{ShardThread, start};
pub(crate) use state::{Shard, State};

use crate::bus::NodeNumber;
use crate::room::BatchFrames;
use crate::store::{ReaderChange, UserAppended};

/// Messages that wait for the shard; above it whoever sends one waits.
pub const MAILBOX: usize = 4_096;

/// A link of this shard. The generation tells a reused place from the link meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkRef {
    pub index: u32,
    pub generation: u32,
}

/// Which of a link's streams a reply belongs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    Control,
    Command,
}

/// Where a reply goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyAddress {
    pub link: LinkRef,
    pub lane: Lane,
    pub request: u32,
    pub kind: Kind,
    /// What the request counts for in the link's bound of requests in flight.
    pub weight: u8,
}

/// Who is at the other end of an entered link.
#[derive(Clone, Debug)]
pub struct Who {
    pub user: UserId,
    pub session: SessionId,
    pub administrator: bool,
    /// No rates apply: an account for load tests.
    pub unlimited: bool,
    /// When the session ends, however much it is used.
    pub expires_at_ms: u64,
}

/// A room that a link asked to open. Whatever takes the room from the link undoes the wish.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    pub link: LinkRef,
    pub number: u32,
}

/// What the core tells the shard. The order of sending is the order of effect.
#[derive(Debug)]
pub enum ToShard {
    Reply {
        to: ReplyAddress,
        frame: Bytes,
        /// The reply holds content of this room, which only members may see: it is dropped if the
        /// person has been removed meanwhile.
        members_of: Option<RoomId>,
    },
    /// A commit: acknowledgements and what readers see.
    Committed(Box<Committed>),
    /// The link's person is known: changes of their rooms and of their sessions count from now on.
    Identified { link: LinkRef, who: Who },
    /// The entry was granted, with all rooms of the person (and whether each is direct).
    Entered {
        link: LinkRef,
        request: u32,
        reply: Bytes,
        rooms: Vec<(Head, bool)>,
        /// The person's own rev before the rooms were read; 0 on a node that is alone.
        rev: u64,
    },
    /// The entry was refused.
    NotEntered { link: LinkRef, reply: Bytes },
    /// Access was granted: the room is at full depth from here on.
    Activate {
        wish: Wish,
        head: Head,
        /// Whether the person is a member; others may look into a public room.
        member: bool,
    },
    /// Something of a person's own changed.
    User(Box<UserAppended>),
    /// The same, by another node: rooms may come to the person, or go.
    UserElsewhere(Box<UserAppended>),
    /// Who is in a room at another node.
    PresenceElsewhere {
        node: NodeNumber,
        said: Box<NodePresence>,
    },
    /// Who is typing at another node.
    TypingElsewhere(NodeTyping),
    /// The bus is there again: who is where is asked anew.
    AskNodes,
    /// Asks who has a link here.
    WhoIsHere(oneshot::Sender<Vec<Here>>),
    /// All rooms of a person as the database has them, since something of theirs was missed.
    Rooms {
        user: UserId,
        rev: u64,
        rooms: Vec<(Head, bool)>,
    },
    /// These sessions ended: so do their links.
    EndSessions {
        user: UserId,
        sessions: Option<Vec<SessionId>>,
        but: Option<SessionId>,
        code: Code,
    },
    /// What was missing in a room; nothing where the database did not answer.
    GapRead {
        room: RoomId,
        changes: Option<Box<RoomChanges>>,
    },
    /// Where rooms stand in the database.
    Reached(Vec<Head>),
    /// A probe of the delivery; answered when it has left.
    Probe(oneshot::Sender<()>),
    /// Tells all links to go, waits for them within bounds, then answers.
    Drain {
        farewell: Farewell,
        done: oneshot::Sender<()>,
    },
    /// Asks so many links to go to one of these nodes, spread over a time.
    MoveAway {
        count: u32,
        nodes: Vec<Node>,
        within: Duration,
    },
}

/// A person with a link here.
#[derive(Debug)]
pub struct Here {
    pub user: UserId,
    /// How far their own entries were followed.
    pub rev: u64,
    pub sessions: Vec<SessionId>,
}

/// What one commit gives to the shard.
#[derive(Debug, Default)]
pub struct Committed {
    pub replies: Vec<(ReplyAddress, Bytes)>,
    pub rooms: Vec<RoomCommitted>,
    pub users: Vec<UserAppended>,
}

#[derive(Debug)]
pub struct RoomCommitted {
    pub head: Head,
    pub before: u64,
    pub direct: bool,
    pub frames: BatchFrames,
    pub readers: ReaderChange,
    /// When it was committed, or heard of from another node.
    pub at: Instant,
}

/// The core's end of the mailbox.
#[derive(Clone)]
pub struct ShardHandle {
    mailbox: mpsc::Sender<ToShard>,
}

impl ShardHandle {
    pub fn new(mailbox: mpsc::Sender<ToShard>) -> Self {
        Self { mailbox }
    }

    /// Waits while the mailbox is full. A shard that has ended takes nothing, which only happens
    /// when the process ends.
    pub async fn send(&self, message: ToShard) {
        let _ = self.mailbox.send(message).await;
    }

    pub fn depth(&self) -> usize {
        MAILBOX - self.mailbox.capacity()
    }
}

/// Shared by the core's tasks.
pub type SharedCore = Arc<Core>;
