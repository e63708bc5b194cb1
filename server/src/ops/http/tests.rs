#![allow(clippy::unwrap_used)]

use async_trait::async_trait;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;

use super::*;

/// A node whose database is so, and all else is well.
struct Fixed(Result<(), String>);

#[async_trait]
impl Health for Fixed {
    async fn database(&self) -> Result<(), String> {
        self.0.clone()
    }

    async fn redis(&self) -> Result<Redis, String> {
        Ok(Redis::NotNeeded)
    }

    fn delivery(&self) -> Result<(), String> {
        Ok(())
    }

    fn taking(&self) -> Result<(), String> {
        Ok(())
    }
}

/// Everything is wrong; a part without a reason never answers.
struct Ill {
    database: Option<&'static str>,
    redis: Option<&'static str>,
}

#[async_trait]
impl Health for Ill {
    async fn database(&self) -> Result<(), String> {
        said(self.database).await
    }

    async fn redis(&self) -> Result<Redis, String> {
        said(self.redis).await.map(|()| Redis::Works)
    }

    fn delivery(&self) -> Result<(), String> {
        Err("nothing leaves".to_owned())
    }

    fn taking(&self) -> Result<(), String> {
        Err("it drains".to_owned())
    }
}

async fn said(reason: Option<&str>) -> Result<(), String> {
    match reason {
        Some(reason) => Err(reason.to_owned()),
        None => {
            // From here on only time can pass, and it does so at once.
            tokio::time::pause();
            std::future::pending().await
        }
    }
}

struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

async fn start(health: impl Health, token: Option<&str>) -> Running {
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let operator = Operator {
        metrics: Arc::new(Metrics::default()),
        health: Arc::new(health),
        token: token.map(Secret::new),
    };
    let stopped = async move { drop(stopped.await) };
    let task = tokio::spawn(serve(listener, operator, stopped));
    Running {
        address,
        stop,
        task,
    }
}

async fn ask(address: SocketAddr, head: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{head}\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn health_and_readiness() {
    let running = start(Fixed(Ok(())), None).await;
    let answer = ask(running.address, "GET /health HTTP/1.1").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("{\"status\":\"ok\"}\n"), "{answer}");
    let answer = ask(running.address, "GET /health/ready HTTP/1.1").await;
    assert!(answer.ends_with("{\"status\":\"ready\"}\n"), "{answer}");
}

#[tokio::test]
async fn a_node_that_is_not_ready_says_why() {
    let running = start(Fixed(Err("the disk is full".into())), None).await;
    let answer = ask(running.address, "GET /health/ready HTTP/1.1").await;
    assert!(
        answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"),
        "{answer}"
    );
    assert!(
        answer.contains("\"reason\":\"the disk is full\""),
        "{answer}"
    );
    let answer = ask(running.address, "GET /health HTTP/1.1").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_database_that_hangs_is_not_ready() {
    let hanging = Ill {
        database: None,
        redis: Some("gone"),
    };
    let running = start(hanging, None).await;
    let answer = ask(running.address, "GET /health/db HTTP/1.1").await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    let words = "the database did not answer within 2000 ms";
    assert!(answer.contains(words), "{answer}");
}

#[tokio::test]
async fn a_node_that_is_not_ready_gives_all_its_reasons() {
    let ill = Ill {
        database: Some("the disk is full"),
        redis: Some("it is away"),
    };
    let running = start(ill, None).await;
    let answer = ask(running.address, "GET /health/ready HTTP/1.1").await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    // Redis is none of them: no node would be left.
    let reasons = "\"reasons\":[\"the disk is full\",\"nothing leaves\",\"it drains\"]";
    assert!(answer.contains(reasons), "{answer}");
    let answer = ask(running.address, "GET /health/redis HTTP/1.1").await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("it is away"), "{answer}");
}

#[tokio::test]
async fn a_node_alone_needs_no_redis() {
    let running = start(Fixed(Ok(())), None).await;
    let answer = ask(running.address, "GET /health/redis HTTP/1.1").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("\"status\":\"not needed\""), "{answer}");
}

#[tokio::test]
async fn metrics_are_prometheus_text_and_nothing_else_is_there() {
    let running = start(Fixed(Ok(())), None).await;
    let answer = ask(running.address, "GET /metrics HTTP/1.1").await;
    assert!(
        answer.contains("content-type: text/plain; version=0.0.4"),
        "{answer}"
    );
    assert!(answer.contains("\nparlor_links 0\n"), "{answer}");
    let answer = ask(running.address, "GET / HTTP/1.1").await;
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    let answer = ask(running.address, "POST /metrics HTTP/1.1").await;
    assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
}

#[tokio::test]
async fn a_token_guards_the_metrics() {
    let running = start(Fixed(Ok(())), Some("sesame")).await;
    let answer = ask(running.address, "GET /metrics HTTP/1.1").await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    let wrong = "GET /metrics HTTP/1.1\r\nAuthorization: Bearer sesamE";
    assert!(
        ask(running.address, wrong)
            .await
            .starts_with("HTTP/1.1 401")
    );
    let right = "GET /metrics HTTP/1.1\r\nAuthorization: Bearer sesame";
    assert!(
        ask(running.address, right)
            .await
            .starts_with("HTTP/1.1 200")
    );
}

#[tokio::test]
async fn every_answer_keeps_browsers_out() {
    let running = start(Fixed(Ok(())), None).await;
    for path in ["/health", "/metrics", "/nowhere"] {
        let answer = ask(
            running.address,
            &format!("GET {path} HTTP/1.1\r\nOrigin: https://x"),
        )
        .await;
        for header in [
            "x-content-type-options: nosniff",
            "x-frame-options: DENY",
            "cache-control: no-store",
            "content-security-policy: default-src 'none'",
        ] {
            assert!(answer.contains(header), "{path} has no {header}");
        }
        assert!(!answer.contains("access-control-"), "{path}");
    }
}

#[tokio::test]
async fn half_a_request_is_cut_off() {
    let running = start(Fixed(Ok(())), None).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(b"GET /heal").await.unwrap();
    tokio::time::pause();
    let mut answer = Vec::new();
    // Ends, with or without an answer: the place is free again.
    let _ = stream.read_to_end(&mut answer).await;
}

#[tokio::test]
async fn stopping_cuts_open_connections_and_frees_the_port() {
    let running = start(Fixed(Ok(())), None).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream
        .write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let mut first = [0; 16];
    stream.read_exact(&mut first).await.unwrap();
    running.stop.send(()).unwrap();
    running.task.await.unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    bind(running.address).await.unwrap();
}

#[tokio::test]
async fn a_port_in_use_is_a_clear_error() {
    let running = start(Fixed(Ok(())), None).await;
    let error = bind(running.address).await.unwrap_err().to_string();
    let port = running.address.port();
    assert!(
        error.starts_with(&format!("TCP port {port} for health and metrics is in use")),
        "{error}"
    );
}
