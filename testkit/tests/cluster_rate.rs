//! Rate limits that two nodes share through a real Redis.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use parlor_protocol::UserId;
use parlor_server::config::{Limits, Rate};
use parlor_server::guard::cluster_rate::ClusterRates;
use parlor_server::guard::rate::{Class, TooMany, Who};
use parlor_server::redis::Commands;
use parlor_testkit::redis::Redis;
use tokio::task::JoinSet;
use tokio::time::timeout;

const WITHIN: Duration = Duration::from_secs(30);

/// A node's rates, once it has reached Redis, with patience for a machine that is busy.
async fn node(redis: &Redis) -> Arc<ClusterRates> {
    Arc::new(hasty(redis).await.answer_within(WITHIN))
}

/// A node's rates as they are in service.
async fn hasty(redis: &Redis) -> ClusterRates {
    let commands = Arc::new(Commands::start(redis.url().parse().unwrap()));
    let mut up = commands.up();
    timeout(WITHIN, up.wait_for(|up| *up))
        .await
        .unwrap()
        .unwrap();
    let rates = ClusterRates::new(commands, "parlor".to_owned(), Limits::default());
    rates.set_nodes(2);
    rates
}

/// So many commands at once, in turn over the nodes; what each was told.
async fn at_once(
    nodes: &[Arc<ClusterRates>],
    who: Who,
    commands: usize,
) -> Vec<Result<(), TooMany>> {
    let mut asked = JoinSet::new();
    for number in 0..commands {
        let node = nodes[number % nodes.len()].clone();
        asked.spawn(async move { node.take(Class::Command, who, 1).await });
    }
    asked.join_all().await
}

fn passed(answers: &[Result<(), TooMany>]) -> usize {
    answers.iter().filter(|it| it.is_ok()).count()
}

#[tokio::test]
async fn of_150_commands_at_once_over_two_nodes_100_pass() {
    let redis = Redis::running().await.unwrap();
    let nodes = [node(&redis).await, node(&redis).await];
    let who = Who::person(UserId::new());
    let answers = at_once(&nodes, who, 150).await;
    let alone: u64 = nodes.iter().map(|it| it.counters().alone.get()).sum();
    assert_eq!((passed(&answers), alone), (100, 0));
    // The bucket gives one more in 600 ms; those behind it are told the same.
    for refused in answers.iter().filter_map(|it| it.err()) {
        assert!((1..=600).contains(&refused.retry_after_ms), "{refused:?}");
    }
    let another = Who::person(UserId::new());
    assert!(nodes[0].take(Class::Command, another, 1).await.is_ok());
    assert!(nodes[0].take(Class::Send, who, 1).await.is_ok());
    let keys = redis.command(&["DBSIZE"]).await.unwrap();
    assert_eq!(keys, "3");
}

#[tokio::test]
async fn a_bucket_is_forgotten_when_it_is_full_again() {
    let redis = Redis::running().await.unwrap();
    let node = node(&redis).await;
    let who = Who::person(UserId::new());
    node.take(Class::Command, who, 10).await.unwrap();
    let key = redis
        .command(&["KEYS", "parlor:rate:command:*"])
        .await
        .unwrap();
    let ms: u64 = redis
        .command(&["PTTL", &key])
        .await
        .unwrap()
        .parse()
        .unwrap();
    assert!(ms <= 6_000, "{ms}: ten tokens are back in six seconds");
}

#[tokio::test]
async fn without_redis_each_node_allows_its_share() {
    let mut redis = Redis::running().await.unwrap();
    let nodes = [node(&redis).await, node(&redis).await];
    redis.kill().await.unwrap();
    let who = Who::person(UserId::new());
    let answers = at_once(&nodes, who, 150).await;
    assert_eq!(passed(&answers), 100, "50 on each");
    assert!(nodes.iter().all(|it| it.counters().alone.get() == 75));
    redis.start().await.unwrap();
    let back = async {
        while nodes[0].counters().shared.get() == 0 {
            let somebody = Who::person(UserId::new());
            nodes[0].take(Class::Command, somebody, 1).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    timeout(WITHIN, back).await.unwrap();
}

#[tokio::test]
async fn a_frozen_redis_delays_a_few_requests_and_then_none() {
    let redis = Redis::running().await.unwrap();
    let node = hasty(&redis).await;
    redis.freeze().unwrap();
    let who = Who::person(UserId::new());
    for _ in 0..50 {
        let answered = timeout(WITHIN, node.take(Class::Command, who, 1)).await;
        answered.unwrap().unwrap();
    }
    redis.thaw().unwrap();
    assert_eq!(node.counters().shared.get(), 0);
}

#[tokio::test]
async fn limits_that_are_off_ask_nobody() {
    let redis = Redis::running().await.unwrap();
    let commands = Arc::new(Commands::start(redis.url().parse().unwrap()));
    let limits = Limits {
        addresses: false,
        log_ins: Rate::new(1, 1),
        ..Limits::default()
    };
    let rates = ClusterRates::new(commands, "parlor".to_owned(), limits);
    let address = Who::address("192.0.2.1".parse().unwrap());
    for _ in 0..10 {
        rates.take(Class::LogIn, address, 1).await.unwrap();
    }
    let counters = rates.counters();
    assert_eq!(counters.shared.get() + counters.alone.get(), 0);
}
