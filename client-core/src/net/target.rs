//! An installation to connect to: where it is, whom to believe, and its TLS state.

use std::net::IpAddr;
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
    /// Other nodes of the installation, tried beside the address while that does not answer.
    others: Vec<ServerAddress>,
    /// Where the person said that the installation is.
    home: ServerAddress,
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
            home: address.clone(),
            address,
            others: Vec::new(),
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
            others: Vec::new(),
            ..self.clone()
        }
    }

    /// The same installation at several of its addresses, the first one preferred.
    pub(super) fn at_one_of(&self, mut places: Vec<ServerAddress>) -> Self {
        if places.is_empty() {
            return self.clone();
        }
        let others = places.split_off(1);
        let address = places.swap_remove(0);
        Self {
            others,
            ..self.at(address)
        }
    }

    /// Every address to try, in their order.
    pub(super) fn places(&self) -> impl Iterator<Item = &ServerAddress> {
        std::iter::once(&self.address).chain(&self.others)
    }

    /// Where the person said that the installation is, whichever node is dialled.
    pub(super) fn home(&self) -> &ServerAddress {
        &self.home
    }

    /// The name under which the server at a host is asked for. All nodes of an installation go by
    /// one, since a ticket made under one name is refused under another; where a key is pinned, the
    /// name proves nothing. Hosts that the person gave go by their own where a certificate is looked
    /// at: it may be of one of them only.
    pub(super) fn name_for<'a>(&'a self, host: &'a str) -> &'a str {
        if self.trust == Trust::Ca && self.home.hosts.iter().any(|own| own == host) {
            return host;
        }
        let is_name = |host: &&String| host.parse::<IpAddr>().is_err();
        let name = self.home.hosts.iter().find(is_name);
        name.or(self.home.hosts.first())
            .map_or(host, String::as_str)
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn named(home: &str, trust: Trust, host: &str) -> String {
        let target = Target::new(home.parse().unwrap(), trust).unwrap();
        let elsewhere = target.at("node2.example.org:7443".parse().unwrap());
        assert_eq!(elsewhere.name_for(host), target.name_for(host));
        target.name_for(host).to_owned()
    }

    #[test]
    fn all_nodes_go_by_one_name() {
        let pins = || Trust::Pins(vec![Pin([7; 32])]);
        let home = "192.0.2.1,chat.example.org:7443";
        for host in [
            "192.0.2.1",
            "chat.example.org",
            "node2.example.org",
            "192.0.2.2",
        ] {
            assert_eq!(named(home, pins(), host), "chat.example.org", "{host}");
        }
        assert_eq!(named("192.0.2.1", pins(), "192.0.2.2"), "192.0.2.1");
    }
}
