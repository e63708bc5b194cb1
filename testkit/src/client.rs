//! A recorded client: small and resilient, by client-core's own rules (supervisor, sync, outbox),
//! with a store in memory. It writes down what the history checker asks for.
//!
//! ```text
//! RecordedClient ── commands ──▶ driver task ── Supervisor ──▶ server
//!        ▲                           │ State: rooms held, outbox, events
//!        └──────── Progress ─────────┘
//! ```

mod driver;
mod follow;
mod held;
mod outbox;
mod reply;
mod state;

use parlor_client_core::net::Dial;
use parlor_protocol::hello::Token;
use parlor_protocol::{RoomId, UserId};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::checker::{History, View};
use driver::Driver;
use state::State;

/// Commands that wait for a client; whoever gives more waits.
const COMMANDS: usize = 1_024;

/// Who a client is and how it behaves.
#[derive(Clone, Debug)]
pub struct Person {
    /// The client's name in the record: one outbox, one store.
    pub client: String,
    pub user: UserId,
    pub token: Token,
    /// Leaves out what a catch-up brings: a fault that the checker must notice.
    pub skip_gap_fill: bool,
}

/// A change of membership that the client asks for, again until it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MembershipChange {
    /// The client's own.
    Join,
    Leave,
    /// Somebody else's.
    Add(UserId),
    Remove(UserId),
}

/// How far a client is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    pub linked: bool,
    /// How often a link was made.
    pub links: u64,
    /// The address of the node at the other end, as it names itself; that of the last one without a
    /// link.
    pub node: String,
    /// How often a link was lost before there was another, or a dial failed, and the newest reason.
    pub errors: u64,
    pub error: String,
    /// Messages and changes that the server has not answered for good.
    pub unsent: usize,
    /// Everything known to exist is held, older pages included.
    pub current: bool,
    /// Rooms that are open, and the rev held of each; sorted.
    pub rooms: Vec<(RoomId, u64)>,
    /// Rooms in the person's list.
    pub listed: usize,
    /// Messages acknowledged so far.
    pub acknowledged: u64,
}

#[derive(Debug)]
enum Command {
    Say {
        room: RoomId,
        text: String,
    },
    Change {
        room: RoomId,
        change: MembershipChange,
    },
    Mark {
        room: RoomId,
    },
    /// Answered once all before it shows in the progress.
    Reach(oneshot::Sender<()>),
    /// Ends at once, without a word to the server.
    Crash,
}

/// A client that runs.
#[derive(Debug)]
pub struct RecordedClient {
    commands: mpsc::Sender<Command>,
    progress: watch::Receiver<Progress>,
    task: JoinHandle<State>,
    dial: Dial,
}

/// A client that does not run: what it has on its disk.
#[derive(Debug)]
pub struct StoppedClient {
    state: State,
    dial: Dial,
}

impl RecordedClient {
    /// A client with an empty store.
    pub fn start(person: Person, dial: Dial) -> Self {
        Self::run(State::new(person), dial)
    }

    fn run(mut state: State, dial: Dial) -> Self {
        state.started();
        let (commands, taken) = mpsc::channel(COMMANDS);
        let (shown, progress) = watch::channel(Progress::default());
        let task = tokio::spawn(Driver::new(state, dial.clone(), shown).run(taken));
        Self {
            commands,
            progress,
            task,
            dial,
        }
    }

    /// Writes a message into the outbox.
    pub async fn say(&self, room: RoomId, text: String) {
        self.give(Command::Say { room, text }).await;
    }

    pub async fn change(&self, room: RoomId, change: MembershipChange) {
        self.give(Command::Change { room, change }).await;
    }

    /// Marks everything held of the room as read.
    pub async fn mark(&self, room: RoomId) {
        self.give(Command::Mark { room }).await;
    }

    /// Waits until what it was told before shows in its progress.
    pub async fn reached(&self) {
        let (answer, reached) = oneshot::channel();
        self.give(Command::Reach(answer)).await;
        // Fails only after a panic of the task, which `crash` tells.
        let _ = reached.await;
    }

    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// Ends the client in the middle of whatever it does.
    ///
    /// # Panics
    /// Where its task has panicked: then the client itself is at fault.
    pub async fn crash(self) -> StoppedClient {
        self.give(Command::Crash).await;
        let state = self.task.await.expect("the client's task");
        StoppedClient {
            state,
            dial: self.dial,
        }
    }

    async fn give(&self, command: Command) {
        // Fails only after a panic of the task, which `crash` tells.
        let _ = self.commands.send(command).await;
    }
}

impl StoppedClient {
    /// Starts it again on what it holds.
    pub fn start(self) -> RecordedClient {
        RecordedClient::run(self.state, self.dial)
    }

    /// What it wrote and what it holds. `complete`: it claims to hold everything it may see.
    pub fn records(self, complete: bool) -> (History, View) {
        self.state.records(complete)
    }
}
