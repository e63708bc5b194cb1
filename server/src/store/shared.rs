//! What the stores share. A batch is decided in the same way whatever the database, on what was
//! looked up, and gives the same rows to write; rows that were read become the same replies. A
//! database's own files hold its statements and how it runs them.

pub(super) mod account;
pub(super) mod batch;
pub(super) mod cache;
pub(super) mod changes;
pub(super) mod clock;
pub(super) mod collect;
pub(super) mod columns;
pub(super) mod delegate;
pub(super) mod epoch;
pub(super) mod erase;
pub(super) mod found;
pub(super) mod nodes;
pub(super) mod own;
pub(super) mod page;
pub(super) mod prune;
pub(super) mod rows;
pub(super) mod schema;
pub(super) mod split;
pub(super) mod tables;
pub(super) mod write;
