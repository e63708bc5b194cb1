//! The session's secret, in a file that only its owner can read (0600).
//!
//! A file rather than the desktop's secret store: that one needs a session bus and an unlocked
//! keyring, which ssh, cron and a pipe have not, and the crates for it bring system libraries. The
//! seam for it is this type.
//!
//! A server that offers a new token keeps the old one good until the new one is used. Several
//! processes of a profile may be offered different ones at a time, so the file is a short list of
//! candidates, the newest first: whoever enters tries them in turn, and what worked puts an end to
//! those before it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use parlor_protocol::hello::Token;
use serde::{Deserialize, Serialize};

/// Tokens kept: the one that works, and what twenty processes of one profile were offered in the
/// same moment; the server knows only its last offer, which is not always the last one written.
pub const MAX_CANDIDATES: usize = 32;

/// Why the session's secret cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error(
        "the session cannot be kept in {path:?} ({error}): check its owner, its permissions and the disk"
    )]
    File { path: PathBuf, error: io::Error },
    #[error("{path:?} holds no session that this program can read: remove it and log in again")]
    Unreadable { path: PathBuf },
}

impl SecretError {
    /// Stable name, for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::File { .. } => "secret_file",
            Self::Unreadable { .. } => "secret_unreadable",
        }
    }
}

/// The file of one profile's session.
#[derive(Clone, Debug)]
pub struct SessionFile {
    path: PathBuf,
}

/// As it stands in the file. Tokens are hexadecimal.
#[derive(Default, Serialize, Deserialize)]
struct Stored {
    tokens: Vec<String>,
}

impl SessionFile {
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The tokens to try, the likeliest first; none: nobody is logged in.
    pub fn candidates(&self) -> Result<Vec<Token>, SecretError> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.failed(error)),
        };
        let unreadable = || SecretError::Unreadable {
            path: self.path.clone(),
        };
        let stored: Stored = serde_json::from_str(&text).map_err(|_| unreadable())?;
        stored
            .tokens
            .iter()
            .map(|hex| token(hex).ok_or_else(unreadable))
            .collect()
    }

    /// A new session begins.
    pub fn begin(&self, token: &Token) -> Result<(), SecretError> {
        let _lock = self.lock()?;
        self.write(std::slice::from_ref(token))
    }

    /// `used` let somebody in, after `refused` had not; perhaps a new token was offered. The rest
    /// of the list was put there by another process meanwhile and stays. However many offers there
    /// are, `used` is kept: it is good until one of them is used.
    pub fn entered(
        &self,
        used: &Token,
        refused: &[Token],
        offered: Option<&Token>,
    ) -> Result<(), SecretError> {
        let _lock = self.lock()?;
        let before = self.candidates()?;
        // Meanwhile somebody logged out or in anew, or another process entered by a newer token,
        // which voids this one: what stands there stays.
        let Some(at) = before.iter().position(|token| token == used) else {
            return Ok(());
        };
        // What stands behind the used one is older and void.
        let newer = before.iter().take(at);
        let kept = newer.filter(|token| !refused.contains(token));
        let mut after: Vec<Token> = offered.into_iter().chain(kept).cloned().collect();
        after.truncate(MAX_CANDIDATES - 1);
        after.push(used.clone());
        if after == before {
            Ok(())
        } else {
            self.write(&after)
        }
    }

    /// The session is over.
    pub fn remove(&self) -> Result<(), SecretError> {
        let _lock = self.lock()?;
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.failed(error)),
            _ => Ok(()),
        }
    }

    fn write(&self, tokens: &[Token]) -> Result<(), SecretError> {
        let stored = Stored {
            tokens: tokens
                .iter()
                .map(|token| HEXLOWER.encode(&token.0))
                .collect(),
        };
        let text = serde_json::to_string(&stored).map_err(|error| self.failed(error.into()))?;
        replace_file(&self.path, text.as_bytes()).map_err(|error| self.failed(error))
    }

    /// Held for some milliseconds by whoever changes the file.
    fn lock(&self) -> Result<File, SecretError> {
        let path = self.path.with_extension("lock");
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path);
        let file = file.map_err(|error| self.failed(error))?;
        file.lock().map_err(|error| self.failed(error))?;
        Ok(file)
    }

    fn failed(&self, error: io::Error) -> SecretError {
        SecretError::File {
            path: self.path.clone(),
            error,
        }
    }
}

fn token(hex: &str) -> Option<Token> {
    let bytes = HEXLOWER.decode(hex.as_bytes()).ok()?;
    bytes.try_into().ok().map(Token)
}

/// Puts a whole new file in the old one's place, readable by its owner alone: a crash leaves the
/// one or the other.
pub(crate) fn replace_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let beside = PathBuf::from(beside);
    let written = (|| {
        let mut file = private_file(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    })();
    written.inspect_err(|_| {
        // Best effort: what remains is a spare file in the owner's own folder.
        let _ = fs::remove_file(&beside);
    })
}

#[cfg(unix)]
fn private_file(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    File::options()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path)
}

#[cfg(not(unix))]
fn private_file(path: &Path) -> io::Result<File> {
    File::options()
        .create(true)
        .truncate(true)
        .write(true)
        .open(path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn file() -> (tempfile::TempDir, SessionFile) {
        let folder = tempfile::tempdir().unwrap();
        let file = SessionFile::new(folder.path().join("session"));
        (folder, file)
    }

    fn token(byte: u8) -> Token {
        Token([byte; 32])
    }

    #[test]
    fn nobody_is_logged_in_until_a_session_begins_and_after_it_ended() {
        let (_folder, file) = file();
        assert_eq!(file.candidates().unwrap(), []);
        file.begin(&token(1)).unwrap();
        assert_eq!(file.candidates().unwrap(), [token(1)]);
        file.remove().unwrap();
        file.remove().unwrap();
        assert_eq!(file.candidates().unwrap(), []);
    }

    #[test]
    fn the_old_token_stays_until_the_new_one_was_used() {
        let (_folder, file) = file();
        file.begin(&token(1)).unwrap();
        file.entered(&token(1), &[], Some(&token(2))).unwrap();
        assert_eq!(file.candidates().unwrap(), [token(2), token(1)]);
        file.entered(&token(2), &[], None).unwrap();
        assert_eq!(file.candidates().unwrap(), [token(2)]);
    }

    #[test]
    fn an_offer_whose_reply_was_lost_leaves_the_old_token_in_use() {
        let (_folder, file) = file();
        file.begin(&token(1)).unwrap();
        file.entered(&token(1), &[], None).unwrap();
        assert_eq!(file.candidates().unwrap(), [token(1)]);
    }

    #[test]
    fn of_two_offers_at_a_time_the_one_that_works_wins() {
        let (_folder, file) = file();
        file.begin(&token(1)).unwrap();
        // Two processes entered by the same token; the server knows only its last offer.
        file.entered(&token(1), &[], Some(&token(3))).unwrap();
        file.entered(&token(1), &[], Some(&token(2))).unwrap();
        assert_eq!(file.candidates().unwrap(), [token(2), token(3), token(1)]);
        file.entered(&token(3), &[token(2)], None).unwrap();
        assert_eq!(file.candidates().unwrap(), [token(3)]);
    }

    #[test]
    fn however_many_are_offered_at_a_time_the_one_that_works_stays() {
        let (_folder, file) = file();
        file.begin(&token(1)).unwrap();
        for offer in 2..100 {
            file.entered(&token(1), &[], Some(&token(offer))).unwrap();
        }
        let candidates = file.candidates().unwrap();
        assert!(candidates.len() <= MAX_CANDIDATES);
        assert_eq!(candidates.first(), Some(&token(99)));
        assert_eq!(candidates.last(), Some(&token(1)));
    }

    #[test]
    fn late_entries_by_a_token_that_is_void_do_not_push_out_the_one_in_use() {
        let (_folder, file) = file();
        file.begin(&token(1)).unwrap();
        file.entered(&token(1), &[], Some(&token(2))).unwrap();
        file.entered(&token(2), &[], None).unwrap();
        // They entered before the second token was used, and come to write it down only now.
        for offer in 3..100 {
            file.entered(&token(1), &[], Some(&token(offer))).unwrap();
        }
        assert_eq!(file.candidates().unwrap(), [token(2)]);
    }

    #[test]
    fn an_entry_that_ends_after_the_log_out_brings_nothing_back() {
        let (_folder, file) = file();
        file.begin(&token(1)).unwrap();
        file.remove().unwrap();
        file.entered(&token(1), &[], Some(&token(2))).unwrap();
        assert_eq!(file.candidates().unwrap(), []);
    }

    #[cfg(unix)]
    #[test]
    fn it_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let (_folder, file) = file();
        file.begin(&token(1)).unwrap();
        let mode = fs::metadata(&file.path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_file_of_another_kind_is_refused_with_what_to_do() {
        let (_folder, file) = file();
        fs::write(&file.path, "{\"tokens\":[\"xyz\"]}").unwrap();
        let error = file.candidates().unwrap_err();
        assert!(error.to_string().contains("log in again"), "{error}");
    }
}
