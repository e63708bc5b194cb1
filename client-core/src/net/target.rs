//! An installation to connect to: where it is, whom to believe, and its TLS state.

use std::sync::Arc;

use parlor_protocol::ALPN;
use parlor_protocol::link::{Pin, ServerAddress};
use parlor_protocol::tcp::ALPN_BULK;
use quinn::crypto::rustls::QuicClientConfig;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{self, cipher_suite};

use super::tcp::Purpose;
use super::tickets::Tickets;
use super::trust::{PinVerifier, Trust, TrustError, authorities};

/// TLS tickets that a person's client keeps: one a link, and some for links raced.
pub const TICKETS: usize = 8;

/// An installation to connect to. Cheap to clone; all clones share the TLS tickets, so make one a
/// person's installation, or one for all virtual users of a load.
#[derive(Clone, Debug)]
pub struct Target {
    address: ServerAddress,
    trust: Trust,
    tls: quinn::ClientConfig,
    /// The same over TCP: for links, and for bulk transfers.
    tcp: [Arc<rustls::ClientConfig>; 2],
    verifier: Option<Arc<PinVerifier>>,
    tickets: Arc<Tickets>,
}

impl Target {
    /// Keeps up to [`TICKETS`] TLS tickets.
    pub fn new(address: ServerAddress, trust: Trust) -> Result<Self, TrustError> {
        Self::with_tickets(address, trust, TICKETS)
    }

    /// Keeps up to `tickets` TLS tickets: as many as there are links; 0 for full handshakes only.
    pub fn with_tickets(
        address: ServerAddress,
        trust: Trust,
        tickets: usize,
    ) -> Result<Self, TrustError> {
        let provider = Arc::new(provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13])?;
        let pins = match &trust {
            Trust::Pins(pins) => Some(pins.clone()),
            Trust::AskFingerprint => Some(Vec::new()),
            Trust::Ca => None,
        };
        let verifier = pins.map(|pins| Arc::new(PinVerifier::new(pins, provider.clone())));
        let mut config = match &verifier {
            Some(verifier) => builder
                .dangerous()
                .with_custom_certificate_verifier(verifier.clone()),
            None => {
                let roots = Arc::new(authorities()?);
                let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider)
                    .build()
                    .map_err(|error| TrustError::NoAuthorities(error.to_string()))?;
                builder.with_webpki_verifier(verifier)
            }
        }
        .with_no_client_auth();
        config.alpn_protocols = vec![ALPN.to_vec()];
        let store = Arc::new(Tickets::new(tickets));
        config.resumption = match tickets {
            0 => Resumption::disabled(),
            _ => Resumption::store(store.clone()),
        };
        let tcp = [ALPN, ALPN_BULK].map(|name| {
            let mut config = config.clone();
            config.alpn_protocols = vec![name.to_vec()];
            Arc::new(config)
        });
        let crypto = QuicClientConfig::try_from(config)
            .map_err(|error| TrustError::Tls(rustls::Error::General(error.to_string())))?;
        let tls = quinn::ClientConfig::new(Arc::new(crypto));
        Ok(Self {
            address,
            trust,
            tls,
            tcp,
            verifier,
            tickets: store,
        })
    }

    /// The same installation at another address: another of its nodes.
    pub fn at(&self, address: ServerAddress) -> Self {
        Self {
            address,
            ..self.clone()
        }
    }

    pub fn address(&self) -> &ServerAddress {
        &self.address
    }

    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Handshakes that were begun with a ticket so far.
    pub fn tickets_used(&self) -> u64 {
        self.tickets.used()
    }

    pub(super) fn tls(&self) -> quinn::ClientConfig {
        self.tls.clone()
    }

    pub(super) fn tcp_tls(&self, purpose: Purpose) -> Arc<rustls::ClientConfig> {
        let [link, bulk] = &self.tcp;
        match purpose {
            Purpose::Link => link.clone(),
            Purpose::Bulk => bulk.clone(),
        }
    }

    /// The server's key that was turned away last.
    pub(super) fn take_unknown_key(&self) -> Option<Pin> {
        self.verifier
            .as_ref()
            .and_then(|verifier| verifier.take_unknown())
    }
}

/// AES-128-GCM first: the SHA-384 suites cost 12 % of a handshake and add nothing that counts here.
fn provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: vec![
            cipher_suite::TLS13_AES_128_GCM_SHA256,
            cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
            cipher_suite::TLS13_AES_256_GCM_SHA384,
        ],
        ..ring::default_provider()
    }
}
