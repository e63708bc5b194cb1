//! The operator's HTTP: health, readiness and metrics, on a listener of its own.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use subtle::ConstantTimeEq;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::Metrics;
use super::health::{self, Health, Readiness, Redis};
use crate::config::Secret;

/// Connections at one time; a monitor has one or two. More wait to be accepted.
const CONNECTIONS: usize = 32;
/// Time for a request's head to arrive.
const HEAD_WITHIN: Duration = Duration::from_secs(5);
/// Longest life of a connection.
const CONNECTION_LIFE: Duration = Duration::from_secs(300);
/// Pause after a failed accept: it fails again at once while descriptors are short.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the routes answer from.
#[derive(Clone)]
pub struct Operator {
    pub metrics: Arc<Metrics>,
    pub health: Arc<dyn Health>,
    /// Asked for by `/metrics` when there is one.
    pub token: Option<Secret>,
}

/// Why the listener cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    #[error(
        "TCP port {} for health and metrics is in use; choose another with --http or http.listen, or turn it off with --http off",
        address.port()
    )]
    PortInUse { address: SocketAddr },
    #[error(
        "cannot listen on {address} for health and metrics: {error}; set --http or http.listen"
    )]
    Listen {
        address: SocketAddr,
        error: io::Error,
    },
}

/// Takes the port.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, HttpError> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => HttpError::PortInUse { address },
        _ => HttpError::Listen { address, error },
    })
}

/// Answers until `stopped`; connections that are open then are cut.
pub async fn serve(listener: TcpListener, operator: Operator, stopped: impl Future<Output = ()>) {
    let router = router(operator);
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    let mut stopped = std::pin::pin!(stopped);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut stopped => return,
            accepted = accept(&listener, &places) => accepted,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, place)) => {
                connections.spawn(converse(stream, place, router.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "accepting a connection of the operator failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await;
    let place = place.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, place))
}

async fn converse(stream: TcpStream, place: OwnedSemaphorePermit, router: Router) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    // How a monitor's connection ends is of no interest.
    let _ = timeout(CONNECTION_LIFE, connection).await;
    drop(place);
}

fn router(operator: Operator) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/health/db", get(database))
        .route("/health/redis", get(redis))
        .route("/health/ready", get(ready))
        .route("/metrics", get(metrics))
        .layer(from_fn(harden))
        .with_state(operator)
}

async fn health() -> Response {
    json(StatusCode::OK, &serde_json::json!({ "status": "ok" }))
}

async fn database(State(operator): State<Operator>) -> Response {
    match health::database(&*operator.health).await {
        Ok(()) => json(StatusCode::OK, &serde_json::json!({ "status": "ok" })),
        Err(reason) => unavailable("away", &[reason]),
    }
}

async fn redis(State(operator): State<Operator>) -> Response {
    match health::redis(&*operator.health).await {
        Ok(Redis::Works) => json(StatusCode::OK, &serde_json::json!({ "status": "ok" })),
        Ok(Redis::NotNeeded) => {
            let detail = "a node alone needs no Redis";
            let body = serde_json::json!({ "status": "not needed", "detail": detail });
            json(StatusCode::OK, &body)
        }
        Err(reason) => unavailable("away", &[reason]),
    }
}

async fn ready(State(operator): State<Operator>) -> Response {
    let Readiness { reasons, degraded } = health::readiness(&*operator.health).await;
    if !reasons.is_empty() {
        return unavailable("not ready", &reasons);
    }
    let mut body = serde_json::json!({ "status": "ready" });
    if !degraded.is_empty() {
        body["degraded"] = degraded.into();
    }
    json(StatusCode::OK, &body)
}

/// All reasons as a list, and as one line for whoever shows only that.
fn unavailable(status: &str, reasons: &[String]) -> Response {
    let line = reasons.join("; ");
    let body = serde_json::json!({ "status": status, "reason": line, "reasons": reasons });
    json(StatusCode::SERVICE_UNAVAILABLE, &body)
}

async fn metrics(State(operator): State<Operator>, request: Request) -> Response {
    if let Some(token) = &operator.token
        && !bears(&request, token)
    {
        let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
        return (StatusCode::UNAUTHORIZED, challenge).into_response();
    }
    let kind = [(
        header::CONTENT_TYPE,
        "text/plain; version=0.0.4; charset=utf-8",
    )];
    (kind, operator.metrics.render()).into_response()
}

fn bears(request: &Request, token: &Secret) -> bool {
    let given = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .unwrap_or_default();
    given.as_bytes().ct_eq(token.expose().as_bytes()).into()
}

fn json(status: StatusCode, body: &serde_json::Value) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (status, kind, format!("{body}\n")).into_response()
}

/// Nothing here is for browsers: no scripts, no frames, no other origin, no copies kept.
async fn harden(request: Request, next: Next) -> Response {
    const HEADERS: [(HeaderName, &str); 6] = [
        (header::CACHE_CONTROL, "no-store"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ];
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests;
