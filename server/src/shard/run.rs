//! The shard's thread: its runtime, and the loops that drive it.

use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parlor_protocol::hello::GoAway;
use parlor_protocol::{Code, Extensions};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{sleep, sleep_until};

use super::context::now_ms;
use super::state::{Shard, State};
use super::{Core, ToShard, mailbox, presence, serve};
use crate::net::{Bound, Endpoint, EndpointError, Keys, Pending, Settings};

/// How often heads of rooms that are not open go out.
const HEADS_EVERY: Duration = Duration::from_secs(1);
/// Window in which clients of a drained node come back, ms: with one node, as soon as it may be
/// up again.
const RETRY_MIN_MS: u32 = 200;
const RETRY_MAX_MS: u32 = 1_000;
/// Time for links to leave by themselves once told to go.
const DRAIN: Duration = Duration::from_secs(1);

/// A running shard.
pub struct ShardThread {
    thread: Option<thread::JoinHandle<()>>,
    stop: Option<oneshot::Sender<()>>,
}

/// Starts a shard on a thread of its own; returns once its endpoint takes links.
pub async fn start(
    core: Arc<Core>,
    inbox: mpsc::Receiver<ToShard>,
    bound: Bound,
    tls: Arc<rustls::ServerConfig>,
    keys: Keys,
    settings: Settings,
) -> Result<ShardThread, EndpointError> {
    let (stop, stopped) = oneshot::channel();
    let (ready, started) = oneshot::channel();
    let address = bound.address;
    let failed = move |error| EndpointError::Listen { address, error };
    let thread = thread::Builder::new()
        .name("shard".to_owned())
        .spawn(move || {
            let runtime = match tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
            {
                Ok(runtime) => runtime,
                Err(error) => return drop(ready.send(Err(failed(error)))),
            };
            let local = LocalSet::new();
            local.block_on(&runtime, async move {
                match Endpoint::new(bound, tls, &keys, &settings) {
                    Ok(endpoint) => {
                        let _ = ready.send(Ok(()));
                        run(core, inbox, endpoint, stopped).await;
                    }
                    Err(error) => drop(ready.send(Err(error))),
                }
            });
        })
        .map_err(failed)?;
    match started.await {
        Ok(result) => result?,
        Err(_) => return Err(failed(std::io::Error::other("the shard's thread ended"))),
    }
    Ok(ShardThread {
        thread: Some(thread),
        stop: Some(stop),
    })
}

impl ShardThread {
    /// Ends all links and the thread.
    pub async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

async fn run(
    core: Arc<Core>,
    inbox: mpsc::Receiver<ToShard>,
    endpoint: Endpoint,
    stopped: oneshot::Receiver<()>,
) {
    let shard = Shard::new(core);
    spawn_local(mailbox::run(shard.clone(), inbox));
    spawn_local(flush_slots(shard.clone()));
    spawn_local(wake_writable(shard.clone()));
    spawn_local(send_heads(shard.clone()));
    spawn_local(send_presence(shard.clone()));
    tokio::select! {
        () = accept(&shard, &endpoint) => {}
        _ = stopped => {}
    }
    endpoint.close("the server has stopped");
    // Bounded: a client that does not answer must not hold the process.
    let _ = tokio::time::timeout(Duration::from_millis(500), endpoint.idle()).await;
}

async fn accept(shard: &Rc<Shard>, endpoint: &Endpoint) {
    while let Some(pending) = endpoint.accept().await {
        let (half_open, links, draining) =
            shard.step(|state| (state.half_open, state.links.len(), state.draining));
        match admit(shard, &pending, half_open, links, draining) {
            Admit::Yes => {
                shard.step(|state| state.half_open += 1);
                shard.core.metrics.half_open.add(1);
                shard.core.metrics.handshakes.add(1);
                spawn_local(serve::serve(shard.clone(), pending));
            }
            Admit::Retry => {
                shard.core.metrics.retries.add(1);
                pending.retry();
            }
            Admit::Refuse => {
                shard.core.metrics.refused_links.add(1);
                pending.refuse();
            }
        }
    }
}

enum Admit {
    Yes,
    Retry,
    Refuse,
}

fn admit(shard: &Shard, pending: &Pending, half_open: u32, links: usize, draining: bool) -> Admit {
    let bounds = &shard.core.config.link;
    if draining || links >= bounds.max as usize {
        return Admit::Refuse;
    }
    match half_open >= bounds.half_open && !pending.is_validated() {
        true if pending.may_retry() => Admit::Retry,
        true => Admit::Refuse,
        false => Admit::Yes,
    }
}

/// Writes busy links, slot by slot; sleeps while there are none.
async fn flush_slots(shard: Rc<Shard>) {
    loop {
        shard.slots.notified().await;
        let mut due = Instant::now() + shard.step(|state| state.flusher.slot());
        while shard.step(|state| state.flusher.is_waiting()) {
            sleep_until(due.into()).await;
            let late = due.elapsed();
            shard.core.metrics.loop_lag.observe(late);
            shard.flush_slot(late);
            let slot = shard.step(|state| state.flusher.slot());
            // A slot that came late does not make the next ones come in a bunch.
            due = (due + slot).max(Instant::now());
        }
    }
}

async fn wake_writable(shard: Rc<Shard>) {
    loop {
        shard.writable.notify.notified().await;
        let links = shard.writable.take();
        shard.step(|state| state.writable(links));
    }
}

async fn send_heads(shard: Rc<Shard>) {
    loop {
        sleep(HEADS_EVERY).await;
        shard.step(|state| state.send_heads());
    }
}

async fn send_presence(shard: Rc<Shard>) {
    let mut repeat = Instant::now();
    loop {
        sleep(presence::COALESCE).await;
        let again = repeat.elapsed().as_millis() as u64 > mailbox::PRESENCE_LIFE_MS / 2;
        if again {
            repeat = Instant::now();
        }
        shard.step(|state| state.send_presence(now_ms(), again));
    }
}

/// Tells all links to go and answers when they have gone or the time is up.
pub(super) fn drain(state: &mut State, shard: &Shard, done: oneshot::Sender<()>) {
    let go_away = GoAway {
        retry_min_ms: RETRY_MIN_MS,
        retry_max_ms: RETRY_MAX_MS,
        nodes: Vec::new(),
        reason: "The server is shutting down.".to_owned(),
        ext: Extensions::NONE,
    };
    state.go_away(&go_away);
    let connections: Vec<_> = state
        .links
        .iter()
        .map(|(_, link)| link.connection.clone())
        .collect();
    let _ = shard;
    spawn_local(async move {
        let all_gone = async {
            for connection in &connections {
                connection.closed().await;
            }
        };
        if tokio::time::timeout(DRAIN, all_gone).await.is_err() {
            for connection in &connections {
                connection.close(Code::GOING_AWAY, Code::GOING_AWAY.text());
            }
        }
        let _ = done.send(());
    });
}
