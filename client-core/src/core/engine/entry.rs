//! How the next dial enters: by which token, and what its first flight asks.

use std::sync::{Mutex, PoisonError};

use parlor_protocol::hello::{Enter, Token};
use parlor_protocol::session::Entry;
use parlor_protocol::sync::SyncUser;
use parlor_protocol::{Code, Extensions, Refusal};

use crate::net::{ConnectError, Flight, hello};
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
    ///
    /// # Errors
    /// The file cannot be read now, which says nothing about the session; or it holds no token that
    /// may be good, which is the session's end.
    pub(super) fn flight(&self) -> Result<Flight, ConnectError> {
        let candidates = self
            .session
            .candidates()
            .map_err(|error| ConnectError::NoEntry {
                code: error.code(),
                why: error.to_string(),
            })?;
        let mut now = self.now();
        now.used = candidates
            .into_iter()
            .find(|token| !now.refused.contains(token));
        let ended = || ConnectError::Entry(Refusal::new(Code::SESSION_ENDED));
        let token = now.used.clone().ok_or_else(ended)?;
        let entry = Entry::Token(Enter {
            token,
            ext: Extensions::NONE,
        });
        let mut flight = Flight::new(&hello(&self.client, now.epoch), &entry);
        now.sync = Some(flight.request(&SyncUser {
            since: now.user_rev,
            ext: Extensions::NONE,
        }));
        Ok(flight)
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
    pub(super) fn refused(&self) -> Result<bool, SecretError> {
        let mut now = self.now();
        let used = now.used.take();
        now.refused.extend(used);
        let candidates = self.session.candidates()?;
        Ok(candidates.iter().any(|token| !now.refused.contains(token)))
    }

    /// Another session begins.
    pub(super) fn start_over(&self) {
        *self.now() = Now::default();
    }

    fn now(&self) -> std::sync::MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn plan() -> (tempfile::TempDir, SessionFile, EntryPlan) {
        let folder = tempfile::tempdir().unwrap();
        let session = SessionFile::new(folder.path().join("session"));
        let plan = EntryPlan::new(session.clone(), "test 0".to_owned());
        (folder, session, plan)
    }

    #[test]
    fn tokens_are_tried_in_turn_until_none_is_left() {
        let (_folder, session, plan) = plan();
        let (old, new) = (Token([1; 32]), Token([2; 32]));
        session.begin(&old).unwrap();
        session.entered(&old, &[], Some(&new)).unwrap();
        plan.flight().unwrap();
        assert_eq!(plan.now().used, Some(new.clone()));
        assert!(plan.refused().unwrap());
        plan.flight().unwrap();
        assert_eq!(plan.now().used, Some(old));
        assert!(!plan.refused().unwrap());
        let ended = plan.flight().unwrap_err();
        assert!(
            matches!(&ended, ConnectError::Entry(refusal) if refusal.code == Code::SESSION_ENDED),
            "{ended}"
        );
    }

    #[test]
    fn a_file_that_cannot_be_read_sends_nothing_and_ends_nothing() {
        let (folder, session, plan) = plan();
        session.begin(&Token([1; 32])).unwrap();
        plan.flight().unwrap();
        // What reads it now meets a folder.
        let (there, away) = (folder.path().join("session"), folder.path().join("away"));
        std::fs::rename(&there, &away).unwrap();
        std::fs::create_dir(&there).unwrap();
        let failed = plan.flight().unwrap_err();
        assert!(
            matches!(&failed, ConnectError::NoEntry { code: "secret_file", why } if why.contains("session")),
            "{failed}"
        );
        assert!(plan.refused().is_err());
        std::fs::remove_dir(&there).unwrap();
        std::fs::rename(&away, &there).unwrap();
        plan.start_over();
        plan.flight().unwrap();
    }
}
