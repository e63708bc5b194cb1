//! Asking the operator's HTTP of a server on this machine.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::Request;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Time for one answer.
const WITHIN: Duration = Duration::from_secs(2);
/// Largest answer, bytes: metrics of many rooms fit.
const BYTES: usize = 4 << 20;

/// Status and body; `None` when nothing of use answers.
pub(super) async fn get(address: SocketAddr, path: &str) -> Option<(u16, String)> {
    timeout(WITHIN, ask(address, path)).await.ok().flatten()
}

async fn ask(address: SocketAddr, path: &str) -> Option<(u16, String)> {
    let stream = TcpStream::connect(address).await.ok()?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .ok()?;
    let driver = tokio::spawn(connection);
    let request = Request::get(path)
        .header("host", address.to_string())
        .body(Empty::<Bytes>::new())
        .ok()?;
    let answer = sender.send_request(request).await.ok()?;
    let status = answer.status().as_u16();
    let body = Limited::new(answer.into_body(), BYTES)
        .collect()
        .await
        .ok()?;
    driver.abort();
    let text = String::from_utf8(body.to_bytes().to_vec()).ok()?;
    Some((status, text))
}
