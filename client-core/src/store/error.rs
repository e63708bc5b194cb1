use std::path::PathBuf;

/// Why the store did not do it. Nothing of the call took effect.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the disk is full: nothing new can be kept; free some space, what is unsent is safe")]
    Full,
    #[error(
        "{path:?} is damaged ({reason}): move it away to start a new one; what it holds unsent is in it"
    )]
    Damaged { path: PathBuf, reason: String },
    #[error(
        "{path:?} was written by a newer program (schema {found}, this one knows {known}): update this program"
    )]
    Newer {
        path: PathBuf,
        found: i64,
        known: i64,
    },
    #[error("{path:?} cannot be opened ({reason}): check its owner, its permissions and the disk")]
    Unreachable { path: PathBuf, reason: String },
    #[error("other programs kept the store busy for too long; try again")]
    Busy,
    #[error("the store refused: {0}")]
    Statement(String),
    #[error("the store was closed")]
    Closed,
}

impl StoreError {
    /// Stable name, for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Full => "storage_full",
            Self::Damaged { .. } => "store_damaged",
            Self::Newer { .. } => "store_newer",
            Self::Unreachable { .. } => "store_unreachable",
            Self::Busy => "store_busy",
            Self::Statement(_) => "store_failed",
            Self::Closed => "closed",
        }
    }
}
