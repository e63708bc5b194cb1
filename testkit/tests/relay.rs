//! QUIC through the relay: lossy, cut, and with an address change in mid-conversation.

#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quinn::rustls::RootCertStore;
use quinn::rustls::pki_types::PrivatePkcs8KeyDer;
use quinn::{ClientConfig, Connection, Endpoint, ServerConfig};

use parlor_testkit::relay::{Path, Plan, Relay};

/// Bytes echoed per exchange: several hundred packets.
const ECHO_BYTES: usize = 400_000;
/// Long enough for a loaded machine; a passing test never waits it out.
const PATIENCE: Duration = Duration::from_secs(30);

/// Ends a test that would hang.
async fn in_time<F: Future>(work: F) -> F::Output {
    tokio::time::timeout(PATIENCE, work).await.unwrap()
}

fn configs() -> (ServerConfig, ClientConfig) {
    let own = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
    let chain = vec![own.cert.der().clone()];
    let server = ServerConfig::with_single_cert(chain.clone(), key.into()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(chain[0].clone()).unwrap();
    let client = ClientConfig::with_root_certificates(Arc::new(roots)).unwrap();
    (server, client)
}

/// A server that echoes every bidirectional stream; a client connected to it through the relay.
struct Pair {
    relay: Relay,
    client: Connection,
    server: Connection,
    // Kept open for as long as the connections.
    _endpoints: [Endpoint; 2],
}

impl Pair {
    async fn connect(plan: Plan, seed: u64) -> Pair {
        let (server_config, client_config) = configs();
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let listener = Endpoint::server(server_config, any).unwrap();
        let relay = Relay::start(listener.local_addr().unwrap(), plan, seed).unwrap();
        let mut dialer = Endpoint::client(any).unwrap();
        dialer.set_default_client_config(client_config);
        let accept = async { listener.accept().await.unwrap().await.unwrap() };
        let dial = async {
            let dialed = dialer.connect(relay.addr(), "localhost").unwrap();
            dialed.await.unwrap()
        };
        let (server, client) = in_time(async { tokio::join!(accept, dial) }).await;
        tokio::spawn(echo(server.clone()));
        Pair {
            relay,
            client,
            server,
            _endpoints: [listener, dialer],
        }
    }

    async fn exchange(&self) {
        let sent: Vec<u8> = (0..ECHO_BYTES).map(|n| (n % 251) as u8).collect();
        let (mut send, mut receive) = self.client.open_bi().await.unwrap();
        let write = async {
            send.write_all(&sent).await.unwrap();
            send.finish().unwrap();
        };
        let (received, ()) =
            in_time(async { tokio::join!(receive.read_to_end(ECHO_BYTES), write) }).await;
        assert!(received.unwrap() == sent, "the echo differs");
    }
}

async fn echo(server: Connection) {
    while let Ok((mut send, mut receive)) = server.accept_bi().await {
        tokio::spawn(async move {
            while let Ok(Some(chunk)) = receive.read_chunk(64 * 1024, true).await {
                send.write_chunk(chunk.bytes).await.unwrap();
            }
            send.finish().unwrap();
        });
    }
}

#[tokio::test]
async fn quic_gets_everything_through_five_percent_loss() {
    let pair = Pair::connect(Plan::losing(0.05), 1).await;
    pair.exchange().await;
    let stats = pair.relay.stats();
    assert!(stats.up.lost > 0 && stats.down.lost > 0, "{stats:?}");
}

#[tokio::test]
async fn quic_gets_everything_through_a_rough_path() {
    let path = Path {
        delay: Duration::from_millis(5),
        jitter: Duration::from_millis(3),
        loss: 0.02,
        reorder: 0.02,
        duplicate: 0.02,
        ..Path::default()
    };
    let pair = Pair::connect(Plan::both(path), 2).await;
    pair.exchange().await;
    let stats = pair.relay.stats();
    assert!(
        stats.up.duplicated > 0 && stats.up.reordered > 0,
        "{stats:?}"
    );
}

#[tokio::test]
async fn a_connection_survives_an_address_change() {
    let pair = Pair::connect(Plan::default(), 3).await;
    pair.exchange().await;
    let before = pair.server.remote_address();
    in_time(pair.relay.rebind()).await.unwrap();
    pair.exchange().await;
    assert_ne!(pair.server.remote_address(), before);
    assert!(pair.client.close_reason().is_none());
}

#[tokio::test]
async fn a_short_cut_is_survived() {
    let pair = Pair::connect(Plan::default(), 4).await;
    pair.relay.cut();
    let conversation = pair.exchange();
    let repair = async {
        let heard = pair.relay.stats_when(|stats| stats.up.cut >= 2);
        in_time(heard).await.unwrap();
        pair.relay.heal();
    };
    tokio::join!(conversation, repair);
}
