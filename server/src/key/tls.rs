//! The TLS side: versions, suites, tickets, and which certificate is shown.

use std::sync::{Arc, PoisonError, RwLock};

use rustls::crypto::{CryptoProvider, ring};
use rustls::server::{ClientHello, ResolvesServerCert, ServerSessionMemoryCache};
use rustls::sign::CertifiedKey;

use super::KeyError;

/// TLS sessions kept for resumption. The library's 256 are too few for a thousand clients that come
/// back at once; each takes about a kilobyte.
const SESSIONS: usize = 8_192;
/// Tickets given to a client: it has one link.
const TICKETS: usize = 1;

/// The certificate that handshakes show now.
#[derive(Debug)]
pub(super) struct Resolver(RwLock<Arc<CertifiedKey>>);

impl Resolver {
    pub(super) fn new(shown: CertifiedKey) -> Self {
        Self(RwLock::new(Arc::new(shown)))
    }

    pub(super) fn show(&self, shown: CertifiedKey) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(shown);
    }

    pub(super) fn shown(&self) -> Arc<CertifiedKey> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.shown())
    }
}

/// ring, with the suite first that costs least with QUIC: SHA-384 is a tenth of a handshake.
pub(super) fn provider() -> CryptoProvider {
    let mut provider = ring::default_provider();
    provider.cipher_suites = vec![
        ring::cipher_suite::TLS13_AES_128_GCM_SHA256,
        ring::cipher_suite::TLS13_AES_256_GCM_SHA384,
        ring::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
    ];
    provider
}

pub(super) fn server_config(resolver: Arc<Resolver>) -> Result<rustls::ServerConfig, KeyError> {
    let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    config.alpn_protocols = vec![parlor_protocol::ALPN.to_vec()];
    config.ignore_client_order = true;
    config.send_tls13_tickets = TICKETS;
    config.session_storage = ServerSessionMemoryCache::new(SESSIONS);
    // Requests must not be repeated by whoever recorded them.
    config.max_early_data_size = 0;
    Ok(config)
}
