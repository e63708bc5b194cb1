//! A store whose reads can be held up after they have read: what they give is old by then.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use parlor_protocol::account::Person;
use parlor_protocol::message::{LongText, Page, Place, Timeline};
use parlor_protocol::room::{Head, Role, RoomListing, RoomSummary};
use parlor_protocol::sync::{Marker, RoomChanges, UserChanges};
use parlor_protocol::{Epoch, Refusal, RoomId, SessionId, UserId};
use parlor_server::store::{
    Access, Appended, CodeHash, Connections, InviteRow, NewInvite, NewSession, NewUser, NodeBeat,
    Result, RoomCommand, SessionFound, SessionRow, Store, TokenHash, UserAppended, UserRow,
};
use tokio::sync::watch;

pub(crate) struct Gate {
    inner: Arc<dyn Store>,
    open: watch::Sender<bool>,
    waiting: watch::Sender<usize>,
    reads: AtomicUsize,
}

impl Gate {
    pub(crate) fn new(inner: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            open: watch::Sender::new(true),
            waiting: watch::Sender::new(0),
            reads: AtomicUsize::new(0),
        })
    }

    /// Reads of what is cached wait from now on, with what they have read.
    pub(crate) fn shut(&self) {
        self.open.send_replace(false);
        self.waiting.send_replace(0);
    }

    pub(crate) fn open(&self) {
        self.open.send_replace(true);
    }

    /// Waits until so many wait.
    pub(crate) async fn waiting(&self, count: usize) {
        let mut waiting = self.waiting.subscribe();
        waiting.wait_for(|now| *now >= count).await.unwrap();
    }

    /// Reads of what is cached that came to the database.
    pub(crate) fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }

    async fn pass(&self) {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.waiting.send_modify(|waiting| *waiting += 1);
        let mut open = self.open.subscribe();
        open.wait_for(|open| *open).await.unwrap();
    }
}

macro_rules! gated {
    (
        through: $(async fn $name:ident(&self $(, $arg:ident: $type:ty)*) -> $result:ty;)*
        held: $(async fn $held:ident(&self $(, $harg:ident: $htype:ty)*) -> $hresult:ty;)*
    ) => {
        #[async_trait]
        impl Store for Gate {
            fn epoch(&self) -> Epoch {
                self.inner.epoch()
            }
            fn connections(&self) -> Connections {
                self.inner.connections()
            }
            fn noted(&self, room: RoomId, rev: u64) {
                self.inner.noted(room, rev);
            }
            async fn close(&self) {
                self.inner.close().await;
            }
            $(async fn $name(&self $(, $arg: $type)*) -> $result {
                self.inner.$name($($arg),*).await
            })*
            $(async fn $held(&self $(, $harg: $htype)*) -> $hresult {
                let read = self.inner.$held($($harg),*).await;
                self.pass().await;
                read
            })*
        }
    };
}

gated! {
    through:
    async fn is_empty(&self) -> Result<bool>;
    async fn backup(&self, to: &Path) -> Result<()>;
    async fn check(&self) -> Result<()>;
    async fn prune(&self, now_ms: u64, limit: u32) -> Result<u64>;
    async fn erase_load(&self, limit: u32) -> Result<u64>;
    async fn append(&self, commands: Vec<RoomCommand>) -> Result<Appended>;
    async fn create_user(&self, user: NewUser) -> Result<std::result::Result<(), Refusal>>;
    async fn user(&self, user: UserId) -> Result<Option<UserRow>>;
    async fn user_by_name(&self, folded: &str) -> Result<Option<UserRow>>;
    async fn users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<UserRow>>;
    async fn set_password(&self, user: UserId, hash: &str) -> Result<()>;
    async fn set_disabled(&self, user: UserId, disabled: bool) -> Result<()>;
    async fn set_administrator(&self, user: UserId, administrator: bool) -> Result<()>;
    async fn create_session(&self, session: NewSession) -> Result<()>;
    async fn offer_token(&self, session: SessionId, next: &TokenHash, now_ms: u64) -> Result<()>;
    async fn accept_token(&self, session: SessionId, next: &TokenHash, now_ms: u64) -> Result<()>;
    async fn touch_sessions(&self, seen: &[(SessionId, u64, String)]) -> Result<()>;
    async fn sessions(&self, user: UserId) -> Result<Vec<SessionRow>>;
    async fn end_session(&self, user: UserId, session: SessionId) -> Result<bool>;
    async fn end_sessions(&self, user: UserId, but: Option<SessionId>) -> Result<Vec<SessionId>>;
    async fn create_invite(&self, invite: NewInvite) -> Result<()>;
    async fn invite(&self, code: &CodeHash, user: Option<UserId>, now_ms: u64) -> Result<Option<InviteRow>>;
    async fn use_invite(&self, code: &CodeHash, user: UserId, now_ms: u64) -> Result<bool>;
    async fn access(&self, room: RoomId, reader: UserId) -> Result<Option<Access>>;
    async fn summary(&self, room: RoomId, reader: UserId) -> Result<Option<RoomSummary>>;
    async fn heads(&self, reader: UserId) -> Result<Vec<(Head, bool)>>;
    async fn member_ids(&self, room: RoomId, limit: u32) -> Result<Vec<UserId>>;
    async fn changes(&self, room: RoomId, since: u64, visible_from: u64) -> Result<RoomChanges>;
    async fn user_changes(&self, user: UserId, since: Option<u64>) -> Result<UserChanges>;
    async fn mark(&self, user: UserId, room: RoomId, timeline: Timeline, seq: u64) -> Result<Option<(UserAppended, Marker)>>;
    async fn put_text(&self, long: LongText, bytes: Vec<u8>) -> Result<()>;
    async fn text(&self, room: RoomId, timeline: Timeline, seq: u64, visible_from: u64) -> Result<Option<(LongText, Vec<u8>)>>;
    async fn rooms_reached(&self, rooms: &[RoomId]) -> Result<Vec<Head>>;
    async fn people_reached(&self, users: &[UserId]) -> Result<Vec<(UserId, u64)>>;
    async fn living_sessions(&self, sessions: &[SessionId]) -> Result<Vec<SessionId>>;
    async fn beat(&self, beat: NodeBeat) -> Result<()>;
    async fn nodes(&self, limit: u32) -> Result<Vec<NodeBeat>>;
    held:
    async fn people(&self, ids: &[UserId], folded_names: &[String]) -> Result<Vec<Person>>;
    async fn session_by_token(&self, hash: &TokenHash) -> Result<Option<SessionFound>>;
    async fn room_by_name(&self, folded: &str) -> Result<Option<RoomId>>;
    async fn directory(&self, reader: UserId, after_folded: &str, limit: u16) -> Result<Vec<RoomListing>>;
    async fn members(&self, room: RoomId, after: Option<UserId>, limit: u16) -> Result<Vec<(Person, Role)>>;
    async fn page(&self, room: RoomId, timeline: Timeline, place: Place, seq: u64, limit: u16, visible_from: u64) -> Result<Page>;
}
