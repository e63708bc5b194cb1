//! Commands over one connection that mends itself: an answer within a deadline, or none.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisConnectionInfo, RedisError, RedisResult, Value};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::address::RedisAddress;
use super::dial::{DialError, dial};
use crate::guard::backoff::{Backoff, random};

/// Requests under way at one time; more wait, and by their deadline go without.
const IN_FLIGHT: usize = 1024;
/// How often a connection proves itself, and the time it has for that.
const PROBE_EVERY: Duration = Duration::from_secs(2);
const PROBE_WITHIN: Duration = Duration::from_secs(1);
/// A connection that lived so long was a good one: the next attempt comes at once again.
const STEADY: Duration = Duration::from_secs(5);

/// Why a command has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    #[error("Redis is away")]
    Away,
    #[error("Redis did not answer in time")]
    Late,
    #[error("Redis refused: {0}")]
    Refused(String),
}

/// A Redis to ask. Dropping it closes the connection.
#[derive(Debug)]
pub struct Commands {
    shared: Arc<Shared>,
    keeper: JoinHandle<()>,
}

struct Shared {
    connection: Mutex<Option<MultiplexedConnection>>,
    up: watch::Sender<bool>,
    suspected: Notify,
}

impl Commands {
    /// Begins to connect, and goes on for as long as it lives. Must be called within a runtime.
    pub fn start(address: RedisAddress) -> Self {
        let shared = Arc::new(Shared {
            connection: Mutex::new(None),
            up: watch::Sender::new(false),
            suspected: Notify::new(),
        });
        let keeper = tokio::spawn(keep(address, shared.clone()));
        Self { shared, keeper }
    }

    /// Whether there is a connection now, and each change of that.
    pub fn up(&self) -> watch::Receiver<bool> {
        self.shared.up.subscribe()
    }

    /// Runs what asks over the connection. Without one the answer is [`CommandError::Away`] at once.
    pub async fn run<T, F>(
        &self,
        within: Duration,
        ask: impl FnOnce(MultiplexedConnection) -> F,
    ) -> Result<T, CommandError>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let connection = self.shared.connection().clone();
        let connection = connection.ok_or(CommandError::Away)?;
        match timeout(within, ask(connection)).await {
            Err(_) => Err(CommandError::Late),
            Ok(answer) => answer.map_err(|error| sort(&error)),
        }
    }

    /// Whether it answers.
    pub async fn ping(&self, within: Duration) -> Result<(), CommandError> {
        let ask = |mut connection| async move {
            redis::cmd("PING").query_async::<()>(&mut connection).await
        };
        self.run(within, ask).await
    }

    /// Tells that the connection seems dead: it is closed and made anew.
    pub fn suspect(&self) {
        // Reaches only the keeper of a connection that is open, never the next one.
        self.shared.suspected.notify_waiters();
    }
}

impl Drop for Commands {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl Shared {
    fn connection(&self) -> MutexGuard<'_, Option<MultiplexedConnection>> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, connection: Option<MultiplexedConnection>) {
        let up = connection.is_some();
        *self.connection() = connection;
        self.up.send_if_modified(|shown| {
            let changed = *shown != up;
            *shown = up;
            changed
        });
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Shared {{ up: {} }}", *self.up.borrow())
    }
}

async fn keep(address: RedisAddress, shared: Arc<Shared>) {
    let mut backoff = Backoff::redial();
    let mut told = String::new();
    loop {
        match hold(&address, &shared).await {
            Ok(lived) => {
                told.clear();
                if lived >= STEADY {
                    backoff.reset();
                }
            }
            // The same reason is told once, not at each attempt.
            Err(error) => {
                let reason = error.to_string();
                if told != reason {
                    tracing::warn!("no commands to Redis: {reason}");
                    told = reason;
                }
            }
        }
        sleep(backoff.next(random())).await;
    }
}

/// Connects, and holds the connection for as long as it works. Gives how long that was.
async fn hold(address: &RedisAddress, shared: &Shared) -> Result<Duration, DialError> {
    let stream = dial(address).await?;
    let config = AsyncConnectionConfig::new()
        .set_response_timeout(None)
        .set_concurrency_limit(IN_FLIGHT);
    // Name, password and database were given while dialling.
    let info = RedisConnectionInfo::default().set_skip_set_lib_name();
    let made = MultiplexedConnection::new_with_config(&info, stream, config).await;
    let (connection, driver) = made.map_err(|error| DialError::Stranger {
        address: address.to_string(),
        problem: error.to_string(),
    })?;
    let since = Instant::now();
    let suspected = shared.suspected.notified();
    shared.set(Some(connection.clone()));
    tokio::select! {
        () = driver => {}
        () = prove(connection) => {}
        () = suspected => {}
    }
    shared.set(None);
    Ok(since.elapsed())
}

/// Ends when the connection does not answer any more, or what answers is no primary any more.
async fn prove(mut connection: MultiplexedConnection) {
    loop {
        sleep(PROBE_EVERY).await;
        let role = redis::cmd("ROLE");
        let asked = role.query_async::<Vec<Value>>(&mut connection);
        match timeout(PROBE_WITHIN, asked).await {
            Ok(Ok(role)) if is_primary(&role) => {}
            _ => return,
        }
    }
}

fn is_primary(role: &[Value]) -> bool {
    matches!(role.first(), Some(Value::BulkString(name)) if name == b"master")
}

fn sort(error: &RedisError) -> CommandError {
    if error.is_timeout() {
        return CommandError::Late;
    }
    if error.is_io_error() || error.is_connection_dropped() || error.is_connection_refusal() {
        return CommandError::Away;
    }
    CommandError::Refused(error.to_string())
}
