//! TLS tickets of one installation, for handshakes without certificates.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;

/// Keeps the newest tickets, whichever node gave them: nodes of an installation share their ticket
/// keys. The library's own store keeps eight a server name, which a thousand links outrun.
pub(super) struct Tickets {
    bound: usize,
    used: AtomicU64,
    kept: Mutex<VecDeque<Tls13ClientSessionValue>>,
}

impl Tickets {
    pub(super) fn new(bound: usize) -> Self {
        Self {
            bound,
            used: AtomicU64::new(0),
            kept: Mutex::default(),
        }
    }

    /// Tickets that were shown to a server so far.
    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, VecDeque<Tls13ClientSessionValue>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Tickets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tickets")
            .field("kept", &self.kept().len())
            .finish()
    }
}

impl ClientSessionStore for Tickets {
    // Both sides put X25519 first, so there is nothing to remember.
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }

    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        let mut kept = self.kept();
        if kept.len() >= self.bound {
            kept.pop_front();
        }
        kept.push_back(ticket);
    }

    // Taken, never shown twice: a ticket used again would let an onlooker join two links.
    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        let ticket = self.kept().pop_back()?;
        self.used.fetch_add(1, Ordering::Relaxed);
        Some(ticket)
    }
}
