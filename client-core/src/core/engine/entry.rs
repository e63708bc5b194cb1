//! How the next dial enters: by which token, and what its first flight asks.

use std::sync::{Mutex, PoisonError};

use parlor_protocol::Extensions;
use parlor_protocol::hello::{Enter, Token};
use parlor_protocol::session::Entry;
use parlor_protocol::sync::SyncUser;

use crate::net::{Flight, hello};
use crate::secret::{SecretError, SessionFile};

/// Shared by the engine and the supervisor, which asks for a flight at each dial.
#[derive(Debug)]
pub(super) struct EntryPlan {
    session: SessionFile,
    client: String,
    now: Mutex<Now>,
}

#[derive(Debug, Default)]
struct Now {
    epoch: u64,
    user_rev: Option<u64>,
    used: Option<Token>,
    refused: Vec<Token>,
    sync: Option<u32>,
}

impl EntryPlan {
    pub(super) fn new(session: SessionFile, client: String) -> Self {
        Self {
            session,
            client,
            now: Mutex::default(),
        }
    }

    /// What is held, for the next dial.
    pub(super) fn hold(&self, epoch: u64, user_rev: Option<u64>) {
        let mut now = self.now();
        (now.epoch, now.user_rev) = (epoch, user_rev);
    }

    /// A first flight: hello, the likeliest token that was not refused, what changed for the person.
    pub(super) fn flight(&self) -> Flight {
        // A file that cannot be read now enters by a token that nobody has, and the refusal says
        // to log in again.
        let candidates = self.session.candidates().unwrap_or_default();
        let mut now = self.now();
        let token = candidates
            .into_iter()
            .find(|token| !now.refused.contains(token));
        let token = token.unwrap_or(Token([0; 32]));
        now.used = Some(token.clone());
        let entry = Entry::Token(Enter {
            token,
            ext: Extensions::NONE,
        });
        let mut flight = Flight::new(&hello(&self.client, now.epoch), &entry);
        now.sync = Some(flight.request(&SyncUser {
            since: now.user_rev,
            ext: Extensions::NONE,
        }));
        flight
    }

    /// The number of the question in the last flight; once.
    pub(super) fn take_sync(&self, request: u32) -> bool {
        self.now().sync.take_if(|sync| *sync == request).is_some()
    }

    /// The last flight's question does not count: what it was asked from is void.
    pub(super) fn forget_sync(&self) {
        self.now().sync = None;
    }

    /// The token of the last flight let somebody in.
    pub(super) fn entered(&self, offered: Option<&Token>) -> Result<(), SecretError> {
        let (used, refused) = {
            let mut now = self.now();
            (now.used.clone(), std::mem::take(&mut now.refused))
        };
        match used {
            Some(used) => self.session.entered(&used, &refused, offered),
            None => Ok(()),
        }
    }

    /// The token of the last flight was refused; whether another can be tried.
    pub(super) fn refused(&self) -> bool {
        let candidates = self.session.candidates().unwrap_or_default();
        let mut now = self.now();
        let used = now.used.take();
        now.refused.extend(used);
        candidates.iter().any(|token| !now.refused.contains(token))
    }

    /// Another session begins.
    pub(super) fn start_over(&self) {
        *self.now() = Now::default();
    }

    fn now(&self) -> std::sync::MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
