//! How the database is reached, and the bounds of every wait for it.

use std::fmt;
use std::time::Duration;

/// Connections of one node at most: three nodes fit the hundred that PostgreSQL takes by default.
const CONNECTIONS: u32 = 30;
/// Longest wait for a connection.
const ACQUIRE_WITHIN: Duration = Duration::from_secs(5);
/// When an unused connection is closed.
const IDLE: Duration = Duration::from_secs(30);
/// Longest that the database works on one statement, waiting for locks included.
pub(super) const STATEMENT_WITHIN: Duration = Duration::from_secs(30);
/// Longest that the database lets a transaction stand without a statement: its node is stuck or
/// gone, and the room that it holds must not be.
const STANDING_WITHIN: Duration = Duration::from_secs(10);

/// Where PostgreSQL is and what a node takes of it.
#[derive(Clone)]
pub struct PostgresSettings {
    /// `postgres://user:password@host:5432/database`, with libpq's parameters behind a `?`.
    pub url: String,
    /// URLs of streaming replicas of it, with the same database: rooms are read there where a replica
    /// has come as far as this node knows the room.
    pub replicas: Vec<String>,
    /// Over all pools of this node that reach the primary.
    pub connections: u32,
    pub acquire_within: Duration,
    pub idle: Duration,
    pub statement_within: Duration,
    pub standing_within: Duration,
}

impl PostgresSettings {
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            replicas: Vec::new(),
            connections: CONNECTIONS,
            acquire_within: ACQUIRE_WITHIN,
            idle: IDLE,
            statement_within: STATEMENT_WITHIN,
            standing_within: STANDING_WITHIN,
        }
    }

    /// Connections that only append uses: a third, so that reads never starve it, nor it them.
    pub(super) fn for_appends(&self) -> u32 {
        (self.connections / 3).max(1)
    }

    pub(super) fn for_others(&self) -> u32 {
        self.connections.saturating_sub(self.for_appends()).max(1)
    }
}

/// URLs may hold passwords.
impl fmt::Debug for PostgresSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresSettings")
            .field("replicas", &self.replicas.len())
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}
