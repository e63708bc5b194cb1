#![allow(clippy::unwrap_used)]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::Ordering;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::config::Config;
use crate::server::{Server, start};

/// Far above what is waited for.
const COMES_WITHIN: super::Duration = super::Duration::from_secs(30);

async fn alone(folder: &tempfile::TempDir) -> Server {
    let mut config = Config::default();
    config.data.folder = folder.path().join("data");
    config.listen.address = Ipv4Addr::LOCALHOST.into();
    config.listen.port = 0;
    config.http.listen = Some((Ipv4Addr::LOCALHOST, 0).into());
    start(config).await.unwrap()
}

async fn ask(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Asks until the answer holds these words.
async fn until(address: SocketAddr, path: &str, words: &str) {
    let asking = async {
        while !ask(address, path).await.contains(words) {
            tokio::time::sleep(super::Duration::from_millis(100)).await;
        }
    };
    let asked = tokio::time::timeout(COMES_WITHIN, asking).await;
    assert!(asked.is_ok(), "{path} never said {words:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flusher_that_stands_still_turns_the_node_red_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let server = alone(&folder).await;
    let http = server.http_address().unwrap();
    let ready = ask(http, "/health/ready").await;
    assert!(ready.starts_with("HTTP/1.1 200"), "{ready}");
    let metrics = ask(http, "/metrics").await;
    assert!(metrics.contains("\nparlor_delivery_healthy 1\n"));
    assert!(metrics.contains("\nparlor_delivery_probe_seconds_count 1\n"));

    let stopped = &server.core().flusher_stopped;
    stopped.store(true, Ordering::Relaxed);
    until(http, "/health/ready", "HTTP/1.1 503").await;
    let red = ask(http, "/health/ready").await;
    assert!(red.contains("messages do not leave this node"), "{red}");
    let metrics = ask(http, "/metrics").await;
    assert!(metrics.contains("\nparlor_delivery_healthy 0\n"));
    let well = ask(http, "/health/db").await;
    assert!(well.starts_with("HTTP/1.1 200"), "{well}");

    stopped.store(false, Ordering::Relaxed);
    until(http, "/health/ready", "HTTP/1.1 200").await;
    server.stop().await;
}
