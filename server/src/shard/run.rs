//! The shard's thread: its runtime, and the loops that drive it.

use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parlor_protocol::Code;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{sleep, sleep_until};

use super::state::{Shard, State};
use super::{Core, ToShard, gaps, mailbox, serve, signals, tcp, upkeep};
use crate::guard::rate;
use crate::net::{Bound, Endpoint, EndpointError, Keys, Listener, Pending, Settings};

/// How often heads of rooms that are not open go out.
const HEADS_EVERY: Duration = Duration::from_secs(1);
/// Time for the last packets of closed links to leave before the socket is given up.
const WIND_DOWN: Duration = Duration::from_millis(500);

/// A running shard.
pub struct ShardThread {
    thread: Option<thread::JoinHandle<()>>,
    stop: Option<oneshot::Sender<()>>,
}

/// Starts a shard on a thread of its own; returns once its endpoint takes links.
pub async fn start(
    core: Arc<Core>,
    inbox: mpsc::Receiver<ToShard>,
    mut bound: Bound,
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
                let listener = Listener::new(&mut bound, &tls, &settings);
                let opened = listener.and_then(|listener| {
                    Ok((Endpoint::new(bound, tls, &keys, &settings)?, listener))
                });
                match opened {
                    Ok((endpoint, listener)) => {
                        let _ = ready.send(Ok(()));
                        run(core, inbox, endpoint, listener, stopped).await;
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
    listener: Listener,
    stopped: oneshot::Receiver<()>,
) {
    let shard = Shard::new(core);
    spawn_local(mailbox::run(shard.clone(), inbox));
    spawn_local(flush_slots(shard.clone()));
    spawn_local(wake_writable(shard.clone()));
    spawn_local(send_heads(shard.clone()));
    spawn_local(signals::run(shard.clone()));
    spawn_local(gaps::run(shard.clone()));
    spawn_local(upkeep::sweep(shard.clone()));
    let by_tcp = spawn_local(tcp::accept(shard.clone(), listener));
    tokio::select! {
        () = accept(&shard, &endpoint) => {}
        _ = stopped => {}
    }
    by_tcp.abort();
    shard.step(|state| state.close_all("the server has stopped"));
    endpoint.close("the server has stopped");
    // Bounded: a client that does not answer must not hold the process.
    let _ = tokio::time::timeout(WIND_DOWN, endpoint.idle()).await;
}

async fn accept(shard: &Rc<Shard>, endpoint: &Endpoint) {
    while let Some(pending) = endpoint.accept().await {
        let admit = shard.step(|state| admit(state, shard, &pending));
        if !matches!(admit, Admit::Yes | Admit::Retry) {
            shard.core.metrics.refused_links.add(1);
        }
        match admit {
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
            Admit::Refuse => pending.refuse(),
            Admit::Ignore => pending.ignore(),
        }
    }
}

enum Admit {
    Yes,
    Retry,
    Refuse,
    /// Nothing is said: the client asks again by itself.
    Ignore,
}

fn admit(state: &State, shard: &Shard, pending: &Pending) -> Admit {
    let bounds = &shard.core.config.link;
    // A refusal would cost the client a step of its back-off, for a server that is gone in a moment:
    // the next packet of the same dial may find the one that follows.
    if state.draining {
        return match state.elsewhere {
            // Nor is it here where there are other nodes: they are found the sooner.
            true => Admit::Refuse,
            false => Admit::Ignore,
        };
    }
    if state.links.len() >= bounds.max as usize {
        return Admit::Refuse;
    }
    let crowded = shard.crowded(state, rate::Who::address(pending.address().ip()));
    // An address is not refused before it is proven: anybody can write it on a packet.
    match (crowded || state.half_open >= bounds.half_open) && !pending.is_validated() {
        true if pending.may_retry() => Admit::Retry,
        true => Admit::Refuse,
        false if crowded => Admit::Refuse,
        false => Admit::Yes,
    }
}

impl Shard {
    /// Whether an address has as many links as it may.
    pub(super) fn crowded(&self, state: &State, address: rate::Who) -> bool {
        let config = &self.core.config;
        config.limits.addresses && state.links_from(address) >= config.link.per_address
    }
}

/// Writes busy links, slot by slot; sleeps while there are none.
pub(super) async fn flush_slots(shard: Rc<Shard>) {
    loop {
        shard.slots.notified().await;
        let mut due = Instant::now() + shard.step(|state| state.flusher.slot());
        while shard.step(|state| state.flusher.is_waiting()) {
            sleep_until(due.into()).await;
            #[cfg(test)]
            stopped(&shard.core).await;
            let late = due.elapsed();
            shard.core.metrics.loop_lag.observe(late);
            shard.flush_slot(late);
            let slot = shard.step(|state| state.flusher.slot());
            // A slot that came late does not make the next ones come in a bunch.
            due = (due + slot).max(Instant::now());
        }
    }
}

/// Waits while a test has stopped the slots.
#[cfg(test)]
async fn stopped(core: &Core) {
    while core
        .flusher_stopped
        .load(std::sync::atomic::Ordering::Relaxed)
    {
        sleep(Duration::from_millis(10)).await;
    }
}

pub(super) async fn wake_writable(shard: Rc<Shard>) {
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

impl State {
    /// Ends the links that the endpoint does not end: those over TCP.
    fn close_all(&mut self, reason: &str) {
        for (_, link) in self
            .links
            .iter()
            .filter(|(_, link)| link.connection.is_tcp())
        {
            link.connection.close(Code(0), reason);
        }
    }
}
