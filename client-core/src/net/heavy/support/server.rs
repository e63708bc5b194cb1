use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use parlor_protocol::ALPN;
use parlor_protocol::hello::Node;
use parlor_protocol::link::Pin;
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{EndpointConfig, IdleTimeout, ServerConfig, TokioRuntime, TransportConfig, VarInt};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::session::Session;
use crate::net::pin_of;

/// A server's certificate and its keys; the same for a server that was restarted.
#[derive(Clone)]
pub struct Identity {
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
}

impl Identity {
    pub fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        Self {
            certificate: made.cert.der().clone(),
            key: made.signing_key.serialize_der(),
        }
    }

    pub fn pin(&self) -> Pin {
        pin_of(&self.certificate).unwrap()
    }
}

pub struct Options {
    pub identity: Identity,
    pub alpn: Vec<u8>,
    /// 0: any.
    pub port: u16,
    pub idle: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            identity: Identity::new(),
            alpn: ALPN.to_vec(),
            port: 0,
            idle: Duration::from_secs(60),
        }
    }
}

pub struct TestServer {
    pub endpoint: quinn::Endpoint,
    identity: Identity,
}

impl TestServer {
    pub fn start() -> Self {
        Self::with(Options::default())
    }

    pub fn with(options: Options) -> Self {
        let Options {
            identity,
            alpn,
            port,
            idle,
        } = options;
        let key = PrivateKeyDer::try_from(identity.key.clone()).unwrap();
        let mut tls = rustls::ServerConfig::builder_with_provider(Arc::new(
            rustls::crypto::ring::default_provider(),
        ))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![identity.certificate.clone()], key)
        .unwrap();
        tls.alpn_protocols = vec![alpn];
        let mut config =
            ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls).unwrap()));
        let mut transport = TransportConfig::default();
        transport.max_idle_timeout(Some(IdleTimeout::try_from(idle).unwrap()));
        transport.max_concurrent_bidi_streams(VarInt::from_u32(8));
        config.transport_config(Arc::new(transport));
        // A fixed reset key and fixed-key connection ids: a restarted server's resets are believed.
        let mut endpoint = EndpointConfig::new(Arc::new(ring::hmac::Key::new(
            ring::hmac::HMAC_SHA256,
            &[5; 32],
        )));
        endpoint
            .cid_generator(|| Box::new(quinn_proto::HashedConnectionIdGenerator::from_key(11)))
            .min_reset_interval(Duration::from_micros(10));
        let socket = UdpSocket::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).unwrap();
        // As servers have it; a storm of connects drowns in the kernel's default.
        socket2::SockRef::from(&socket)
            .set_recv_buffer_size(4 * 1024 * 1024)
            .unwrap();
        let endpoint =
            quinn::Endpoint::new(endpoint, Some(config), socket, Arc::new(TokioRuntime)).unwrap();
        Self { endpoint, identity }
    }

    pub fn port(&self) -> u16 {
        self.endpoint.local_addr().unwrap().port()
    }

    pub fn pin(&self) -> Pin {
        self.identity.pin()
    }

    /// The next connection, transport only.
    pub async fn connection(&self) -> quinn::Connection {
        self.endpoint.accept().await.unwrap().await.unwrap()
    }

    /// The next link, with its two streams and nothing read yet.
    pub async fn session(&self) -> Session {
        Session::accept(self.connection().await).await
    }

    /// The next link, welcomed and entered.
    pub async fn entered(&self) -> Session {
        self.entered_with(Vec::new()).await
    }

    /// The same, welcomed with these nodes.
    pub async fn entered_with(&self, nodes: Vec<Node>) -> Session {
        let mut session = self.session().await;
        session.enter_with(nodes).await;
        session
    }
}
