//! Reads from a replica: as new as the node knows the room, or from the primary.

use std::time::Duration;

use parlor_protocol::message::{Place, Timeline};
use parlor_protocol::room::RoomKind;
use parlor_server::store::Store;
use parlor_server::store::conformance::{Hand, World};
use parlor_server::store::postgres::{PostgresStore, ReplicaReads};
use parlor_testkit::postgres::TestPostgres;
use parlor_testkit::wait::eventually;
use std::sync::Arc;

use super::settings;

/// Longest that a replica may take to follow, on a machine that does other things as well.
const WITHIN: Duration = Duration::from_secs(30);

async fn newest(store: &PostgresStore, room: parlor_protocol::RoomId) -> u64 {
    let page = store
        .page(room, Timeline::ROOM, Place::NEWEST, 0, 50, 1)
        .await
        .unwrap();
    page.messages.last().map_or(0, |message| message.seq)
}

/// Until the replica answers for the room.
async fn followed(store: &PostgresStore, room: parlor_protocol::RoomId) {
    let before = store.replica_reads().answered;
    let answers = || async {
        newest(store, room).await;
        store.replica_reads().answered > before
    };
    eventually(WITHIN, answers).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_answers_once_it_has_come_as_far_as_the_reader() {
    let server = TestPostgres::start().await.unwrap();
    let mut replica = server.replica().await.unwrap();
    let database = server.database().await.unwrap();
    let mut settings = settings(&server.url(&database));
    settings.replicas = vec![replica.url(&database)];
    let hand = Hand::new();
    let clock = hand.clone();
    let store = PostgresStore::open_with(&settings, Arc::new(move || clock.now_ms())).await;
    let store = Arc::new(store.unwrap());
    let world = World::with(store.clone(), hand);
    let [ann, bob] = world.people().await;
    let room = world.room_of(RoomKind::PUBLIC, [ann, bob]).await;
    world.say(ann, room, "one").await;
    followed(&store, room).await;

    // As a replica that is far behind: what was said since is read all the same.
    let pause = "SELECT pg_wal_replay_pause()";
    replica.sql("postgres", pause).await.unwrap();
    let paused = || async {
        let state = "SELECT pg_get_wal_replay_pause_state()";
        replica.sql("postgres", state).await.unwrap() == "paused"
    };
    eventually(WITHIN, paused).await.unwrap();
    let held = store.changes(room, 0, 1).await.unwrap().rev;
    let before = store.replica_reads();
    assert_eq!(world.say(bob, room, "two").await.seq, 2);
    assert_eq!(newest(&store, room).await, 2);
    let changes = store.changes(room, held, 1).await.unwrap();
    assert_eq!((changes.rev, changes.entries.len()), (held + 1, 1));
    let reads = ReplicaReads {
        behind: before.behind + 2,
        ..before
    };
    assert_eq!(store.replica_reads(), reads);
    // Another node's commit, heard of by the bus.
    let other = super::open(&server.url(&database), &world.hand).await;
    other
        .append(vec![super::post(room, ann, &world, "three")])
        .await
        .unwrap();
    store.noted(room, held + 2);
    assert_eq!(newest(&store, room).await, 3);

    replica
        .sql("postgres", "SELECT pg_wal_replay_resume()")
        .await
        .unwrap();
    followed(&store, room).await;
    assert_eq!(newest(&store, room).await, 3);

    // A replica that is gone is missed by nobody.
    replica.kill().await.unwrap();
    assert_eq!(newest(&store, room).await, 3);
    assert!(store.replica_reads().failed > 0);
    store.close().await;
}
