//! Links of the load on a few sockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use parlor_protocol::frame::FrameReader;
use parlor_protocol::hello::{Enter, GoAway, Hello, Token};
use parlor_protocol::link::Pin;
use parlor_protocol::session::{ClientHandshake, ClientStep, Entry};
use parlor_protocol::{ALPN, Extensions, Frame};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Endpoint, EndpointConfig, TokioRuntime};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio::sync::mpsc;

use crate::bare::{bind_udp, client_transport, provider};
use crate::plan::UserIndex;

/// What a link tells.
#[derive(Debug)]
pub enum Event {
    Up(Handle),
    Frame(Frame, Instant),
    GoAway(GoAway),
    Down(String),
}

/// Where frames for one link go.
#[derive(Debug, Clone)]
pub struct Handle(mpsc::Sender<Bytes>);

impl Handle {
    pub fn send(&self, bytes: Bytes) -> bool {
        self.0.try_send(bytes).is_ok()
    }
}

pub struct Sockets {
    endpoints: Vec<Endpoint>,
    server: SocketAddr,
    events: mpsc::Sender<(UserIndex, Event)>,
}

const USERS_PER_SOCKET: usize = 250;
const OUTGOING: usize = 64;
const READ_BYTES: usize = 64 << 10;

impl Sockets {
    pub fn open(
        users: usize,
        server: SocketAddr,
        pin: Pin,
        events: mpsc::Sender<(UserIndex, Event)>,
    ) -> std::io::Result<Self> {
        let provider = provider();
        let mut tls = rustls::ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(std::io::Error::other)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Pinned { pin, provider }))
            .with_no_client_auth();
        tls.alpn_protocols = vec![ALPN.to_vec()];
        let crypto = QuicClientConfig::try_from(tls).map_err(std::io::Error::other)?;
        let mut config = ClientConfig::new(Arc::new(crypto));
        config.transport_config(client_transport());
        let endpoints = (0..users.div_ceil(USERS_PER_SOCKET))
            .map(|_| {
                let socket = bind_udp(SocketAddr::from(([127, 0, 0, 1], 0)))?;
                let mut endpoint = Endpoint::new(
                    EndpointConfig::default(),
                    None,
                    socket,
                    Arc::new(TokioRuntime),
                )?;
                endpoint.set_default_client_config(config.clone());
                Ok(endpoint)
            })
            .collect::<std::io::Result<_>>()?;
        Ok(Self {
            endpoints,
            server,
            events,
        })
    }

    pub fn dial(&self, user: UserIndex, token: [u8; 32]) {
        let endpoint = &self.endpoints[user as usize % self.endpoints.len()];
        let connecting = endpoint.connect(self.server, "parlor");
        let events = self.events.clone();
        tokio::spawn(async move {
            let ended = match connecting {
                Ok(connecting) => run(user, connecting, token, &events).await,
                Err(error) => Err(error.to_string()),
            };
            let reason = ended.err().unwrap_or_else(|| "ended".to_owned());
            let _ = events.send((user, Event::Down(reason))).await;
        });
    }
}

async fn run(
    user: UserIndex,
    connecting: quinn::Connecting,
    token: [u8; 32],
    events: &mpsc::Sender<(UserIndex, Event)>,
) -> Result<(), String> {
    let failed = |error: &dyn std::fmt::Display| error.to_string();
    let connection = connecting.await.map_err(|error| failed(&error))?;
    let (mut control, mut control_in) =
        connection.open_bi().await.map_err(|error| failed(&error))?;
    let mut handshake = ClientHandshake::new();
    let hello = Hello {
        minor_oldest: 0,
        minor_newest: 0,
        features: 0,
        body_bytes: 256 << 10,
        client: "parlor-bench".to_owned(),
        clock_ms: 0,
        epoch: 0,
        ext: Extensions::NONE,
    };
    let entry = Entry::Token(Enter {
        token: Token(token),
        ext: Extensions::NONE,
    });
    control
        .write_chunk(handshake.start(&hello, Some(&entry)))
        .await
        .map_err(|error| failed(&error))?;
    let (mut command, mut command_in) =
        connection.open_bi().await.map_err(|error| failed(&error))?;
    let (outgoing, mut to_send) = mpsc::channel::<Bytes>(OUTGOING);
    let mut handle = Some(Handle(outgoing));
    let mut readers = [FrameReader::new(), FrameReader::new(), FrameReader::new()];
    let mut push = None;
    loop {
        let (lane, chunk) = tokio::select! {
            chunk = control_in.read_chunk(READ_BYTES, true) => (0, chunk),
            chunk = command_in.read_chunk(READ_BYTES, true) => (1, chunk),
            chunk = read(&mut push), if push.is_some() => (2, chunk),
            stream = connection.accept_uni(), if push.is_none() => {
                push = Some(stream.map_err(|error| failed(&error))?);
                continue;
            }
            Some(bytes) = to_send.recv() => {
                command.write_chunk(bytes).await.map_err(|error| failed(&error))?;
                continue;
            }
        };
        let now = Instant::now();
        let Some(chunk) = chunk.map_err(|error| failed(&error))? else {
            return Ok(());
        };
        readers[lane].feed(chunk.bytes);
        while let Some(frame) = readers[lane]
            .next(256 << 10)
            .map_err(|error| failed(&error))?
        {
            let event = match lane {
                0 => match handshake.on_frame(frame).map_err(|error| failed(&error))? {
                    ClientStep::Entered(_) => match handle.take() {
                        Some(handle) => Event::Up(handle),
                        None => continue,
                    },
                    ClientStep::GoAway(go_away) => Event::GoAway(go_away),
                    ClientStep::Refused(refusal) => return Err(refusal.text),
                    _ => continue,
                },
                _ => Event::Frame(frame, now),
            };
            if events.send((user, event)).await.is_err() {
                return Ok(());
            }
        }
    }
}

async fn read(
    stream: &mut Option<quinn::RecvStream>,
) -> Result<Option<quinn::Chunk>, quinn::ReadError> {
    match stream {
        Some(stream) => stream.read_chunk(READ_BYTES, true).await,
        None => std::future::pending().await,
    }
}

#[derive(Debug)]
struct Pinned {
    pin: Pin,
    provider: Arc<rustls::crypto::CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        _end: &rustls::pki_types::CertificateDer<'_>,
        _chain: &[rustls::pki_types::CertificateDer<'_>],
        _name: &rustls::pki_types::ServerName<'_>,
        _ocsp: &[u8],
        _now: rustls::pki_types::UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let _ = self.pin;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &rustls::pki_types::CertificateDer<'_>,
        dss: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &rustls::pki_types::CertificateDer<'_>,
        dss: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
