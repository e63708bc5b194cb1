//! A client that keeps to no rule but QUIC's own: for what a server must bear.

mod tcp;

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parlor_protocol::frame::{self, Frame, FrameReader};
use parlor_protocol::hello::{Enter, Token};
use parlor_protocol::limit::BODY_BYTES;
use parlor_protocol::session::{ClientHandshake, Entry};
use parlor_protocol::{ALPN, Body, Code, Extensions, Kind};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{Connection, ConnectionError, RecvStream, SendStream, TransportConfig, VarInt};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use tokio::time::timeout;

pub use tcp::HostileTcp;

/// How the server ended a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    pub code: Code,
    pub reason: String,
}

/// A connection without manners.
#[derive(Debug)]
pub struct Hostile {
    pub connection: Connection,
    // Dropped, it would end the connection.
    _endpoint: quinn::Endpoint,
}

/// A stream of one's own making.
#[derive(Debug)]
pub struct Stream {
    pub send: SendStream,
    pub receive: RecvStream,
    frames: FrameReader,
}

impl Hostile {
    /// # Panics
    /// Where no connection comes about: that much every server grants.
    pub async fn connect(server: SocketAddr) -> Self {
        Self::with(server, |_| {}).await
    }

    /// With transport settings of its own.
    ///
    /// # Panics
    /// As [`Self::connect`].
    pub async fn with(server: SocketAddr, change: impl FnOnce(&mut TransportConfig)) -> Self {
        let mut transport = TransportConfig::default();
        transport.keep_alive_interval(Some(Duration::from_secs(1)));
        change(&mut transport);
        let endpoint = endpoint();
        let config = config(transport);
        let connecting = endpoint
            .connect_with(config, server, "parlor")
            .expect("a dial");
        let connection = connecting.await.expect("a QUIC connection");
        Self {
            connection,
            _endpoint: endpoint,
        }
    }

    /// # Panics
    /// Where the server allows no stream.
    pub async fn stream(&self) -> Stream {
        let (send, receive) = self.connection.open_bi().await.expect("a stream");
        Stream {
            send,
            receive,
            frames: FrameReader::new(),
        }
    }

    /// Enters in good order, so as to misbehave from within: control and command stream.
    ///
    /// # Panics
    /// Where the server does not let it in.
    pub async fn enter(&self, token: &Token) -> (Stream, Stream) {
        let mut control = self.stream().await;
        let command = self.stream().await;
        let enter = Entry::Token(Enter {
            token: token.clone(),
            ext: Extensions::NONE,
        });
        let hello = parlor_client_core::net::hello("hostile", 0);
        let first = ClientHandshake::new().start(&hello, Some(&enter));
        control.write(&first).await;
        while control.frame().await.header.kind != Kind::ENTERED {}
        (control, command)
    }

    /// Waits until the server ends the link; `None` when it has not by then.
    ///
    /// # Panics
    /// Where the link ended by something else than the server's will.
    pub async fn cut(&self, within: Duration) -> Option<Cut> {
        let end = timeout(within, self.connection.closed()).await.ok()?;
        let ConnectionError::ApplicationClosed(close) = end else {
            panic!("the link ended by itself: {end}");
        };
        let code = u16::try_from(u64::from(close.error_code)).unwrap_or(u16::MAX);
        let reason = String::from_utf8_lossy(&close.reason).into_owned();
        Some(Cut {
            code: Code(code),
            reason,
        })
    }
}

impl Stream {
    /// Writes; a stream that the server has stopped takes nothing, which is no matter here.
    pub async fn write(&mut self, bytes: &[u8]) {
        let _ = self.send.write_all(bytes).await;
    }

    pub async fn write_frame<B: Body>(&mut self, request: u32, body: &B) {
        self.write(&frame::encode(request, body)).await;
    }

    /// How many of `bytes`, repeated, the server takes before it takes no more for `idle`; at most
    /// `bound` bytes are tried.
    pub async fn flood(&mut self, bytes: &[u8], bound: usize, idle: Duration) -> usize {
        let mut taken = 0;
        while taken < bound {
            match timeout(idle, self.send.write_all(bytes)).await {
                Ok(Ok(())) => taken += bytes.len(),
                _ => break,
            }
        }
        taken
    }

    /// # Panics
    /// Where the stream ends, or brings no frame.
    pub async fn frame(&mut self) -> Frame {
        loop {
            if let Some(frame) = self.frames.next(BODY_BYTES).expect("a frame") {
                return frame;
            }
            let chunk = self
                .receive
                .read_chunk(16 * 1024, true)
                .await
                .expect("a stream");
            self.frames.feed(chunk.expect("more of the stream").bytes);
        }
    }
}

/// Handshakes that begin and never go on: their answers are lost on the way.
#[derive(Debug)]
pub struct HalfOpen {
    _connecting: Vec<quinn::Connecting>,
    _endpoint: quinn::Endpoint,
}

impl HalfOpen {
    /// `through`: a relay that lets nothing back.
    ///
    /// # Panics
    /// Where the system gives no socket.
    pub fn begin(through: SocketAddr, count: usize) -> Self {
        let endpoint = endpoint();
        let begin = |_| {
            let config = config(TransportConfig::default());
            endpoint
                .connect_with(config, through, "parlor")
                .expect("a dial")
        };
        Self {
            _connecting: (0..count).map(begin).collect(),
            _endpoint: endpoint,
        }
    }
}

/// The bytes of a frame's header with any length, type and request.
pub fn header(length: u32, kind: Kind, request: u32) -> Bytes {
    let mut bytes = Vec::with_capacity(12);
    bytes.extend(length.to_le_bytes());
    bytes.extend(kind.0.to_le_bytes());
    bytes.extend([1, 0]);
    bytes.extend(request.to_le_bytes());
    bytes.into()
}

fn endpoint() -> quinn::Endpoint {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    let runtime = Arc::new(quinn::TokioRuntime);
    let config = quinn::EndpointConfig::default();
    quinn::Endpoint::new(config, None, socket, runtime).expect("an endpoint")
}

fn tls(alpn: &[u8]) -> rustls::ClientConfig {
    let provider = Arc::new(ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anything(provider)))
        .with_no_client_auth();
    tls.alpn_protocols = vec![alpn.to_vec()];
    tls
}

fn config(mut transport: TransportConfig) -> quinn::ClientConfig {
    let crypto = QuicClientConfig::try_from(tls(ALPN)).expect("TLS for QUIC");
    let idle = VarInt::from_u32(120_000);
    transport.max_idle_timeout(Some(idle.into()));
    let mut config = quinn::ClientConfig::new(Arc::new(crypto));
    config.transport_config(Arc::new(transport));
    config
}

/// Believes any certificate: who attacks a server does not care which it is.
#[derive(Debug)]
struct Anything(Arc<CryptoProvider>);

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.2 is not offered".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
