//! Nodes that never spoke open each other's tickets, for as long as they should and no longer.

#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicU64, Ordering};

use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, ServerConnection};

use super::*;
use crate::key::authority;
use crate::key::tls::{self, Resolver};

const SECRET: [u8; 32] = [7; 32];
/// Somewhere in a day.
const NOW_S: u64 = 20_000 * DAY_S + 3_600;

struct Clock(Arc<AtomicU64>);

impl Clock {
    fn new() -> Self {
        Self(Arc::new(AtomicU64::new(NOW_S)))
    }

    fn node(&self, secret: &[u8; 32]) -> Tickets<impl Fn() -> u64 + Send + Sync + use<>> {
        let now = self.0.clone();
        Tickets::new(secret, move || now.load(Ordering::Relaxed))
    }

    fn pass(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }
}

#[test]
fn a_node_opens_what_another_sealed_and_no_stranger_does() {
    let clock = Clock::new();
    let (one, other) = (clock.node(&SECRET), clock.node(&SECRET));
    let ticket = one.encrypt(b"session").unwrap();
    assert_eq!(other.decrypt(&ticket).unwrap(), b"session");
    assert_eq!(clock.node(&[8; 32]).decrypt(&ticket), None);
    assert_ne!(
        one.encrypt(b"session").unwrap(),
        ticket,
        "no two are the same"
    );
}

#[test]
fn a_ticket_lives_a_day_and_never_three() {
    let clock = Clock::new();
    let node = clock.node(&SECRET);
    let ticket = node.encrypt(b"session").unwrap();
    clock.pass(u64::from(node.lifetime()));
    assert!(node.decrypt(&ticket).is_some());
    clock.pass(DAY_S);
    assert!(node.decrypt(&ticket).is_none());
}

#[test]
fn clocks_of_two_nodes_may_stand_on_two_days() {
    let (early, late) = (Clock::new(), Clock::new());
    late.pass(DAY_S);
    let (one, other) = (early.node(&SECRET), late.node(&SECRET));
    for (from, to) in [(&one, &other), (&other, &one)] {
        let ticket = from.encrypt(b"session").unwrap();
        assert!(to.decrypt(&ticket).is_some());
    }
}

#[test]
fn damaged_tickets_open_for_nobody() {
    let clock = Clock::new();
    let node = clock.node(&SECRET);
    let ticket = node.encrypt(b"session").unwrap();
    for at in 0..ticket.len() {
        let mut damaged = ticket.clone();
        damaged[at] ^= 1;
        assert_eq!(node.decrypt(&damaged), None, "byte {at}");
        assert_eq!(node.decrypt(&ticket[..at]), None, "cut at {at}");
    }
    assert_eq!(node.decrypt(&[0; TICKET_BYTES + 1]), None);
    assert_eq!(node.encrypt(&[0; TICKET_BYTES]), None, "no room for it");
}

/// A certificate that several nodes show.
struct Files {
    folder: tempfile::TempDir,
    certificate: CertificateDer<'static>,
}

impl Files {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(["chat.example.org".to_owned()]).unwrap();
        std::fs::write(folder.path().join("chain.pem"), made.cert.pem()).unwrap();
        let key = made.signing_key.serialize_pem();
        std::fs::write(folder.path().join("key.pem"), key).unwrap();
        Self {
            folder,
            certificate: made.cert.der().clone(),
        }
    }

    /// A node of the cluster with this secret.
    fn node(&self, secret: &[u8; 32]) -> Arc<rustls::ServerConfig> {
        let [chain, key] = ["chain.pem", "key.pem"].map(|name| self.folder.path().join(name));
        let shown = authority::load(&chain, &key).unwrap();
        let mut config = tls::server_config(Arc::new(Resolver::new(shown))).unwrap();
        config.ticketer = tickets(secret);
        Arc::new(config)
    }

    fn client(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![parlor_protocol::ALPN.to_vec()];
        config.resumption = Resumption::in_memory_sessions(8);
        Arc::new(config)
    }
}

/// A whole handshake, with the ticket that comes behind it, and how it went.
fn visit(client: &Arc<ClientConfig>, node: &Arc<rustls::ServerConfig>) -> HandshakeKind {
    let name = ServerName::try_from("chat.example.org").unwrap();
    let mut client = ClientConnection::new(client.clone(), name).unwrap();
    let mut server = ServerConnection::new(node.clone()).unwrap();
    while client.wants_write() || server.wants_write() {
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).unwrap();
        server.read_tls(&mut bytes.as_slice()).unwrap();
        server.process_new_packets().unwrap();
        bytes.clear();
        server.write_tls(&mut bytes).unwrap();
        client.read_tls(&mut bytes.as_slice()).unwrap();
        client.process_new_packets().unwrap();
    }
    client.handshake_kind().unwrap()
}

#[test]
fn a_session_made_on_one_node_resumes_on_another() {
    let files = Files::new();
    let (one, client) = (files.node(&SECRET), files.client());
    let (other, stranger) = (files.node(&SECRET), files.node(&[8; 32]));
    assert_eq!(visit(&client, &one), HandshakeKind::Full);
    assert_eq!(visit(&client, &other), HandshakeKind::Resumed);
    assert_eq!(visit(&client, &one), HandshakeKind::Resumed);
    // Another secret: a full handshake, and nothing worse.
    assert_eq!(visit(&client, &stranger), HandshakeKind::Full);
}

#[test]
fn nobody_takes_early_data() {
    let node = Files::new().node(&SECRET);
    assert_eq!(node.max_early_data_size, 0);
}
