//! `serve`: runs the server and says how it is reached.

use std::io::IsTerminal;
use std::num::NonZeroUsize;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Failure, say};
use crate::address::Known;
use crate::config::{Config, Loaded};
use crate::server::{Server, start};

/// Threads of the core's runtime: the shard has one of its own, and most work waits for the store.
const CORE_THREADS_MAX: usize = 4;
/// Threads for work that blocks besides password hashes, which have one a core: files, mostly.
const BLOCKING_THREADS: usize = 8;
/// Time for what is left on the runtime to end after the server has stopped.
const REST_WITHIN: Duration = Duration::from_secs(1);

pub(super) fn run(loaded: Loaded) -> Result<(), Failure> {
    crate::ops::log::start(&loaded.config.log);
    raise_descriptors();
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.min(CORE_THREADS_MAX))
        .max_blocking_threads(cores + BLOCKING_THREADS)
        .thread_name("core")
        .enable_all()
        .build()
        .map_err(Failure::failed)?;
    let outcome = runtime.block_on(serve(loaded.config));
    runtime.shutdown_timeout(REST_WITHIN);
    outcome
}

/// Links over TCP take a descriptor each: as many as the system lets this process have.
fn raise_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
}

async fn serve(config: Config) -> Result<(), Failure> {
    // Before the start, so that a signal in its midst is not lost.
    let mut signals = Signals::new().map_err(Failure::failed)?;
    let server = start(config.clone()).await.map_err(Failure::failed)?;
    // A reader that has gone away does not end the server.
    let _ = announce(&config, &server);
    let strange = server.must_end();
    let outcome = tokio::select! {
        name = signals.next() => {
            tracing::info!(signal = name, "stopping: links are moved away");
            Ok(())
        }
        why = strange => Err(Failure::Failed(why)),
    };
    server.stop().await;
    outcome
}

/// The signals that end the server in good order.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// The terminal has gone; without one, a wish to read settings anew.
    hang_up: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        let by_hand = std::io::stdin().is_terminal();
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return "SIGTERM",
                _ = self.interrupt.recv() => return "SIGINT",
                _ = self.hang_up.recv() => {
                    if by_hand {
                        return "SIGHUP";
                    }
                    tracing::info!(
                        "SIGHUP: certificate files are watched anyway; other settings are read at a start"
                    );
                }
            }
        }
    }
}

fn announce(config: &Config, server: &Server) -> Result<(), Failure> {
    let reach = server.reach();
    let port = server.address().port();
    say(&format!("Parlor server {}", env!("CARGO_PKG_VERSION")))?;
    say(&format!(
        "  data      {}",
        server.data().paths().folder().display()
    ))?;
    say(&format!("  address   {} ({})", reach.address, reach.known))?;
    if let Some(pin) = server.pins().first() {
        say(&format!("  pin       {pin}"))?;
    }
    if reach.known != Known::Loopback {
        say(&format!(
            "  firewall  allow port {port} for UDP, and for TCP, by which networks without UDP come; for example: ufw allow {port}"
        ))?;
    }
    warn_of_buffers(config, server);
    if let Some(http) = server
        .http_address()
        .filter(|http| !http.ip().is_loopback())
    {
        tracing::warn!(%http, "health and metrics are open beyond this machine; keep them off public networks");
    }
    if let Some(link) = server.owner_link() {
        say(
            "  owner     nobody has an account yet; the first one, the administrator's, is made with",
        )?;
        say(&format!("            parlor join {link}"))?;
    }
    let http = match server.http_address() {
        Some(address) => format!(", HTTP {address}"),
        None => String::new(),
    };
    // Programs that start a server wait for this line.
    say(&format!(
        "parlor-server ready on UDP {}{http}",
        server.address()
    ))
}

fn warn_of_buffers(config: &Config, server: &Server) {
    let wanted = config.listen.socket_buffer_kib as usize * 1024;
    let [receive, send] = server.socket_buffer_bytes();
    if receive < wanted || send < wanted {
        tracing::warn!(
            receive_kib = receive / 1024,
            send_kib = send / 1024,
            wanted_kib = wanted / 1024,
            "the kernel gives smaller UDP buffers than wanted: packets are lost when many connect at once; run: {}",
            buffers_advice(wanted)
        );
    }
}

/// The command that lets the server have its buffers.
pub(super) fn buffers_advice(wanted: usize) -> String {
    format!("sysctl -w net.core.rmem_max={wanted} net.core.wmem_max={wanted}")
}
