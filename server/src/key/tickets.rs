//! TLS tickets that every node of a cluster opens, so that a session resumes on whichever node its
//! client comes to.
//!
//! Alone, a server keeps TLS sessions in its memory (`tls`): a ticket is a name there, used once.
//! The nodes of a cluster share no memory, so theirs carry the session sealed. The keys derive from
//! the cluster's secret and the day, by the nodes' own clocks: nothing is exchanged, nothing is
//! stored, and a clock that is off by hours does no harm. Resumption here always makes a fresh key
//! exchange beside the ticket's secret, so whoever learns a ticket key later reads no old traffic.
//! Early data stays off: rustls takes it with kept sessions only, and requests must not be repeated.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use rustls::server::ProducesTickets;

/// How long one key is in force, seconds.
const DAY_S: u64 = 24 * 3600;
/// Life of a ticket as told to clients, seconds: its key is known for the rest of its day and all of
/// the next one.
const LIFETIME_S: u32 = 24 * 3600;
/// Sets this use of the cluster's secret apart from all others.
const PURPOSE: &[u8] = b"parlor tls tickets 1";
/// Bytes of the day that begins a ticket.
const DAY_BYTES: usize = 4;
/// Longest ticket looked at, bytes: ours take about two hundred. What is longer would only give
/// somebody who guesses keys more of them to try at once.
const TICKET_BYTES: usize = 2 * 1024;

/// What seals TLS sessions for the clients of a cluster with this secret.
pub fn tickets(secret: &[u8; 32]) -> Arc<dyn ProducesTickets> {
    Arc::new(Tickets::new(secret, system_now_s))
}

struct Tickets<C> {
    root: hmac::Key,
    now_s: C,
}

impl<C: Fn() -> u64 + Send + Sync> Tickets<C> {
    fn new(secret: &[u8; 32], now_s: C) -> Self {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let root = hmac::sign(&secret, PURPOSE);
        Self {
            root: hmac::Key::new(hmac::HMAC_SHA256, root.as_ref()),
            now_s,
        }
    }

    fn today(&self) -> u32 {
        u32::try_from((self.now_s)() / DAY_S).unwrap_or(u32::MAX)
    }

    /// The key of a day; made anew at each use, which costs a microsecond and leaves nothing behind.
    fn key(&self, day: u32) -> Option<LessSafeKey> {
        let bytes = hmac::sign(&self.root, &day.to_be_bytes());
        let key = UnboundKey::new(&CHACHA20_POLY1305, bytes.as_ref()).ok()?;
        Some(LessSafeKey::new(key))
    }
}

impl<C: Fn() -> u64 + Send + Sync> ProducesTickets for Tickets<C> {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        LIFETIME_S
    }

    /// `u32 day | nonce | sealed`.
    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let day = self.today();
        // At random: nodes share the key and cannot share a counter.
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).ok()?;
        let head = day.to_be_bytes();
        let mut ticket = Vec::with_capacity(TICKET_BYTES);
        ticket.extend_from_slice(&head);
        ticket.extend_from_slice(&nonce);
        let mut sealed = plain.to_vec();
        self.key(day)?
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(head),
                &mut sealed,
            )
            .ok()?;
        ticket.extend_from_slice(&sealed);
        (ticket.len() <= TICKET_BYTES).then_some(ticket)
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        if ticket.len() > TICKET_BYTES {
            return None;
        }
        let (head, rest) = ticket.split_first_chunk::<DAY_BYTES>()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>()?;
        let day = u32::from_be_bytes(*head);
        // Yesterday's, and tomorrow's of a node whose clock is ahead.
        if day.abs_diff(self.today()) > 1 {
            return None;
        }
        let mut opened = sealed.to_vec();
        let plain = self.key(day)?.open_in_place(
            Nonce::assume_unique_for_key(*nonce),
            Aad::from(*head),
            &mut opened,
        );
        let length = plain.ok()?.len();
        opened.truncate(length);
        Some(opened)
    }
}

impl<C> fmt::Debug for Tickets<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tickets(…)")
    }
}

fn system_now_s() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests;
