//! The number of a database's life.

use parlor_protocol::Epoch;

use crate::store::{Result, StoreError};

pub(in crate::store) fn random_epoch() -> Result<Epoch> {
    let mut bits = [0; 8];
    getrandom::fill(&mut bits).map_err(|error| StoreError::Away(error.to_string()))?;
    Ok(Epoch::from_random(u64::from_ne_bytes(bits)))
}
