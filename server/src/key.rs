//! Keys and certificates: what clients know the installation by.
//!
//! Without a certificate by a CA the installation has a key of its own, and clients pin it and the
//! one that is next in force, so that keys rotate without a client noticing.

mod authority;
mod own;
mod tickets;
mod tls;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use parlor_protocol::link::Pin;
use rustls::server::ProducesTickets;
use rustls::sign::CertifiedKey;

use crate::config::Certificate;
use crate::data::{Paths, write_private};
use crate::net;
use crate::ops::Metrics;

pub use authority::Reloader;
pub use own::{OwnKeys, rotate};
pub use tickets::tickets;
use tls::Resolver;

/// Why a key or a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("cannot read {}: {error}", path.display())]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("cannot write {}: {error}", path.display())]
    Unwritable { path: PathBuf, error: io::Error },
    #[error("{} holds no usable {what} in PEM form: {problem}", path.display())]
    Damaged {
        path: PathBuf,
        what: &'static str,
        problem: String,
    },
    #[error(
        "the certificate {} and the key {} do not belong together; give the key that the certificate was made for",
        certificate.display(),
        key.display()
    )]
    Mismatch { certificate: PathBuf, key: PathBuf },
    #[error("cannot make a key: {0}")]
    Generate(String),
    #[error("the TLS library refused its settings: {0}")]
    Tls(#[from] rustls::Error),
}

/// What the server shows to its clients.
#[derive(Debug)]
pub struct Identity {
    resolver: Arc<Resolver>,
    /// Of the keys in force and next in force; empty with a certificate by a CA.
    pins: Vec<Pin>,
    certificate: Certificate,
}

impl Identity {
    /// From the certificate in the settings, else from the cluster's keys, else from those in the
    /// data folder, which are made if they are not there.
    pub fn load(
        certificate: &Certificate,
        paths: &Paths,
        shared: Option<&OwnKeys>,
    ) -> Result<Self, KeyError> {
        let own = || match shared {
            Some(keys) => Ok(keys.clone()),
            None => OwnKeys::load(paths),
        };
        let (shown, pins): (CertifiedKey, Vec<Pin>) = match authority::files(certificate) {
            Some((file, key)) => (authority::load(file, key)?, Vec::new()),
            None => {
                let own: OwnKeys = own()?;
                (own.certify()?, own.pins().to_vec())
            }
        };
        Ok(Self {
            resolver: Arc::new(Resolver::new(shown)),
            pins,
            certificate: certificate.clone(),
        })
    }

    /// Pins for the welcome, the one in force first; empty with a certificate by a CA.
    pub fn pins(&self) -> &[Pin] {
        &self.pins
    }

    /// The TLS side of the server. A reloaded certificate shows in handshakes that follow.
    pub fn server_config(&self) -> Result<Arc<rustls::ServerConfig>, KeyError> {
        Ok(Arc::new(tls::server_config(self.resolver.clone())?))
    }

    /// The same for a node of a cluster: sessions resume on every node whose tickets open alike (see
    /// [`tickets`]), so that none are kept here.
    pub fn cluster_config(
        &self,
        tickets: Arc<dyn ProducesTickets>,
    ) -> Result<Arc<rustls::ServerConfig>, KeyError> {
        let mut config = tls::server_config(self.resolver.clone())?;
        config.ticketer = tickets;
        Ok(Arc::new(config))
    }

    /// What takes changed certificate files; `None` where there are none.
    pub fn reloader(&self, metrics: Arc<Metrics>) -> Option<Reloader> {
        let (file, key) = authority::files(&self.certificate)?;
        Some(Reloader::new(
            file.to_owned(),
            key.to_owned(),
            self.resolver.clone(),
            metrics,
        ))
    }
}

/// Keys of this node alone, the same after each start, so that clients believe its resets. Made if
/// they are not in the data folder.
pub fn node_keys(paths: &Paths) -> Result<net::Keys, KeyError> {
    Ok(net::Keys {
        reset: fixed(paths.reset_key())?,
        connection_ids: u64::from_be_bytes(fixed(paths.connection_id_key())?),
    })
}

/// The certificate by a CA that the settings name, checked against its key; `None` where they name
/// none.
pub fn certificate_der(certificate: &Certificate) -> Result<Option<Vec<u8>>, KeyError> {
    let Some((file, key_file)) = authority::files(certificate) else {
        return Ok(None);
    };
    let shown = authority::load(file, key_file)?;
    Ok(shown.cert.first().map(|certificate| certificate.to_vec()))
}

/// Random bytes that are made once and kept in a file.
fn fixed<const BYTES: usize>(path: PathBuf) -> Result<[u8; BYTES], KeyError> {
    match std::fs::read(&path) {
        Ok(bytes) => bytes
            .try_into()
            .map_err(|bytes: Vec<u8>| KeyError::Damaged {
                path,
                what: "key",
                problem: format!("it is {} bytes long instead of {BYTES}", bytes.len()),
            }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut bytes = [0; BYTES];
            getrandom::fill(&mut bytes).map_err(|error| KeyError::Generate(error.to_string()))?;
            match write_private(&path, &bytes) {
                Ok(()) => Ok(bytes),
                Err(error) => Err(KeyError::Unwritable { path, error }),
            }
        }
        Err(error) => Err(KeyError::Unreadable { path, error }),
    }
}

#[cfg(test)]
mod tests;
