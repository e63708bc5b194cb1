//! The private services that other tests lean on.

#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::time::Duration;

use parlor_testkit::nginx::Nginx;
use parlor_testkit::redis::{Redis, RedisError};
use tokio::net::UdpSocket;
use tokio::time::timeout;

const WITHIN: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_redis_is_killed_frozen_and_started_again_on_the_same_port() {
    let mut redis = Redis::running().await.unwrap();
    let url = redis.url();
    redis.command(&["SET", "a", "1"]).await.unwrap();
    redis.restart().await.unwrap();
    assert_eq!(redis.url(), url);
    assert_eq!(
        redis.command(&["GET", "a"]).await.unwrap(),
        "",
        "empty again"
    );
    redis.freeze().unwrap();
    let asked = timeout(Duration::from_millis(200), redis.command(&["PING"])).await;
    assert!(asked.is_err(), "a frozen Redis answers nothing");
    redis.thaw().unwrap();
    assert_eq!(redis.command(&["PING"]).await.unwrap(), "PONG");
    redis.kill().await.unwrap();
    let refused = redis.command(&["PING"]).await;
    assert!(matches!(refused, Err(RedisError::Command { .. })));
}

#[tokio::test]
async fn a_redis_behind_password_and_tls_answers_those_who_have_both() {
    let mut redis = Redis::new().unwrap().password("secret").tls().unwrap();
    redis.start().await.unwrap();
    assert!(redis.url().starts_with("rediss://:secret@127.0.0.1:"));
    assert_eq!(redis.command(&["PING"]).await.unwrap(), "PONG");
}

#[tokio::test]
async fn nginx_spreads_udp_and_takes_other_nodes_when_told() {
    let nodes = [echo("a").await, echo("b").await];
    let addresses: Vec<SocketAddr> = nodes.iter().map(|(addr, _)| *addr).collect();
    let nginx = Nginx::start(&addresses).await.unwrap();
    let mut answers = Vec::new();
    for _ in 0..10 {
        answers.push(ask(nginx.addr()).await);
    }
    assert_eq!(answers.iter().filter(|it| *it == "a").count(), 5);

    nginx.reload(&addresses[1..]).await.unwrap();
    for _ in 0..4 {
        assert_eq!(ask(nginx.addr()).await, "b");
    }
}

/// A socket that answers each packet by its name.
async fn echo(name: &'static str) -> (SocketAddr, tokio::task::JoinHandle<()>) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let addr = socket.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let mut buffer = [0; 16];
        while let Ok((_, from)) = socket.recv_from(&mut buffer).await {
            socket.send_to(name.as_bytes(), from).await.unwrap();
        }
    });
    (addr, task)
}

/// Asks from a new port, as a new client does.
async fn ask(addr: SocketAddr) -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.send_to(b"?", addr).await.unwrap();
    let mut buffer = [0; 16];
    let (length, _) = timeout(WITHIN, socket.recv_from(&mut buffer))
        .await
        .unwrap()
        .unwrap();
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}
