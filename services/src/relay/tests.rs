#![allow(clippy::unwrap_used)]
//! The relay between real sockets.

mod echo;

use std::future::Future;
use std::time::Duration;

/// Long enough for a loaded machine; a passing test never waits it out.
const PATIENCE: Duration = Duration::from_secs(30);

/// Ends a test that would hang.
async fn in_time<F: Future>(work: F) -> F::Output {
    tokio::time::timeout(PATIENCE, work).await.unwrap()
}
