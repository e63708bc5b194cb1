//! A shard without a server around it, and links to it.

use std::collections::HashSet;
use std::rc::Rc;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use parlor_protocol::hello::Done;
use parlor_protocol::room::Head;
use parlor_protocol::sync::{Entry, RoomBatch, RoomChanges};
use parlor_protocol::{Code, Extensions, RoomId, SessionId, UserId, frame};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::{LocalSet, spawn_local};

use crate::cluster::Listed;
use crate::config::Config;
use crate::guard::password::Gate;
use crate::guard::rate::Rates;
use crate::net::Event;
use crate::net::pair::{Peer, PeerStream, Place};
use crate::ops::Metrics;
use crate::room::{BatchFrames, Committer, Span};
use crate::shard::hub::Depth;
use crate::shard::state::Shard;
use crate::shard::{
    Committed, Core, LinkRef, MAILBOX, RoomCommitted, ShardHandle, ToShard, Who, Wish, run,
};
use crate::store::sqlite::SqliteStore;
use crate::store::{ReaderChange, Store};

/// A client that reads whatever comes.
pub(super) const WIDE: u32 = 1024 * 1024;

pub(super) struct World {
    pub(super) shard: Rc<Shard>,
    place: Place,
    pub(super) seen: mpsc::Receiver<(SessionId, u64, String)>,
    _inbox: mpsc::Receiver<ToShard>,
    _folder: tempfile::TempDir,
}

/// A link and what is known of it.
pub(super) struct Linked {
    pub(super) at: LinkRef,
    pub(super) who: Who,
    pub(super) peer: Peer,
    pub(super) decision: Option<oneshot::Receiver<bool>>,
}

impl World {
    pub(super) async fn new(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        change(&mut config);
        let store = SqliteStore::open(&folder.path().join("parlor.db")).await;
        let store: Arc<dyn Store> = Arc::new(store.unwrap());
        let metrics = Arc::new(Metrics::default());
        let (mailbox, inbox) = mpsc::channel(MAILBOX);
        let (seen, seen_inbox) = mpsc::channel(16);
        let shard = ShardHandle::new(mailbox);
        let public_address = "localhost:7443".parse().unwrap();
        let core = Core {
            nodes: Arc::new(Listed::alone(&public_address)),
            committer: Committer::start(store.clone(), shard.clone(), None, metrics.clone()),
            gate: Gate::new(metrics.clone()),
            runtime: tokio::runtime::Handle::current(),
            requests: Arc::new(Semaphore::new(1)),
            redis: None,
            shared_rates: None,
            flusher_stopped: Default::default(),
            log_in_rates: Mutex::new(Rates::new(config.limits.clone())),
            online: Mutex::new(HashSet::new()),
            endings: AtomicU64::new(0),
            began: Instant::now(),
            peers: None,
            public_address,
            pins: Vec::new(),
            config: Arc::new(config),
            shard,
            store,
            metrics,
            seen,
        };
        let shard = Shard::new(Arc::new(core));
        spawn_local(run::flush_slots(shard.clone()));
        spawn_local(run::wake_writable(shard.clone()));
        Self {
            shard,
            place: Place::new(),
            seen: seen_inbox,
            _inbox: inbox,
            _folder: folder,
        }
    }

    pub(super) fn tell(&self, message: ToShard) {
        self.shard.step(|state| state.handle(message, &self.shard));
    }

    /// A link that has said hello.
    pub(super) async fn greeted(&self, user: UserId, window_bytes: u32) -> Linked {
        let (connection, peer) = self.place.link(window_bytes).await;
        let push = connection.open_push().await;
        let (sender, decision) = oneshot::channel();
        let at = self.shard.step(|state| {
            let at = state.add(connection, &self.shard);
            let link = state.link(at).unwrap();
            link.push = push;
            link.decision = Some(sender);
            at
        });
        let who = Who {
            user,
            session: SessionId::new(),
            administrator: false,
            unlimited: false,
            expires_at_ms: u64::MAX,
        };
        Linked {
            at,
            who,
            peer,
            decision: Some(decision),
        }
    }

    /// The client's end of the link's control stream.
    pub(super) async fn control(&self, linked: &Linked) -> PeerStream {
        let (peer, connection) = self.shard.step(|state| {
            let link = state.link(linked.at).unwrap();
            (linked.peer.connection.clone(), link.connection.clone())
        });
        let (stream, opened) = tokio::join!(PeerStream::open(&peer), connection.event());
        let Event::Stream(outbound, _) = opened else {
            panic!("the client opened a stream")
        };
        let set = |state: &mut crate::shard::State| {
            state.link(linked.at).unwrap().control = Some(outbound);
        };
        self.shard.step(set);
        stream
    }

    pub(super) fn identify(&self, linked: &Linked) {
        let (link, who) = (linked.at, linked.who.clone());
        self.tell(ToShard::Identified { link, who });
    }

    /// The core grants the entry, with these rooms.
    pub(super) async fn grant(&self, linked: &mut Linked, rooms: &[Head]) -> bool {
        self.tell(ToShard::Entered {
            link: linked.at,
            request: 2,
            reply: frame::encode(2, &Done::default()),
            rooms: rooms.iter().map(|head| (*head, false)).collect(),
            rev: 0,
        });
        linked.decision.take().unwrap().await.unwrap()
    }

    pub(super) async fn entered(&self, user: UserId, rooms: &[Head], window_bytes: u32) -> Linked {
        let mut linked = self.greeted(user, window_bytes).await;
        self.identify(&linked);
        assert!(self.grant(&mut linked, rooms).await);
        linked
    }

    pub(super) fn open(&self, linked: &Linked, head: Head, member: bool) {
        let number = self.wish(linked, head.room);
        let wish = Wish {
            link: linked.at,
            number,
        };
        self.tell(ToShard::Activate { wish, head, member });
    }

    pub(super) fn wish(&self, linked: &Linked, room: RoomId) -> u32 {
        let wish =
            |state: &mut crate::shard::State| state.link(linked.at).unwrap().note_opening(room);
        self.shard.step(wish)
    }

    /// What the link has of a room.
    pub(super) fn depth(&self, linked: &Linked, room: RoomId) -> Option<Depth> {
        self.shard.step(|state| {
            let slot = state.hub.slot(room)?;
            let joined = state.link(linked.at)?.joined(slot)?;
            Some(joined.depth)
        })
    }

    pub(super) fn end(&self, user: UserId, code: Code) {
        self.tell(ToShard::EndSessions {
            user,
            sessions: None,
            but: None,
            code,
        });
    }

    /// A batch of the room's that takes so many bytes.
    pub(super) fn batch(&self, head: Head, bytes: usize) {
        let batch = RoomBatch {
            room: head.room,
            before: head.rev,
            rev: head.rev + 1,
            entries: vec![Entry {
                rev: head.rev + 1,
                kind: 200,
                body: vec![0; bytes],
            }],
            ext: Extensions::NONE,
        };
        let frames = BatchFrames::new(&batch);
        self.shard.step(|state| {
            let slot = state.hub.slot(head.room).unwrap();
            let span = Span {
                before: head.rev,
                rev: head.rev + 1,
            };
            state.fan_out(slot, &frames, span);
        });
    }

    /// A commit of some node's: entries after `before`, up to `rev`.
    pub(super) fn commit(&self, room: Head, before: u64, rev: u64) {
        let frames = BatchFrames::new(&batch(room, before, entries(before, rev)));
        self.tell(ToShard::Committed(Box::new(Committed {
            rooms: vec![RoomCommitted {
                head: Head {
                    head: rev,
                    rev,
                    ..room
                },
                before,
                direct: false,
                frames,
                readers: ReaderChange::None,
                at: Instant::now(),
            }],
            ..Committed::default()
        })));
    }

    /// What is missing comes out of the database.
    pub(super) fn gap_read(&self, room: Head, since: u64, entries: Vec<Entry>) {
        let through = entries.last().map_or(since, |entry| entry.rev);
        let changes = RoomChanges {
            room: room.room,
            since,
            through,
            rev: through,
            head: through,
            floor: 1,
            reset: false,
            entries,
            ext: Extensions::NONE,
        };
        self.tell(ToShard::GapRead {
            room: room.room,
            changes: Some(Box::new(changes)),
        });
    }

    pub(super) fn online(&self, room: RoomId) -> usize {
        self.shard.step(|state| {
            let slot = state.hub.slot(room).unwrap();
            state.hub.get(slot).unwrap().members().count()
        })
    }
}

/// Entries of no known kind.
pub(super) fn entries(before: u64, rev: u64) -> Vec<Entry> {
    let entry = |rev| Entry {
        rev,
        kind: 200,
        body: Vec::new(),
    };
    (before + 1..=rev).map(entry).collect()
}

fn batch(room: Head, before: u64, entries: Vec<Entry>) -> RoomBatch {
    RoomBatch {
        room: room.room,
        before,
        rev: entries.last().map_or(before, |entry| entry.rev),
        entries,
        ext: Extensions::NONE,
    }
}

pub(super) fn head() -> Head {
    Head {
        room: RoomId::new(),
        head: 1,
        rev: 1,
    }
}

pub(super) async fn in_a_shard(story: impl Future<Output = ()>) {
    LocalSet::new().run_until(story).await;
}
