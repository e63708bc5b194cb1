//! The session's secret: a file that only its owner can read.

use std::io;
use std::path::PathBuf;

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
