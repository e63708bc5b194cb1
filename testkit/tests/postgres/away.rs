//! The database goes away, is full of other people's connections, comes back.

use std::sync::Arc;
use std::time::Duration;

use parlor_protocol::room::RoomKind;
use parlor_server::store::conformance::{Hand, World};
use parlor_server::store::postgres::PostgresStore;
use parlor_server::store::{Store, StoreError};
use parlor_testkit::postgres::TestPostgres;
use parlor_testkit::wait::eventually;

use super::{begin, post, settings, whole};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_reads_at_once_are_all_answered() {
    let server = TestPostgres::start().await.unwrap();
    let (store, world, _) = begin(&server).await;
    let [ann] = world.people().await;
    let room = world.create(ann, RoomKind::PUBLIC, "room").await;
    world.say(ann, room, "one").await;
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.summary(room, ann).await })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap().unwrap().head, 1);
    }
    let connections = store.connections();
    assert!(connections.open <= super::CONNECTIONS, "{connections:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_for_a_connection_waits_within_a_bound() {
    let server = TestPostgres::start().await.unwrap();
    let database = server.database().await.unwrap();
    let mut settings = settings(&server.url(&database));
    (settings.connections, settings.acquire_within) = (2, Duration::from_millis(200));
    let hand = Hand::new();
    let now = hand.clone();
    let store = PostgresStore::open_with(&settings, Arc::new(move || now.now_ms()))
        .await
        .unwrap();
    let store = Arc::new(store);
    let world = World::with(store.clone(), hand);
    let [ann] = world.people().await;
    let room = world.create(ann, RoomKind::PUBLIC, "room").await;
    // The room's row is held, so the one connection of appends is, too.
    let locked = server.sql(
        &database,
        "BEGIN; SELECT 1 FROM rooms FOR UPDATE; SELECT pg_sleep(2); COMMIT",
    );
    let tries = async {
        let held = || async {
            let locks = "SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
                WHERE c.relname = 'rooms' AND l.mode = 'RowShareLock' AND l.granted";
            server.sql(&database, locks).await.unwrap() == "1"
        };
        eventually(Duration::from_secs(10), held).await.unwrap();
        let both = [
            store.append(vec![post(room, ann, &world, "one")]),
            store.append(vec![post(room, ann, &world, "two")]),
        ];
        futures_join(both).await
    };
    let (held, ended) = tokio::join!(locked, tries);
    held.unwrap();
    let late = ended
        .iter()
        .filter(|it| matches!(it, Err(StoreError::Away(why)) if why.contains("no connection")))
        .count();
    assert_eq!(late, 1, "{ended:?}");
    assert_eq!(whole(&*store, room).await.len(), 1);
}

async fn futures_join<T, F: Future<Output = T>>([one, two]: [F; 2]) -> [T; 2] {
    let (one, two) = tokio::join!(one, two);
    [one, two]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_connections_are_opened_again() {
    let server = TestPostgres::start().await.unwrap();
    let (store, world, database) = begin(&server).await;
    let [ann] = world.people().await;
    let room = world.create(ann, RoomKind::PUBLIC, "room").await;
    for round in 1..=5 {
        server.terminate_connections(&database).await.unwrap();
        let command = post(room, ann, &world, "said");
        // A retry with the same send key, as the client's outbox does it.
        let said = || async {
            let appended = store.append(vec![command.clone()]).await;
            appended.is_ok_and(|done| done.results[0].is_ok())
        };
        eventually(Duration::from_secs(30), said).await.unwrap();
        assert_eq!(whole(&*store, room).await.len(), round);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_database_keeps_what_was_acknowledged() {
    let mut server = TestPostgres::start().await.unwrap();
    let (store, world, _) = begin(&server).await;
    let [ann] = world.people().await;
    let room = world.create(ann, RoomKind::PUBLIC, "room").await;
    let mut acknowledged = Vec::new();
    for _ in 0..20 {
        let command = post(room, ann, &world, "said");
        acknowledged.push(command.send_key);
        store.append(vec![command]).await.unwrap().results[0]
            .as_ref()
            .unwrap();
    }
    server.kill().await.unwrap();
    let late = post(room, ann, &world, "while it is away");
    let error = store.append(vec![late.clone()]).await.unwrap_err();
    assert!(
        matches!(error, StoreError::Away(_) | StoreError::TimedOut(_)),
        "{error}"
    );
    assert!(store.check().await.is_err());
    server.begin().await.unwrap();
    let said = || async {
        let appended = store.append(vec![late.clone()]).await;
        appended.is_ok_and(|done| done.results[0].is_ok())
    };
    eventually(Duration::from_secs(30), said).await.unwrap();
    acknowledged.push(late.send_key);
    let there: Vec<_> = whole(&*store, room)
        .await
        .into_iter()
        .map(|message| message.send_key)
        .collect();
    assert_eq!(there, acknowledged);
}
