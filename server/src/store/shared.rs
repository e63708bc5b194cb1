//! What the stores share: a batch is decided in the same way whatever the database, on what was
//! looked up, and gives the same rows to write.

pub(super) mod batch;
pub(super) mod cache;
pub(super) mod clock;
pub(super) mod collect;
pub(super) mod epoch;
pub(super) mod found;
pub(super) mod nodes;
pub(super) mod split;
pub(super) mod write;
