//! To come.
use super::world::Factory;
pub const SEEDS: u64 = 1;
pub async fn follow(_factory: &impl Factory, _seed: u64) {}
