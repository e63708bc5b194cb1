//! Redis goes away, is frozen, comes back: answers go on being right.

use std::time::Duration;

use parlor_protocol::room::RoomKind;
use parlor_server::store::{Change, Store};
use parlor_testkit::redis::Redis;
use tokio::time::timeout;

use crate::world::{Database, Node, WITHIN};

async fn members(node: &Node, room: parlor_protocol::RoomId) -> usize {
    node.store.members(room, None, 50).await.unwrap().len()
}

/// Waits until the other node's reads come from Redis again.
async fn shared_again(one: &Node, other: &Node, room: parlor_protocol::RoomId) {
    let again = async {
        let before = other.metrics.cache_shared_hits.sum();
        while other.metrics.cache_shared_hits.sum() == before {
            members(one, room).await;
            members(other, room).await;
            tokio::task::yield_now().await;
        }
    };
    timeout(WITHIN, again).await.unwrap();
}

#[tokio::test]
async fn without_redis_the_database_answers_and_afterwards_it_is_used_again() {
    let mut redis = Redis::running().await.unwrap();
    let database = Database::new().await;
    let (one, other) = (database.shared(&redis).await, database.shared(&redis).await);
    let [ann, bob, eve] = one.people().await;
    let room = one.room_of(RoomKind::PUBLIC, [ann]).await;
    assert_eq!(
        (members(&one, room).await, members(&other, room).await),
        (1, 1)
    );
    redis.kill().await.unwrap();
    one.act(ann, room, Change::Add { user: bob }).await.unwrap();
    assert_eq!(
        (members(&one, room).await, members(&other, room).await),
        (2, 2)
    );
    redis.start().await.unwrap();
    shared_again(&one, &other, room).await;
    one.act(ann, room, Change::Add { user: eve }).await.unwrap();
    assert_eq!(
        (members(&one, room).await, members(&other, room).await),
        (3, 3)
    );
}

#[tokio::test]
async fn a_change_that_a_frozen_redis_did_not_hear_is_told_when_it_thaws() {
    let redis = Redis::running().await.unwrap();
    let database = Database::new().await;
    let hasty = Duration::from_millis(20);
    let settings = parlor_server::config::Cache::default();
    let one = database.shared_with(&redis, settings, hasty).await;
    let other = database.shared(&redis).await;
    let [ann, bob] = one.people().await;
    let room = one.room_of(RoomKind::PUBLIC, [ann]).await;
    assert_eq!(members(&other, room).await, 1);
    redis.freeze().unwrap();
    one.act(ann, room, Change::Add { user: bob }).await.unwrap();
    assert_eq!(
        members(&one, room).await,
        2,
        "who made the change never reads what was before it"
    );
    redis.thaw().unwrap();
    let told = async {
        while one.metrics.cache_owed.get() > 0 {
            assert_eq!(members(&one, room).await, 2);
            tokio::task::yield_now().await;
        }
    };
    timeout(WITHIN, told).await.unwrap();
    assert_eq!(members(&other, room).await, 2);
}

#[tokio::test]
async fn a_flush_costs_a_query_and_nothing_else() {
    let redis = Redis::running().await.unwrap();
    let database = Database::new().await;
    let node = database.shared(&redis).await;
    let [ann] = node.people().await;
    let room = node.room_of(RoomKind::PUBLIC, [ann]).await;
    let (_, token) = node.session(ann, 1).await;
    assert!(node.finds(&token).await);
    assert_eq!(members(&node, room).await, 1);
    redis.command(&["FLUSHALL"]).await.unwrap();
    assert!(node.finds(&token).await, "nobody is logged out");
    assert_eq!(members(&node, room).await, 1);
}

#[tokio::test]
async fn what_stands_in_redis_and_is_no_entry_is_read_anew() {
    let redis = Redis::running().await.unwrap();
    let database = Database::new().await;
    let node = database.shared(&redis).await;
    let [ann] = node.people().await;
    let (_, token) = node.session(ann, 1).await;
    node.store.people(&[ann], &[]).await.unwrap();
    assert!(node.finds(&token).await);
    let begin = format!("parlor:{}:c1", database.bare().epoch());
    let version = redis
        .command(&["GET", &format!("{begin}:v:user:{ann}")])
        .await
        .unwrap();
    let names = [
        format!("{begin}:user:{ann}"),
        format!("{begin}:session:{}", "01".repeat(32)),
    ];
    for name in &names {
        let garbage = format!("{version}:garbage");
        redis.command(&["SET", name, &garbage]).await.unwrap();
    }
    assert_eq!(node.store.people(&[ann], &[]).await.unwrap().len(), 1);
    assert!(node.finds(&token).await);
}
