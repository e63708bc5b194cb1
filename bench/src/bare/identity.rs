//! The key and certificate of a bare server, made anew at each start.

use std::sync::Arc;

use parlor_protocol::ALPN;
use parlor_protocol::link::Pin;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::PrivatePkcs8KeyDer;
use sha2::{Digest, Sha256};

use super::BareError;

/// A self-signed certificate over an Ed25519 key, and the pin that a client holds it against.
pub(super) struct Identity {
    pub(super) tls: Arc<rustls::ServerConfig>,
    pub(super) pin: Pin,
}

impl Identity {
    pub(super) fn make() -> Result<Self, BareError> {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519)?;
        let certificate =
            rcgen::CertificateParams::new(vec!["parlor".to_owned()])?.self_signed(&key)?;
        let pin = Pin(Sha256::digest(rcgen::PublicKeyData::subject_public_key_info(&key)).into());
        let mut tls = rustls::ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )?;
        tls.alpn_protocols = vec![ALPN.to_vec()];
        // One ticket a handshake: clients of the load use one at most.
        tls.send_tls13_tickets = 1;
        tls.ignore_client_order = true;
        Ok(Self {
            tls: Arc::new(tls),
            pin,
        })
    }
}

/// ring with AES-128-GCM first: the SHA-384 suites cost an eighth of a handshake more.
fn provider() -> Arc<CryptoProvider> {
    use ring::cipher_suite::{
        TLS13_AES_128_GCM_SHA256, TLS13_AES_256_GCM_SHA384, TLS13_CHACHA20_POLY1305_SHA256,
    };
    Arc::new(CryptoProvider {
        cipher_suites: vec![
            TLS13_AES_128_GCM_SHA256,
            TLS13_CHACHA20_POLY1305_SHA256,
            TLS13_AES_256_GCM_SHA384,
        ],
        ..ring::default_provider()
    })
}
