//! What an operator sees of the nodes of a cluster.

#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::time::Duration;

use parlor_protocol::room::{RoomDone, RoomKind};
use parlor_protocol::sync::UserEntry;
use parlor_server::config::{Config, Registration};
use parlor_testkit::ask;
use parlor_testkit::device::{COMES_WITHIN, Device};
use parlor_testkit::nodes::Nodes;
use parlor_testkit::server::TestServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How often something is looked at that is to come.
const LOOK_EVERY: Duration = Duration::from_millis(50);

fn open(config: &mut Config) {
    config.server.registration = Registration::Open;
}

async fn get(server: &TestServer, path: &str) -> String {
    let address: SocketAddr = server.server.http_address().unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Asks until the answer is right, and gives it.
async fn until(server: &TestServer, path: &str, right: impl Fn(&str) -> bool) -> String {
    let mut last = String::new();
    let asking = async {
        loop {
            last = get(server, path).await;
            if right(&last) {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    let asked = tokio::time::timeout(COMES_WITHIN, asking).await;
    assert!(asked.is_ok(), "{path} still says {last}");
    last
}

/// The value of a sample.
fn value(metrics: &str, sample: &str) -> f64 {
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {sample}"))
        .parse()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_a_node_is_ready_and_says_what_it_lacks() {
    let mut nodes = Nodes::start(2, open).await;
    for server in &nodes.servers {
        until(server, "/health/redis", |it| it.contains(" 200 ")).await;
        let ready = get(server, "/health/ready").await;
        assert!(ready.contains("{\"status\":\"ready\"}"), "{ready}");
        let database = get(server, "/health/db").await;
        assert!(database.contains(" 200 "), "{database}");
    }
    nodes.place.redis.kill().await.unwrap();
    let server = &nodes.servers[0];
    let away = until(server, "/health/redis", |it| it.contains(" 503 ")).await;
    assert!(away.contains("works on by the database"), "{away}");
    let ready = get(server, "/health/ready").await;
    assert!(ready.contains(" 200 "), "{ready}");
    assert!(ready.contains("\"degraded\":[\""), "{ready}");
    until(server, "/metrics", |it| value(it, "parlor_redis_up") == 0.0).await;
    nodes.place.redis.start().await.unwrap();
    until(server, "/health/redis", |it| it.contains(" 200 ")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_database_a_node_is_not_ready_and_says_why() {
    let mut nodes = Nodes::start(1, open).await;
    nodes.place.postgres.stop().await.unwrap();
    let server = &nodes.servers[0];
    let ready = until(server, "/health/ready", |it| it.contains(" 503 ")).await;
    assert!(ready.contains("database"), "{ready}");
    let database = get(server, "/health/db").await;
    assert!(database.contains(" 503 "), "{database}");
    let alive = get(server, "/health").await;
    assert!(alive.contains(" 200 "), "{alive}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_counted_at_both_nodes_on_its_way() {
    let nodes = Nodes::start(2, open).await;
    let [here, there] = [&nodes.servers[0], &nodes.servers[1]];
    let ada = here.owner("ada").await;
    let bob = there.register("bob", "").await;
    let ada = Device::new(here.connect(ada.by_token()).await.unwrap());
    let mut bob = Device::new(there.connect(bob.by_token()).await.unwrap());
    let made: RoomDone = ada
        .ask(&ask::create_room(RoomKind::PRIVATE, "workshop"))
        .await;
    ada.done(&ask::add(made.room, bob.user())).await;
    let came = |entry: &UserEntry| matches!(entry, UserEntry::Room(it) if it.room == made.room);
    bob.own_entry(came).await;
    ada.open(made.room).await;
    bob.open(made.room).await;
    ada.post(made.room, "hello").await;
    bob.message(made.room).await;

    for server in [here, there] {
        let both = |it: &str| value(it, "parlor_nodes") == 2.0;
        let metrics = until(server, "/metrics", both).await;
        for sample in [
            "parlor_delivery_seconds_count",
            "parlor_delivery_probe_seconds_count",
            "parlor_beats_total{by=\"redis\"}",
            "parlor_database_connections_limit",
            "parlor_transport_links{transport=\"quic\"}",
        ] {
            assert!(value(&metrics, sample) >= 1.0, "{sample}");
        }
        assert_eq!(value(&metrics, "parlor_delivery_healthy"), 1.0);
        assert_eq!(value(&metrics, "parlor_redis_up"), 1.0);
    }
    let sent = get(here, "/metrics").await;
    assert!(value(&sent, "parlor_rates_total{by=\"redis\"}") >= 1.0);
    until(there, "/metrics", |it| {
        value(it, "parlor_sweep_heads_compared_total") >= 1.0
    })
    .await;
}
