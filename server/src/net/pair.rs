//! A link within this process, for tests of what the server does with one.

#![allow(clippy::unwrap_used)]

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use parlor_protocol::ALPN;
use parlor_protocol::frame::{Frame, FrameReader};
use parlor_protocol::limit::BODY_BYTES;
use quinn::crypto::rustls::QuicClientConfig;
use rustls::pki_types::PrivateKeyDer;
use rustls::version::TLS13;

use super::{Connection, Endpoint, Keys, Settings, bind};

/// How long a test waits for what is to come.
pub(crate) const COMES_WITHIN: Duration = Duration::from_secs(20);
const NAME: &str = "parlor";

/// An endpoint of the server's, and how to dial it.
pub(crate) struct Place {
    endpoint: Endpoint,
    address: SocketAddr,
    client: rustls::ClientConfig,
}

/// The client's end of a link.
pub(crate) struct Peer {
    pub(crate) connection: quinn::Connection,
    push: Option<(quinn::RecvStream, FrameReader)>,
    _endpoint: quinn::Endpoint,
}

impl Place {
    pub(crate) fn new() -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new([NAME.to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap().der().clone();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut server = rustls::ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .unwrap();
        server.alpn_protocols = vec![ALPN.to_vec()];
        let mut roots = rustls::RootCertStore::empty();
        roots.add(certificate).unwrap();
        let mut client = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        client.alpn_protocols = vec![ALPN.to_vec()];
        let settings = Settings {
            address: (Ipv4Addr::LOCALHOST, 0).into(),
            socket_buffer_bytes: 256 * 1024,
            heartbeat: Duration::from_secs(25),
            idle: Duration::from_secs(60),
        };
        let bound = bind(&settings).unwrap();
        let keys = Keys {
            reset: [7; 32],
            connection_ids: 7,
        };
        let address = bound.address;
        let endpoint = Endpoint::new(bound, Arc::new(server), &keys, &settings).unwrap();
        Self {
            endpoint,
            address,
            client,
        }
    }

    /// A link whose client lets so many bytes of a stream wait to be read.
    pub(crate) async fn link(&self, window_bytes: u32) -> (Connection, Peer) {
        let crypto = QuicClientConfig::try_from(self.client.clone()).unwrap();
        let mut config = quinn::ClientConfig::new(Arc::new(crypto));
        let mut transport = quinn::TransportConfig::default();
        transport.stream_receive_window(window_bytes.into());
        config.transport_config(Arc::new(transport));
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let runtime = Arc::new(quinn::TokioRuntime);
        let endpoint =
            quinn::Endpoint::new(quinn::EndpointConfig::default(), None, socket, runtime).unwrap();
        let dialled = endpoint.connect_with(config, self.address, NAME).unwrap();
        let taken = async { self.endpoint.accept().await.unwrap().complete().await };
        let (dialled, taken) = tokio::join!(dialled, taken);
        let peer = Peer {
            connection: dialled.unwrap(),
            push: None,
            _endpoint: endpoint,
        };
        (taken.unwrap(), peer)
    }
}

/// The client's end of a stream that it has opened.
pub(crate) struct PeerStream {
    stream: quinn::RecvStream,
    reader: FrameReader,
    // Finished, it would end the stream for the server.
    _send: quinn::SendStream,
}

impl PeerStream {
    pub(crate) async fn open(connection: &quinn::Connection) -> Self {
        let (mut send, stream) = connection.open_bi().await.unwrap();
        // A stream is seen when something comes on it.
        send.write_all(&[0]).await.unwrap();
        Self {
            stream,
            reader: FrameReader::new(),
            _send: send,
        }
    }

    /// The next frame that the server sends.
    pub(crate) async fn frame(&mut self) -> Frame {
        let next = next(&mut self.stream, &mut self.reader);
        tokio::time::timeout(COMES_WITHIN, next).await.unwrap()
    }
}

async fn next(stream: &mut quinn::RecvStream, reader: &mut FrameReader) -> Frame {
    loop {
        if let Some(frame) = reader.next(BODY_BYTES).unwrap() {
            return frame;
        }
        let chunk = stream.read_chunk(16 * 1024, true).await.unwrap();
        reader.feed(chunk.unwrap().bytes);
    }
}

impl Peer {
    /// The next frame pushed.
    pub(crate) async fn pushed(&mut self) -> Frame {
        tokio::time::timeout(COMES_WITHIN, self.next())
            .await
            .unwrap()
    }

    async fn next(&mut self) -> Frame {
        if self.push.is_none() {
            let stream = self.connection.accept_uni().await.unwrap();
            self.push = Some((stream, FrameReader::new()));
        }
        let (stream, reader) = self.push.as_mut().unwrap();
        next(stream, reader).await
    }

    /// With which code the server ended the link.
    pub(crate) async fn closed(&self) -> u64 {
        let closed = tokio::time::timeout(COMES_WITHIN, self.connection.closed()).await;
        match closed.unwrap() {
            quinn::ConnectionError::ApplicationClosed(close) => close.error_code.into(),
            other => panic!("{other}"),
        }
    }
}
