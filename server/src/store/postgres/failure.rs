//! Why a transaction took no effect, and what may be done about it.

use super::error::{from_sqlx, is_constraint, is_passing};
use crate::store::StoreError;

#[derive(Debug)]
pub(super) enum Failure {
    /// A constraint held: someone of the batch cannot be written as decided.
    Constraint(StoreError),
    /// The same again may succeed at once.
    Passing(StoreError),
    Other(StoreError),
}

impl Failure {
    pub(super) fn into_error(self) -> StoreError {
        let (Self::Constraint(error) | Self::Passing(error) | Self::Other(error)) = self;
        error
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        if is_constraint(&error) {
            return Self::Constraint(from_sqlx(error));
        }
        if is_passing(&error) {
            return Self::Passing(from_sqlx(error));
        }
        Self::Other(from_sqlx(error))
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Other(error)
    }
}
