//! Passwords: argon2id, off the async threads, behind a bounded gate.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use parlor_protocol::hello::Password;
use parlor_protocol::limit::PASSWORD_BYTES;
use parlor_protocol::{Code, Refusal};
use tokio::sync::Semaphore;

use crate::ops::metrics::Metrics;

/// Memory of one hash, KiB.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Log-ins that wait for the gate. At some 40 a second and core the last waits half a minute,
/// well inside the time a link has to enter; each costs no more than its password.
const WAITING_MAX: usize = 2_048;
/// A hash that no password fits, at the same work: what a password for an unknown name is compared
/// with, and the hash of accounts that nobody enters by password.
pub const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Why no answer was given about a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    #[error("too many log-ins wait already")]
    Busy,
    #[error("password hashing failed: {0}")]
    Failed(String),
}

impl From<GateError> for Refusal {
    fn from(error: GateError) -> Self {
        match error {
            GateError::Busy => Refusal::new(Code::BUSY).retry_after_ms(BUSY_RETRY_MS),
            GateError::Failed(_) => Refusal::new(Code::INTERNAL),
        }
    }
}

/// How long a refused log-in is told to wait, ms.
const BUSY_RETRY_MS: u32 = 5_000;

/// Refuses passwords that are too short or too long.
pub fn check_length(password: &Password) -> Result<(), Refusal> {
    match PASSWORD_BYTES.contains(&password.0.len()) {
        true => Ok(()),
        false => Err(Refusal::new(Code::PASSWORD_INVALID)),
    }
}

/// Lets one hash run per core; the others wait, up to a bound.
#[derive(Debug)]
pub struct Gate {
    running: Arc<Semaphore>,
    waiting: AtomicUsize,
    waiting_max: usize,
    metrics: Arc<Metrics>,
}

impl Gate {
    pub fn new(metrics: Arc<Metrics>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self::with_bounds(cores, WAITING_MAX, metrics)
    }

    fn with_bounds(running: usize, waiting_max: usize, metrics: Arc<Metrics>) -> Self {
        Self {
            running: Arc::new(Semaphore::new(running)),
            waiting: AtomicUsize::new(0),
            waiting_max,
            metrics,
        }
    }

    /// The hash to store, in PHC form.
    pub async fn hash(&self, password: Password) -> Result<String, GateError> {
        self.run(move || hash_now(&password)).await?
    }

    /// Whether the password fits the stored hash; `None` (no such account) takes as long.
    pub async fn verify(
        &self,
        password: Password,
        stored: Option<String>,
    ) -> Result<bool, GateError> {
        self.run(move || verify_now(&password, stored.as_deref()))
            .await?
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, GateError> {
        let waiting = Waiting::enter(self)?;
        let since = Instant::now();
        let running = self.running.clone().acquire_owned().await;
        let running = running.map_err(failed)?;
        drop(waiting);
        self.metrics.password_wait.observe(since.elapsed());
        // The permit goes along: a log-in given up midway still hashes to its end.
        let work = tokio::task::spawn_blocking(move || {
            let _running = running;
            work()
        });
        work.await.map_err(failed)
    }
}

/// One place in the queue; given back also when the log-in is given up.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(gate: &'a Gate) -> Result<Self, GateError> {
        let place = Self(&gate.waiting);
        let before = gate.waiting.fetch_add(1, Ordering::Relaxed);
        if before >= gate.waiting_max {
            gate.metrics.passwords_refused.add(1);
            return Err(GateError::Busy);
        }
        Ok(place)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn argon2() -> Result<Argon2<'static>, GateError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(failed)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Hashes on this thread: for tools that have no other work. Takes about 20 ms.
pub fn hash_now(password: &Password) -> Result<String, GateError> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(failed)?;
    let salt = SaltString::encode_b64(&salt).map_err(failed)?;
    let hash = argon2()?.hash_password(password.0.as_bytes(), &salt);
    Ok(hash.map_err(failed)?.to_string())
}

fn verify_now(password: &Password, stored: Option<&str>) -> Result<bool, GateError> {
    let parsed = PasswordHash::new(stored.unwrap_or(NOBODY)).map_err(failed)?;
    // The parameters are the hash's own, so that those of older accounts still fit.
    match Argon2::default().verify_password(password.0.as_bytes(), &parsed) {
        Ok(()) => Ok(stored.is_some()),
        Err(argon2::password_hash::Error::Password) => Ok(false),
        Err(error) => Err(failed(error)),
    }
}

fn failed(error: impl std::fmt::Display) -> GateError {
    GateError::Failed(error.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn password(text: &str) -> Password {
        Password(text.to_owned())
    }

    fn gate(running: usize, waiting_max: usize) -> Arc<Gate> {
        let metrics = Arc::new(Metrics::default());
        Arc::new(Gate::with_bounds(running, waiting_max, metrics))
    }

    #[tokio::test]
    async fn the_right_password_fits_and_no_other() {
        let gate = gate(1, 8);
        let hash = gate.hash(password("correct horse")).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        let other = gate.hash(password("correct horse")).await.unwrap();
        assert_ne!(hash, other, "each hash has a salt of its own");
        assert!(
            gate.verify(password("correct horse"), Some(hash.clone()))
                .await
                .unwrap()
        );
        assert!(
            !gate
                .verify(password("Correct horse"), Some(hash))
                .await
                .unwrap()
        );
    }

    #[tokio::test]
    async fn an_unknown_name_costs_the_same_work_and_never_fits() {
        let nobody = PasswordHash::new(NOBODY).unwrap();
        let somebody = hash_now(&password("12345678")).unwrap();
        let somebody = PasswordHash::new(&somebody).unwrap();
        assert_eq!(nobody.params, somebody.params);
        assert_eq!(nobody.algorithm, somebody.algorithm);
        assert_eq!(nobody.hash.unwrap().len(), somebody.hash.unwrap().len());
        assert!(!gate(1, 8).verify(password("12345678"), None).await.unwrap());
    }

    #[tokio::test]
    async fn a_full_queue_refuses_and_frees_its_places() {
        let gate = gate(1, 1);
        let held = gate.running.acquire().await.unwrap();
        let queued = tokio::spawn({
            let gate = gate.clone();
            async move { gate.verify(password("12345678"), None).await }
        });
        while gate.waiting.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        let refused = gate.verify(password("12345678"), None).await;
        assert_eq!(refused, Err(GateError::Busy));
        assert_eq!(Refusal::from(GateError::Busy).code, Code::BUSY);
        drop(held);
        assert!(!queued.await.unwrap().unwrap());
        assert_eq!(gate.waiting.load(Ordering::Relaxed), 0);
        assert!(!gate.verify(password("12345678"), None).await.unwrap());
    }

    #[tokio::test]
    async fn a_log_in_given_up_leaves_the_queue() {
        let gate = gate(1, 1);
        let held = gate.running.acquire().await.unwrap();
        let given_up = tokio::select! {
            biased;
            _ = gate.verify(password("12345678"), None) => false,
            () = tokio::task::yield_now() => true,
        };
        assert!(given_up);
        drop(held);
        assert!(gate.verify(password("12345678"), None).await.is_ok());
    }

    #[tokio::test]
    async fn a_damaged_hash_is_an_error_of_the_server_not_a_wrong_password() {
        let gate = gate(1, 1);
        let outcome = gate
            .verify(password("12345678"), Some("plain".into()))
            .await;
        assert!(matches!(outcome, Err(GateError::Failed(_))));
    }

    #[test]
    fn lengths() {
        assert!(check_length(&password("1234567")).is_err());
        assert!(check_length(&password("12345678")).is_ok());
        assert!(check_length(&password(&"x".repeat(256))).is_ok());
        assert!(check_length(&password(&"x".repeat(257))).is_err());
    }
}
