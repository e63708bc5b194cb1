//! A session that ended never comes back, whatever becomes of Redis.

use std::time::Duration;

use parlor_server::cache::Kind;
use parlor_server::config;
use parlor_server::store::Store;
use parlor_testkit::redis::Redis;

use crate::world::{Database, Node};

fn hits(node: &Node) -> u64 {
    node.metrics.cache_shared_hits.of(Kind::Sessions).get()
}

fn lease(session_lease_s: u32) -> config::Cache {
    config::Cache {
        session_lease_s,
        ..config::Cache::default()
    }
}

#[tokio::test]
async fn a_session_is_good_at_every_node_until_it_ends_at_one() {
    let redis = Redis::running().await.unwrap();
    let database = Database::new().await;
    let patience = Duration::from_secs(30);
    let one = database.shared_with(&redis, lease(60), patience).await;
    let other = database.shared_with(&redis, lease(60), patience).await;
    let [ann] = one.people().await;
    let begin = async |number| {
        let (session, token) = one.session(ann, number).await;
        let (before, reads) = (hits(&other), database.gate.reads());
        // The first look learns whose it is, the second takes the lease.
        assert!(one.finds(&token).await && one.finds(&token).await);
        assert!(other.finds(&token).await);
        assert_eq!(hits(&other), before + 1, "it had no need to ask");
        assert_eq!(database.gate.reads(), reads + 2);
        (session, token)
    };
    let gone = async |token| {
        assert!(!one.finds(token).await && !other.finds(token).await);
    };
    let (session, token) = begin(1).await;
    assert!(one.store.end_session(ann, session).await.unwrap());
    gone(&token).await;

    let (_, token) = begin(2).await;
    one.store.end_sessions(ann, None).await.unwrap();
    gone(&token).await;

    let (session, token) = begin(3).await;
    let next = [9; 32];
    one.store.offer_token(session, &next, 1).await.unwrap();
    assert!(other.finds(&token).await, "good until the next one is used");
    one.store.accept_token(session, &next, 2).await.unwrap();
    assert!(other.finds(&next).await);
    gone(&token).await;

    let (_, token) = begin(4).await;
    one.store.set_disabled(ann, true).await.unwrap();
    let found = other.store.session_by_token(&token).await.unwrap();
    assert!(found.unwrap().user.disabled);
}

#[tokio::test]
async fn a_look_up_that_an_end_overtook_leaves_nothing_behind() {
    let redis = Redis::running().await.unwrap();
    let database = Database::new().await;
    let (one, other) = (database.shared(&redis).await, database.shared(&redis).await);
    let [ann] = one.people().await;
    let (session, token) = one.session(ann, 1).await;
    assert!(other.finds(&token).await, "whose it is, is known now");
    database.gate.shut();
    let slow = other.store.clone();
    let slow = tokio::spawn(async move { slow.session_by_token(&token).await.unwrap() });
    database.gate.waiting(1).await;
    one.store.end_session(ann, session).await.unwrap();
    database.gate.open();
    let _ = slow.await.unwrap();
    assert!(!one.finds(&token).await && !other.finds(&token).await);
}

#[tokio::test]
async fn an_end_that_a_frozen_redis_did_not_hear_is_told_once_no_node_lets_it_in() {
    let redis = Redis::running().await.unwrap();
    let database = Database::new().await;
    let hasty = Duration::from_millis(20);
    let one = database.shared_with(&redis, lease(1), hasty).await;
    let other = database.shared(&redis).await;
    let [ann] = one.people().await;
    let (session, token) = one.session(ann, 1).await;
    for _ in 0..2 {
        assert!(other.finds(&token).await);
    }
    redis.freeze().unwrap();
    assert!(one.store.end_session(ann, session).await.unwrap());
    redis.thaw().unwrap();
    // The very first look after the acknowledgement.
    assert!(!other.finds(&token).await);
    assert!(!one.finds(&token).await);
}

#[tokio::test]
async fn without_a_lease_the_database_is_always_asked() {
    let redis = Redis::running().await.unwrap();
    let database = Database::new().await;
    let patience = Duration::from_secs(30);
    let node = database.shared_with(&redis, lease(0), patience).await;
    let [ann] = node.people().await;
    let (_, token) = node.session(ann, 1).await;
    for _ in 0..3 {
        assert!(node.finds(&token).await);
    }
    assert_eq!((hits(&node), database.gate.reads()), (0, 3));
}
