//! How a client knows that a server is the one it means.

use std::sync::{Arc, Mutex, PoisonError};

use parlor_protocol::link::Pin;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};
use sha2::{Digest, Sha256};

/// Whom to believe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// A server that holds one of these keys: the pin of the join link, later the pins of the
    /// welcome. Names and dates of the certificate are not looked at; the key is what was agreed.
    Pins(Vec<Pin>),
    /// A server whose certificate the operating system's authorities vouch for. Theirs rather than
    /// a list built in: a company's own authority is there, and nobody has to update Parlor when an
    /// authority falls.
    Ca,
    /// Nobody yet: the dial ends with `ConnectError::UnknownKey`, which carries the pin, so that a
    /// person can compare it with what the operator says.
    AskFingerprint,
}

/// Why trust cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    #[error(
        "this system has no certificate authorities ({0}); install its ca-certificates package, or use a join link, which carries the server's pin"
    )]
    NoAuthorities(String),
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// The pin of a certificate's public key; `None` for what is not a certificate.
pub fn pin_of(certificate: &CertificateDer<'_>) -> Option<Pin> {
    let parsed = ParsedCertificate::try_from(certificate).ok()?;
    Some(Pin(Sha256::digest(parsed.subject_public_key_info()).into()))
}

/// Checks the server's key against pins and remembers the one it did not know.
#[derive(Debug)]
pub(super) struct PinVerifier {
    pins: Vec<Pin>,
    provider: Arc<CryptoProvider>,
    unknown: Mutex<Option<Pin>>,
}

impl PinVerifier {
    pub(super) fn new(pins: Vec<Pin>, provider: Arc<CryptoProvider>) -> Self {
        Self {
            pins,
            provider,
            unknown: Mutex::default(),
        }
    }

    /// The key that was turned away last; forgets it.
    pub(super) fn take_unknown(&self) -> Option<Pin> {
        self.unknown().take()
    }

    fn unknown(&self) -> std::sync::MutexGuard<'_, Option<Pin>> {
        self.unknown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ServerCertVerifier for PinVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let pin = pin_of(end_entity).ok_or(CertificateError::BadEncoding)?;
        if self.pins.contains(&pin) {
            return Ok(ServerCertVerified::assertion());
        }
        *self.unknown() = Some(pin);
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General(
            "TLS 1.2 is not spoken here".to_owned(),
        ))
    }

    /// That the server holds the key, not only its certificate.
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signed,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// The operating system's authorities. Reads files: not for every dial.
pub(super) fn authorities() -> Result<RootCertStore, TrustError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Systems carry some certificates that no longer parse; the others still count.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found
            .errors
            .first()
            .map_or_else(|| "none found".to_owned(), ToString::to_string);
        return Err(TrustError::NoAuthorities(why));
    }
    Ok(roots)
}
