//! Nodes that find each other through a real Redis, and through PostgreSQL while it is away.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use parlor_protocol::Epoch;
use parlor_server::bus::{Channels, NodeNumber};
use parlor_server::cluster::{
    JoinError, Listed, Membership, RecordKey, RedisRoll, Settings, Strange, Taking, join,
};
use parlor_server::ops::Metrics;
use parlor_server::redis::Commands;
use parlor_server::shard::{ShardHandle, ToShard};
use parlor_server::store::Store;
use parlor_server::store::postgres::{PostgresSettings, PostgresStore};
use parlor_server::store::sqlite::SqliteStore;
use parlor_testkit::postgres::TestPostgres;
use parlor_testkit::redis::Redis;
use parlor_testkit::wait::eventually;
use tokio::sync::mpsc;
use tokio::time::timeout;

const WITHIN: Duration = Duration::from_secs(60);

/// A node that takes part, without links of its own.
struct Node {
    membership: Membership,
    listed: Arc<Listed>,
    metrics: Arc<Metrics>,
    shard: mpsc::Receiver<ToShard>,
}

fn settings(number: u64) -> Settings {
    Settings {
        number: NodeNumber(number),
        address: format!("node{number}.example.org:7443").parse().unwrap(),
        capacity: 20_000,
        epoch: Epoch(7),
        channels: Channels::default(),
        key: RecordKey::derive(b"secret"),
    }
}

async fn try_join(
    redis: &Redis,
    store: &Arc<dyn Store>,
    settings: Settings,
) -> Result<Node, JoinError> {
    let commands = Arc::new(Commands::start(redis.url().parse().unwrap()));
    let mut up = commands.up();
    timeout(WITHIN, up.wait_for(|up| *up))
        .await
        .unwrap()
        .unwrap();
    let listed = Arc::new(Listed::alone(&settings.address));
    let joined = join(settings, RedisRoll::new(commands, "parlor"), store.clone()).await?;
    let (mailbox, shard) = mpsc::channel(16);
    let metrics = Arc::new(Metrics::default());
    let membership = joined.start(Taking {
        listed: listed.clone(),
        shard: ShardHandle::new(mailbox),
        metrics: metrics.clone(),
    });
    Ok(Node {
        membership,
        listed,
        metrics,
        shard,
    })
}

impl Node {
    async fn new(redis: &Redis, store: &Arc<dyn Store>, number: u64) -> Self {
        try_join(redis, store, settings(number)).await.unwrap()
    }

    /// Waits until so many live.
    async fn sees(&self, nodes: u32) {
        let mut seen = self.membership.nodes();
        let seen = seen.wait_for(|it| *it == nodes);
        timeout(WITHIN, seen).await.unwrap().unwrap();
    }

    fn others(&self) -> Vec<String> {
        let others = self.listed.others();
        let mut others: Vec<_> = others.iter().map(|it| it.address.clone()).collect();
        others.sort();
        others
    }

    /// Waits until what this node tells of the others is so.
    async fn lists(&self, others: &[u64]) {
        let wanted: Vec<String> = others
            .iter()
            .map(|it| settings(*it).address.to_string())
            .collect();
        until(|| self.others() == wanted).await;
        assert_eq!(self.listed.nodes().len(), others.len() + 1);
    }
}

/// Waits for what beats bring.
async fn until(wanted: impl Fn() -> bool) {
    eventually(WITHIN, async || wanted()).await.unwrap();
}

/// A database that nobody asks while Redis is there.
async fn unused() -> (tempfile::TempDir, Arc<dyn Store>) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("parlor.db")).await;
    (folder, Arc::new(store.unwrap()))
}

#[tokio::test]
async fn nodes_find_each_other_and_notice_who_leaves_dies_and_drains() {
    let redis = Redis::running().await.unwrap();
    let (_folder, store) = unused().await;
    let one = Node::new(&redis, &store, 1).await;
    one.sees(1).await;
    let (two, three) = tokio::join!(Node::new(&redis, &store, 2), Node::new(&redis, &store, 3));
    for node in [&one, &two, &three] {
        node.sees(3).await;
    }
    one.lists(&[2, 3]).await;
    // What a node says goes with one hash, and with nothing that must be searched for.
    assert_eq!(redis.command(&["DBSIZE"]).await.unwrap(), "1");
    assert_eq!(redis.command(&["HLEN", "parlor:nodes"]).await.unwrap(), "3");
    two.listed.drain();
    one.lists(&[3]).await;
    one.sees(3).await;
    two.membership.leave().await;
    one.sees(2).await;
    // Killed: it says nothing more.
    drop(three);
    one.sees(1).await;
    one.lists(&[]).await;
}

#[tokio::test]
async fn a_flushed_redis_is_filled_again_and_nobody_is_missed() {
    let redis = Redis::running().await.unwrap();
    let (_folder, store) = unused().await;
    let (one, two) = tokio::join!(Node::new(&redis, &store, 1), Node::new(&redis, &store, 2));
    one.sees(2).await;
    two.sees(2).await;
    let mut missed = one.membership.nodes();
    missed.mark_unchanged();
    redis.command(&["FLUSHALL"]).await.unwrap();
    let beats = one.membership.counters().by_redis.get();
    until(|| one.membership.counters().by_redis.get() >= beats + 4).await;
    assert!(!missed.has_changed().unwrap());
    assert_eq!(redis.command(&["HLEN", "parlor:nodes"]).await.unwrap(), "2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_redis_is_away_nodes_see_each_other_in_the_database() {
    let postgres = TestPostgres::start().await.unwrap();
    let database = postgres.database().await.unwrap();
    let url = postgres.url(&database);
    let open = async || {
        let mut settings = PostgresSettings::new(&url);
        settings.connections = 6;
        let store: Arc<dyn Store> = Arc::new(PostgresStore::open(&settings).await.unwrap());
        store
    };
    let mut redis = Redis::running().await.unwrap();
    let stores = [open().await, open().await];
    let (one, two) = tokio::join!(
        Node::new(&redis, &stores[0], 1),
        Node::new(&redis, &stores[1], 2)
    );
    one.sees(2).await;
    two.sees(2).await;
    let mut missed = [one.membership.nodes(), two.membership.nodes()];
    missed.iter_mut().for_each(|it| it.mark_unchanged());
    redis.kill().await.unwrap();
    // Longer than a silent node lives.
    let by_database = |node: &Node| node.membership.counters().by_database.get();
    until(|| by_database(&one) >= 5 && by_database(&two) >= 5).await;
    // Who comes now is found, and what is told between nodes is not lost on the way back.
    two.listed.drain();
    one.lists(&[]).await;
    redis.start().await.unwrap();
    let by_redis = one.membership.counters().by_redis.get();
    until(|| one.membership.counters().by_redis.get() >= by_redis + 4).await;
    for seen in &missed {
        assert!(!seen.has_changed().unwrap(), "nobody was taken for dead");
    }
    for store in stores {
        store.close().await;
    }
}

#[tokio::test]
async fn a_node_that_does_not_belong_is_refused_with_the_reason() {
    let redis = Redis::running().await.unwrap();
    let (_folder, store) = unused().await;
    let one = Node::new(&redis, &store, 1).await;
    let refused = async |settings: Settings| match try_join(&redis, &store, settings).await {
        Err(JoinError::Strange(why)) => why,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was let in"),
    };
    let epoch = Settings {
        epoch: Epoch(8),
        ..settings(2)
    };
    let channels = Settings {
        channels: Channels::new(64, 32),
        ..settings(3)
    };
    let secret = Settings {
        key: RecordKey::derive(b"another"),
        ..settings(4)
    };
    let (epoch, channels, secret) =
        tokio::join!(refused(epoch), refused(channels), refused(secret));
    assert!(matches!(epoch, Strange::Epoch { .. }), "{epoch}");
    assert!(matches!(channels, Strange::Channels { .. }), "{channels}");
    assert_eq!(secret, Strange::Secret);
    // The node that was there goes on, and says in its log what it saw.
    let number = refused(settings(1)).await;
    assert!(
        matches!(number, Strange::Number { number: 1, .. }),
        "{number}"
    );
    let ends = timeout(Duration::ZERO, one.membership.must_end()).await;
    assert!(ends.is_err(), "{ends:?}");
    one.lists(&[]).await;
}

#[tokio::test]
async fn a_full_node_sends_some_links_to_an_empty_one_that_joined() {
    let redis = Redis::running().await.unwrap();
    let (_folder, store) = unused().await;
    let mut one = Node::new(&redis, &store, 1).await;
    one.metrics.links.set(1_000);
    let two = Node::new(&redis, &store, 2).await;
    one.sees(2).await;
    let Some(ToShard::MoveAway { count, nodes, .. }) =
        timeout(WITHIN, one.shard.recv()).await.unwrap()
    else {
        panic!("links are to move")
    };
    assert!((1..=150).contains(&count), "{count}");
    let to: Vec<&str> = nodes.iter().map(|it| it.address.as_str()).collect();
    assert_eq!(to, [settings(2).address.to_string()]);
    assert_eq!(one.membership.counters().moved.get(), u64::from(count));
    // An even share is left alone.
    assert_eq!(two.membership.counters().moved.get(), 0);
}
