//! The rules, each family in a file of its own.

pub(super) mod database;
pub(super) mod delivery;
pub(super) mod marker;
pub(super) mod membership;
pub(super) mod order;
pub(super) mod outbox;
pub(super) mod view;
