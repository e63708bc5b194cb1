//! The installation's own keys: Ed25519, the one in force and the next.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use parlor_protocol::link::Pin;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PublicKeyData};
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};

use super::{KeyError, tls};
use crate::data::{Paths, sync_folder, write_private};

/// The name in the certificate; clients look at the key, not at it.
const NAME: &str = "parlor";

/// The key in force and the next. Never shown.
#[derive(Clone)]
pub struct OwnKeys {
    current: String,
    next: String,
    pins: [Pin; 2],
}

impl OwnKeys {
    /// From the data folder, made if they are not there.
    pub(super) fn load(paths: &Paths) -> Result<Self, KeyError> {
        let [current, next] = [read_or_make(paths.key())?, read_or_make(paths.next_key())?];
        Ok(Self::new(&current, &next))
    }

    /// A new pair.
    pub fn generate() -> Result<Self, KeyError> {
        Ok(Self::new(&new_key()?, &new_key()?))
    }

    /// `Err`: what is wrong with them, without showing them.
    pub fn from_pem(current: &str, next: &str) -> Result<Self, String> {
        let read = |pem: &str| KeyPair::from_pem(pem).map_err(|error| error.to_string());
        Ok(Self::new(&read(current)?, &read(next)?))
    }

    /// The next one in force, and a new next one.
    pub fn rotated(&self) -> Result<Self, KeyError> {
        let next = KeyPair::from_pem(&self.next).map_err(generate)?;
        Ok(Self::new(&next, &new_key()?))
    }

    /// PEM of both.
    pub fn pems(&self) -> [&str; 2] {
        [&self.current, &self.next]
    }

    /// Pins of both, the one in force first.
    pub fn pins(&self) -> [Pin; 2] {
        self.pins
    }

    fn new(current: &KeyPair, next: &KeyPair) -> Self {
        Self {
            current: current.serialize_pem(),
            next: next.serialize_pem(),
            pins: [pin(current), pin(next)],
        }
    }

    /// The key in force with a fresh certificate.
    pub(super) fn certify(&self) -> Result<CertifiedKey, KeyError> {
        certify(&KeyPair::from_pem(&self.current).map_err(generate)?)
    }
}

impl std::fmt::Debug for OwnKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OwnKeys")
            .field("pins", &self.pins)
            .finish_non_exhaustive()
    }
}

/// Puts the next key in force and makes a new next one. Gives the new pins. A running server goes
/// on with the old key until it starts again.
pub fn rotate(paths: &Paths) -> Result<Vec<Pin>, KeyError> {
    // Makes the next one where a rotation was cut off between its two steps.
    let next = read_or_make(paths.next_key())?;
    let moved = fs::rename(paths.next_key(), paths.key()).and_then(|()| sync_folder(&paths.key()));
    moved.map_err(|error| KeyError::Unwritable {
        path: paths.key(),
        error,
    })?;
    let after = read_or_make(paths.next_key())?;
    Ok(vec![pin(&next), pin(&after)])
}

fn read_or_make(path: PathBuf) -> Result<KeyPair, KeyError> {
    match fs::read_to_string(&path) {
        Ok(pem) => KeyPair::from_pem(&pem).map_err(|error| KeyError::Damaged {
            path,
            what: "private key",
            problem: error.to_string(),
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(&path),
        Err(error) => Err(KeyError::Unreadable { path, error }),
    }
}

fn make(path: &Path) -> Result<KeyPair, KeyError> {
    let key = new_key()?;
    write_private(path, key.serialize_pem().as_bytes()).map_err(|error| KeyError::Unwritable {
        path: path.to_owned(),
        error,
    })?;
    Ok(key)
}

fn new_key() -> Result<KeyPair, KeyError> {
    KeyPair::generate_for(&rcgen::PKCS_ED25519).map_err(generate)
}

fn pin(key: &KeyPair) -> Pin {
    Pin(Sha256::digest(key.subject_public_key_info()).into())
}

fn certify(key: &KeyPair) -> Result<CertifiedKey, KeyError> {
    let mut params = CertificateParams::new([NAME.to_owned()]).map_err(generate)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, NAME);
    let certificate = params.self_signed(key).map_err(generate)?;
    let private = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let chain = vec![certificate.der().clone()];
    Ok(CertifiedKey::from_der(chain, private, &tls::provider())?)
}

fn generate(error: rcgen::Error) -> KeyError {
    KeyError::Generate(error.to_string())
}
