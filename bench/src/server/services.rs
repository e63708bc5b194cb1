//! What a cluster's nodes share, and what it uses under load.

use std::time::Duration;

use parlor_services::shared::{Shared, SharedError};

use crate::measure::{family_cpu, sample};

/// A test's database waits for no disk; one that is measured does, as SQLite beside it.
const SETTINGS: [&str; 5] = [
    "fsync=on",
    "full_page_writes=on",
    "shared_buffers=256MB",
    "max_connections=200",
    // As on a database that people rely on: no checkpoint within the window.
    "max_wal_size=2GB",
];

/// PostgreSQL and Redis, running. They end with this.
#[derive(Debug)]
pub struct Services {
    pub(super) shared: Shared,
}

/// What both used, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServicesSample {
    /// Of all of PostgreSQL's processes since their start.
    pub postgres_cpu: Duration,
    pub redis_cpu: Duration,
    /// Connections of all nodes to the database, as PostgreSQL counts them.
    pub db_connections: Option<u64>,
    /// What Redis holds, and the most it held.
    pub redis_bytes: Option<u64>,
    pub redis_peak_bytes: Option<u64>,
}

impl Services {
    /// Starts both, without a cluster on them.
    pub(super) async fn start() -> Result<Self, SharedError> {
        let shared = Shared::start(&SETTINGS).await?;
        Ok(Self { shared })
    }

    /// What both have used so far.
    pub async fn look(&self) -> ServicesSample {
        let Shared {
            postgres, redis, ..
        } = &self.shared;
        // First, so that asking is not counted.
        let postgres_cpu = family_cpu(&postgres.process_ids());
        let redis_cpu = redis.process_id().and_then(sample).map(|it| it.cpu);
        let memory = redis.command(&["INFO", "memory"]).await;
        let memory = memory.unwrap_or_default();
        let count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                     AND pid <> pg_backend_pid()";
        let connections = postgres.sql(self.shared.database(), count).await;
        ServicesSample {
            postgres_cpu,
            redis_cpu: redis_cpu.unwrap_or_default(),
            db_connections: connections.ok().and_then(|count| count.parse().ok()),
            redis_bytes: line(&memory, "used_memory:"),
            redis_peak_bytes: line(&memory, "used_memory_peak:"),
        }
    }
}

fn line(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    value.trim().parse().ok()
}

#[cfg(test)]
mod heavy {
    use super::*;

    #[tokio::test]
    async fn both_run_wait_for_their_disk_and_can_be_looked_at() {
        let services = Services::start().await.unwrap();
        let Shared { postgres, .. } = &services.shared;
        for setting in ["fsync", "full_page_writes"] {
            let sql = format!("SHOW {setting}");
            let shown = postgres.sql(services.shared.database(), &sql).await;
            assert_eq!(shown.unwrap(), "on", "{setting}");
        }
        let seen = services.look().await;
        assert!(seen.postgres_cpu > Duration::ZERO, "{seen:?}");
        assert_eq!(seen.db_connections, Some(0));
        assert!(seen.redis_bytes.is_some_and(|bytes| bytes > 0), "{seen:?}");
        assert!(seen.redis_peak_bytes >= seen.redis_bytes, "{seen:?}");
        services.shared.end().await;
    }
}
