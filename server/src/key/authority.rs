//! A certificate by a CA, from files that somebody else renews.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::KeyError;
use super::tls::{Resolver, provider};
use crate::config::Certificate;
use crate::ops::Metrics;

/// How often the files are looked at; a renewal has weeks.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(10);

pub(super) fn files(certificate: &Certificate) -> Option<(&Path, &Path)> {
    Some((
        certificate.file.as_deref()?,
        certificate.key_file.as_deref()?,
    ))
}

pub(super) fn load(file: &Path, key_file: &Path) -> Result<CertifiedKey, KeyError> {
    let damaged = |path: &Path, what, problem: String| KeyError::Damaged {
        path: path.to_owned(),
        what,
        problem,
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&read(file)?)
        .collect::<Result<_, _>>()
        .map_err(|error| damaged(file, "certificate", error.to_string()))?;
    if chain.is_empty() {
        let problem = "no CERTIFICATE section".to_owned();
        return Err(damaged(file, "certificate", problem));
    }
    let key = PrivateKeyDer::from_pem_slice(&read(key_file)?)
        .map_err(|error| damaged(key_file, "private key", error.to_string()))?;
    CertifiedKey::from_der(chain, key, &provider()).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => KeyError::Mismatch {
            certificate: file.to_owned(),
            key: key_file.to_owned(),
        },
        other => damaged(key_file, "certificate and key", other.to_string()),
    })
}

fn read(path: &Path) -> Result<Vec<u8>, KeyError> {
    fs::read(path).map_err(|error| KeyError::Unreadable {
        path: path.to_owned(),
        error,
    })
}

/// Takes changed certificate files while the server runs; keeps the old ones when they are bad.
#[derive(Debug)]
pub struct Reloader {
    file: PathBuf,
    key_file: PathBuf,
    seen: [Option<Stamp>; 2],
    resolver: Arc<Resolver>,
    metrics: Arc<Metrics>,
}

/// What tells one content of a file from another without reading it.
type Stamp = (SystemTime, u64);

impl Reloader {
    pub(super) fn new(
        file: PathBuf,
        key_file: PathBuf,
        resolver: Arc<Resolver>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let seen = [stamp(&file), stamp(&key_file)];
        Self {
            file,
            key_file,
            seen,
            resolver,
            metrics,
        }
    }

    /// Looks again and again until the future is dropped.
    pub async fn run(mut self) {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            match self.look() {
                None => {}
                Some(Ok(())) => {
                    tracing::info!(file = %self.file.display(), "new certificate in force")
                }
                Some(Err(error)) => {
                    tracing::error!(%error, "the changed certificate cannot be used; the old one stays in force");
                }
            }
        }
    }

    /// Takes the files if one has changed since the last look; `None` when none has.
    pub fn look(&mut self) -> Option<Result<(), KeyError>> {
        let now = [stamp(&self.file), stamp(&self.key_file)];
        if now == self.seen {
            return None;
        }
        // A renewal in progress, half written, changes the files once more: looked at again then.
        self.seen = now;
        let loaded = load(&self.file, &self.key_file).map(|shown| self.resolver.show(shown));
        match &loaded {
            Ok(()) => self.metrics.certificate_reloads.add(1),
            Err(_) => self.metrics.certificate_failures.add(1),
        }
        Some(loaded)
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}
