//! One node: what is kept in its memory, and what identical reads cost.

use std::sync::Arc;

use parlor_protocol::message::{Place, Timeline};
use parlor_protocol::room::RoomKind;
use parlor_server::cache::Kind;
use parlor_server::store::conformance::{self, Factory, Hand};
use parlor_server::store::{Change, Store};
use tokio::task::JoinSet;

use crate::world::Database;

/// Stores behind caches, as the suite of all stores takes them.
#[derive(Default)]
struct Cached(std::sync::Mutex<Vec<Database>>);

impl Factory for Cached {
    async fn make(&self, hand: &Hand) -> Arc<dyn Store> {
        let database = Database::with(hand.clone()).await;
        let store = database.lone().store;
        self.0.lock().unwrap().push(database);
        store
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cached_store_conforms() {
    conformance::run(&Cached::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_identical_reads_at_once_are_one_query() {
    let database = Database::new().await;
    let node = database.lone();
    let people: [_; 3] = node.people().await;
    let room = node.room_of(RoomKind::PUBLIC, people).await;
    node.store.access(room, people[0]).await.unwrap();
    let before = database.gate.reads();
    database.gate.shut();
    let mut reads = JoinSet::new();
    for _ in 0..100 {
        let store = node.store.clone();
        reads.spawn(async move {
            let page = store.page(room, Timeline::ROOM, Place::NEWEST, 0, 50, 1);
            let members = store.members(room, None, 50);
            let found = store.people(&people, &[]);
            let (page, members, found) = tokio::join!(page, members, found);
            assert_eq!((members.unwrap().len(), found.unwrap().len()), (3, 3));
            page.unwrap().as_of
        });
    }
    database.gate.waiting(3).await;
    database.gate.open();
    let pages = reads.join_all().await;
    assert!(pages.iter().all(|as_of| *as_of == pages[0]));
    assert_eq!(database.gate.reads() - before, 3, "one for each question");
}

#[tokio::test]
async fn a_slow_reader_does_not_bring_back_what_a_change_swept_away() {
    let database = Database::new().await;
    let node = database.lone();
    let [ann, bob] = node.people().await;
    let room = node.room_of(RoomKind::PUBLIC, [ann]).await;
    database.gate.shut();
    let slow = node.store.clone();
    let slow = tokio::spawn(async move { slow.members(room, None, 50).await.unwrap() });
    database.gate.waiting(1).await;
    node.act(ann, room, Change::Add { user: bob })
        .await
        .unwrap();
    database.gate.open();
    assert_eq!(slow.await.unwrap().len(), 1, "what it asked for, it gets");
    let now = node.store.members(room, None, 50).await.unwrap();
    assert_eq!(now.len(), 2, "the next one reads anew");
}

#[tokio::test]
async fn who_asks_after_a_change_does_not_wait_for_a_read_from_before_it() {
    let database = Database::new().await;
    let node = database.lone();
    let [ann, bob] = node.people().await;
    let room = node.room_of(RoomKind::PUBLIC, [ann]).await;
    database.gate.shut();
    let ask = || {
        let store = node.store.clone();
        tokio::spawn(async move { store.members(room, None, 50).await.unwrap().len() })
    };
    let before = ask();
    database.gate.waiting(1).await;
    node.act(ann, room, Change::Add { user: bob })
        .await
        .unwrap();
    let after = ask();
    // Whether it waits for the first read or not, it sees the change.
    tokio::task::yield_now().await;
    database.gate.open();
    assert_eq!((before.await.unwrap(), after.await.unwrap()), (1, 2));
}

#[tokio::test]
async fn a_post_sweeps_no_list_and_the_page_follows_it() {
    let database = Database::new().await;
    let node = database.lone();
    let [ann] = node.people().await;
    let room = node.room_of(RoomKind::PUBLIC, [ann]).await;
    node.store.members(room, None, 50).await.unwrap();
    node.store.directory(ann, "", 50).await.unwrap();
    for n in 0..20 {
        node.say(ann, room, &format!("{n}")).await;
        assert_eq!(node.newest(room).await.len(), n + 1);
        assert_eq!(node.newest(room).await.len(), n + 1);
    }
    let before = database.gate.reads();
    node.store.members(room, None, 50).await.unwrap();
    node.store.directory(ann, "", 50).await.unwrap();
    assert_eq!(database.gate.reads(), before);
    assert!(node.metrics.cache_hits.of(Kind::Pages).get() >= 20);
}

#[tokio::test]
async fn a_node_that_starts_is_warm() {
    let database = Database::new().await;
    let first = database.lone();
    let people: [_; 3] = first.people().await;
    // A name that no rule of likeness changes.
    let room = first.create(people[0], RoomKind::PUBLIC, "cache").await;
    first.say(people[0], room, "hello").await;
    let node = database.lone();
    node.store.warm().await;
    let before = database.gate.reads();
    assert_eq!(node.store.people(&people, &[]).await.unwrap().len(), 3);
    assert_eq!(node.newest(room).await.len(), 1);
    let named = node.store.room_by_name("cache").await.unwrap();
    assert_eq!(
        (
            named,
            node.store
                .directory(people[0], "", 201)
                .await
                .unwrap()
                .len()
        ),
        (Some(room), 1)
    );
    assert!(
        database.gate.reads() - before <= 1,
        "the page of 200 is larger than what was warmed"
    );
}
