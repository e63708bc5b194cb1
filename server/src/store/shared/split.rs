//! What becomes of a batch that a database refuses.

use parlor_protocol::{Code, Refusal};

use crate::store::StoreError;

/// Both halves, the first one on top.
pub(in crate::store) fn halves<T>(mut batch: Vec<T>) -> [(Vec<T>, bool); 2] {
    let second = batch.split_off(batch.len() / 2);
    [(second, true), (batch, true)]
}

/// What each command of a batch hears whose transaction failed while others took effect.
pub(in crate::store) fn refusal(error: &StoreError) -> Refusal {
    Refusal::new(match error {
        StoreError::Full => Code::STORAGE_FULL,
        StoreError::Away(_) | StoreError::TimedOut(_) => Code::STORAGE_AWAY,
        StoreError::Damaged(_) | StoreError::Newer { .. } | StoreError::Statement(_) => {
            Code::INTERNAL
        }
    })
}
