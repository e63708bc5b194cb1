//! The bare server's endpoint, accept loop and ticking flusher.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use parlor_protocol::link::{JoinLink, ServerAddress};
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Endpoint, EndpointConfig, ServerConfig, TokioRuntime};
use tokio::time::{MissedTickBehavior, interval};

use super::hub::{Hub, SLOT, SLOTS};
use super::identity::Identity;
use super::{BareError, link, transport};

/// Links that may be open at one time.
const LINKS: usize = 50_000;

/// How a bare server runs.
#[derive(Debug, Clone, clap::Args)]
pub struct BareOptions {
    /// UDP port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    pub port: u16,
}

/// What all links share. One thread, so the lock is never waited for.
pub(super) struct Shared {
    hub: Mutex<Hub>,
    pub(super) address: String,
    pub(super) pin: [u8; 32],
}

impl Shared {
    pub(super) fn hub(&self) -> MutexGuard<'_, Hub> {
        self.hub.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves until it is killed. Prints one line, `ready LINK`, when it listens.
pub fn run(options: &BareOptions) -> Result<(), BareError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(BareError::Runtime)?;
    runtime.block_on(serve(options))
}

async fn serve(options: &BareOptions) -> Result<(), BareError> {
    let identity = Identity::make()?;
    let (endpoint, address) = listen(options, &identity)?;
    let shared = Arc::new(Shared {
        hub: Mutex::default(),
        address: address.to_string(),
        pin: identity.pin.0,
    });
    let link = JoinLink {
        server: ServerAddress {
            hosts: vec![address.ip().to_string()],
            port: address.port(),
        },
        code: "bare".to_owned(),
        pin: Some(identity.pin),
    };
    println!("ready {link}");
    tokio::spawn(tick(Arc::clone(&shared)));
    while let Some(incoming) = endpoint.accept().await {
        if endpoint.open_connections() > LINKS {
            incoming.refuse();
            continue;
        }
        tokio::spawn(link::run(incoming, Arc::clone(&shared)));
    }
    Ok(())
}

fn listen(options: &BareOptions, identity: &Identity) -> Result<(Endpoint, SocketAddr), BareError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port));
    let failed = |error| BareError::Socket { address, error };
    let crypto = QuicServerConfig::try_from(Arc::clone(&identity.tls))?;
    let mut config = ServerConfig::with_crypto(Arc::new(crypto));
    config.transport_config(transport::server_transport());
    let endpoint = Endpoint::new(
        EndpointConfig::default(),
        Some(config),
        transport::bind_udp(address).map_err(failed)?,
        Arc::new(TokioRuntime),
    )
    .map_err(failed)?;
    let address = endpoint.local_addr().map_err(failed)?;
    Ok((endpoint, address))
}

/// The central flusher: one slot after another, each once in a tick.
async fn tick(shared: Arc<Shared>) {
    let mut slots = interval(SLOT);
    slots.set_missed_tick_behavior(MissedTickBehavior::Skip);
    for slot in (0..SLOTS).cycle() {
        slots.tick().await;
        shared.hub().flush(slot, Instant::now());
    }
}

/// The clock of `at`, ms since the Unix epoch.
pub(super) fn wall_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_millis() as u64)
}
