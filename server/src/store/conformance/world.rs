//! A store with people in it, and short ways to say what they do.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parlor_protocol::message::{Message, Place, Timeline};
use parlor_protocol::room::{Role, RoomKind};
use parlor_protocol::sync::RoomEntry;
use parlor_protocol::{Code, Refusal, RoomId, SendKey, UserId};

use super::Hand;
use crate::store::{Appended, Change, Committed, NewUser, RoomCommand, RoomName, Store};

/// Makes fresh, empty stores that take their time from the hand.
pub trait Factory: Sync {
    fn make(&self, hand: &Hand) -> impl Future<Output = Arc<dyn Store>> + Send;
}

pub struct World {
    pub store: Arc<dyn Store>,
    pub hand: Hand,
    count: AtomicU64,
}

impl World {
    pub async fn new(factory: &impl Factory) -> Self {
        let hand = Hand::new();
        let store = factory.make(&hand).await;
        Self::with(store, hand)
    }

    /// Around a store that is there.
    pub fn with(store: Arc<dyn Store>, hand: Hand) -> Self {
        Self {
            store,
            hand,
            count: AtomicU64::new(1),
        }
    }

    /// An id that is a UUIDv7 of the hand's time: in order, and the same in every run.
    pub fn id(&self) -> [u8; 16] {
        uuid_v7(
            self.hand.now_ms(),
            self.count.fetch_add(1, Ordering::SeqCst),
        )
    }

    pub fn key(&self) -> SendKey {
        SendKey(self.id())
    }

    pub async fn person(&self, name: &str) -> UserId {
        let id = UserId(self.id());
        self.person_as(id, name).await;
        id
    }

    pub async fn person_as(&self, id: UserId, name: &str) {
        self.account(id, name, false).await;
    }

    /// An account of a load test.
    pub async fn load_person(&self, name: &str) -> UserId {
        let id = UserId(self.id());
        self.account(id, name, true).await;
        id
    }

    async fn account(&self, id: UserId, name: &str, unlimited: bool) {
        let user = NewUser {
            id,
            name: name.to_owned(),
            folded: name.to_lowercase(),
            display_name: format!("{name} the person"),
            password_hash: "$argon2id$".to_owned(),
            administrator: false,
            made_at_ms: self.hand.now_ms(),
            unlimited,
        };
        self.store
            .create_user(user)
            .await
            .expect("the store answers")
            .expect("the name is free");
    }

    pub async fn people<const N: usize>(&self) -> [UserId; N] {
        let mut people = [UserId([0; 16]); N];
        for (count, person) in people.iter_mut().enumerate() {
            *person = self.person(&format!("person{count}")).await;
        }
        people
    }

    pub fn command(&self, actor: UserId, room: RoomId, change: Change) -> RoomCommand {
        RoomCommand {
            room,
            actor,
            send_key: self.key(),
            change,
        }
    }

    pub async fn append(&self, commands: Vec<RoomCommand>) -> Appended {
        let count = commands.len();
        let appended = self
            .store
            .append(commands)
            .await
            .expect("the store answers");
        assert_eq!(appended.results.len(), count, "each command has a result");
        appended
    }

    /// One command; its result.
    pub async fn one(&self, command: RoomCommand) -> Result<Committed, Refusal> {
        self.append(vec![command]).await.results.remove(0)
    }

    pub async fn act(
        &self,
        actor: UserId,
        room: RoomId,
        change: Change,
    ) -> Result<Committed, Refusal> {
        self.one(self.command(actor, room, change)).await
    }

    /// The code of the refusal that must come.
    pub async fn refused(&self, actor: UserId, room: RoomId, change: Change) -> Code {
        let what = format!("{change:?}");
        match self.act(actor, room, change).await {
            Err(refusal) => refusal.code,
            Ok(done) => panic!("{what} should have been refused: {done:?}"),
        }
    }

    pub async fn create(&self, actor: UserId, kind: RoomKind, name: &str) -> RoomId {
        let room = RoomId(self.id());
        self.act(actor, room, create(kind, name))
            .await
            .expect("a room")
            .room
    }

    pub async fn room_of<const N: usize>(&self, kind: RoomKind, members: [UserId; N]) -> RoomId {
        let room = self.create(members[0], kind, "the room").await;
        for member in &members[1..] {
            self.act(members[0], room, Change::Add { user: *member })
                .await
                .expect("added");
        }
        room
    }

    pub async fn say(&self, actor: UserId, room: RoomId, text: &str) -> Committed {
        self.act(actor, room, say(text)).await.expect("said")
    }

    pub async fn newest(&self, room: RoomId) -> Vec<Message> {
        self.store
            .page(room, Timeline::ROOM, Place::NEWEST, 0, 200, 0)
            .await
            .expect("a page")
            .messages
    }

    /// All entries of a room after a rev, opened.
    pub async fn missed(
        &self,
        room: RoomId,
        since: u64,
        visible_from: u64,
    ) -> Vec<(u64, RoomEntry)> {
        let mut all = Vec::new();
        let mut since = since;
        loop {
            let changes = self
                .store
                .changes(room, since, visible_from)
                .await
                .expect("changes");
            assert!(!changes.reset, "not so far behind");
            all.extend(
                changes
                    .entries
                    .iter()
                    .map(|entry| (entry.rev, entry.open_room().expect("an entry"))),
            );
            if changes.through == changes.rev {
                return all;
            }
            assert!(changes.through > since, "each reply goes on");
            since = changes.through;
        }
    }
}

pub(crate) fn say(text: &str) -> Change {
    Change::Post {
        timeline: Timeline::ROOM,
        after: None,
        text: text.to_owned(),
        long: None,
    }
}

pub(super) fn say_after(after: SendKey, text: &str) -> Change {
    Change::Post {
        timeline: Timeline::ROOM,
        after: Some(after),
        text: text.to_owned(),
        long: None,
    }
}

pub(super) fn reply(root: u64, text: &str) -> Change {
    Change::Post {
        timeline: Timeline(root),
        after: None,
        text: text.to_owned(),
        long: None,
    }
}

pub(super) fn create(kind: RoomKind, name: &str) -> Change {
    Change::Create {
        kind,
        name: named(name),
        topic: String::new(),
    }
}

pub(super) fn named(name: &str) -> RoomName {
    RoomName {
        shown: name.to_owned(),
        folded: name.to_lowercase(),
    }
}

pub(super) fn role(user: UserId, role: Role) -> Change {
    Change::SetRole { user, role }
}

/// A UUIDv7 of that time whose other bits are the count.
pub fn uuid_v7(at_ms: u64, count: u64) -> [u8; 16] {
    let mut id = [0; 16];
    id[..6].copy_from_slice(&at_ms.to_be_bytes()[2..]);
    id[8..].copy_from_slice(&count.to_be_bytes());
    id[6] = 0x70;
    id[8] = 0x80;
    id
}
