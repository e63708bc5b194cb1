//! What the nodes of a cluster share: the file, PostgreSQL, Redis, the time.

use super::Finding;
use crate::cluster::{self, ClusterFile, SKEW_MS};
use crate::config::Config;
use crate::database;
use crate::ops::admin::Status;
use crate::redis::{self, Commands, OutputLimit, RedisExamined};
use crate::shard::now_ms;
use crate::store::postgres::{PostgresExamined, examine};

/// Older ones are not tested with.
const OLDEST_VERSION: u32 = 150_000;
/// Subscribers that are cut below this are cut by a burst that a node takes in its stride, bytes.
const PUBSUB_HARD: u64 = 32 * 1024 * 1024;
const PUBSUB_SOFT: u64 = 8 * 1024 * 1024;
/// Connections left to PostgreSQL below which a further node finds too few, parts of a hundred.
const FEW_LEFT: u32 = 10;

/// Nothing for a node alone.
pub(super) async fn examine_all(config: &Config, server: Option<&Status>) -> Vec<Finding> {
    let Some(path) = &config.cluster.file else {
        return Vec::new();
    };
    let cluster = match ClusterFile::read(path) {
        Ok(cluster) => cluster,
        Err(error) => return vec![Finding::problem("cluster", error.to_string())],
    };
    let text = format!("{} is whole, and its owner's alone", path.display());
    let mut findings = vec![Finding::good("cluster", text)];
    let redis = redis::examine(&cluster.redis).await;
    let living = match &redis {
        Ok((examined, commands)) => {
            findings.extend(judge_redis(examined));
            living(&cluster, commands).await
        }
        Err(error) => {
            findings.push(Finding::problem("Redis", error.to_string()));
            None
        }
    };
    let began_ms = now_ms();
    match examine(&database::settings(config, &cluster)).await {
        Ok(examined) => {
            let now = (began_ms + now_ms()) / 2;
            let nodes = nodes(living, server.is_some());
            findings.push(judge_database(&examined));
            findings.push(judge_connections(
                &examined,
                &nodes,
                config.database.connections,
            ));
            findings.push(judge_clock(examined.clock_ms, now));
        }
        Err(error) => {
            let text = format!("the one that the cluster file names: {error}");
            findings.push(Finding::problem("PostgreSQL", text));
        }
    }
    findings
}

async fn living(cluster: &ClusterFile, commands: &Commands) -> Option<u32> {
    cluster::living(cluster, commands).await.ok()
}

/// How many nodes there are, this one included.
struct Nodes {
    count: u32,
    told: String,
}

fn nodes(living: Option<u32>, running: bool) -> Nodes {
    match (living, running) {
        (None, _) => Nodes {
            count: 1,
            told: "this node (the others are not known without Redis)".to_owned(),
        },
        // One that runs here is among them, unless it cannot say so.
        (Some(living), true) => of(living.max(1)),
        (Some(living), false) => of(living.saturating_add(1)),
    }
}

fn of(count: u32) -> Nodes {
    let told = match count {
        1 => "this node".to_owned(),
        count => format!("{count} nodes, this one among them,"),
    };
    Nodes { count, told }
}

fn judge_redis(examined: &RedisExamined) -> Vec<Finding> {
    let version = examined.version.as_deref().unwrap_or("of unknown version");
    vec![
        Finding::good("Redis", format!("{version}, a primary, answers")),
        judge_limit(examined.pubsub_limit),
    ]
}

fn judge_limit(limit: Option<OutputLimit>) -> Finding {
    let check = "Redis";
    let Some(limit) = limit else {
        let text = "does not tell its client-output-buffer-limit (the user needs CONFIG GET); see that it is at least \"pubsub 32mb 8mb 60\"";
        return Finding::warning(check, text);
    };
    let OutputLimit {
        hard_bytes,
        soft_bytes,
        soft_s,
    } = limit;
    let mib = |bytes: u64| bytes / (1024 * 1024);
    let shown = format!(
        "cuts subscribers {} MiB behind, or {} MiB for {soft_s} s",
        mib(hard_bytes),
        mib(soft_bytes)
    );
    let small = |bytes: u64, least: u64| bytes != 0 && bytes < least;
    if small(hard_bytes, PUBSUB_HARD) || small(soft_bytes, PUBSUB_SOFT) {
        let text = format!(
            "{shown}, which a burst of messages reaches; run: redis-cli CONFIG SET client-output-buffer-limit \"pubsub 32mb 8mb 60\", and set it in its file"
        );
        return Finding::warning(check, text);
    }
    let text = match hard_bytes {
        0 => "cuts no subscribers, however far behind".to_owned(),
        _ => shown,
    };
    Finding::good(check, text)
}

fn judge_database(examined: &PostgresExamined) -> Finding {
    let check = "PostgreSQL";
    let version = &examined.version_text;
    if examined.is_replica {
        let text = format!("{version} is a replica, which takes no writes; give the primary's URL");
        return Finding::problem(check, text);
    }
    if examined.version < OLDEST_VERSION {
        let oldest = OLDEST_VERSION / 10_000;
        let text =
            format!("{version} is older than any this is tested with: take {oldest} or newer");
        return Finding::warning(check, text);
    }
    Finding::good(check, format!("{version}, a primary, answers"))
}

fn judge_connections(examined: &PostgresExamined, nodes: &Nodes, each: u32) -> Finding {
    let check = "connections";
    let needed = nodes.count.saturating_mul(each);
    let there = examined.connections.saturating_sub(examined.held_by_others);
    let told = &nodes.told;
    let text = format!(
        "{told} take up to {needed} (database.connections is {each}), PostgreSQL has {there} for them"
    );
    let left = there.saturating_sub(needed);
    if needed > there {
        let text = format!("{text}: raise its max_connections, or lower database.connections");
        return Finding::problem(check, text);
    }
    if left < each && left * 100 < there * FEW_LEFT {
        let text = format!("{text}: there is no room for another node");
        return Finding::warning(check, text);
    }
    Finding::good(check, text)
}

fn judge_clock(database_ms: u64, now_ms: u64) -> Finding {
    let check = "clock";
    let off_ms = database_ms.abs_diff(now_ms);
    if off_ms <= SKEW_MS {
        return Finding::good(check, format!("{off_ms} ms off the database's"));
    }
    let which = match database_ms > now_ms {
        true => "behind",
        false => "ahead of",
    };
    let text = format!(
        "is {off_ms} ms {which} the database's; let both machines keep time by NTP (timedatectl set-ntp true)"
    );
    Finding::warning(check, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::Level;

    fn postgres() -> PostgresExamined {
        PostgresExamined {
            version: 160_002,
            version_text: "16.2".to_owned(),
            is_replica: false,
            connections: 97,
            held_by_others: 1,
            clock_ms: 0,
        }
    }

    #[test]
    fn the_pools_of_all_nodes_must_fit() {
        let level = |living, running| {
            judge_connections(&postgres(), &nodes(Some(living), running), 30).level
        };
        assert_eq!(level(0, false), Level::Good);
        assert_eq!(level(2, true), Level::Good);
        // The third one just fits, a fourth one does not.
        assert_eq!(level(2, false), Level::Warning);
        assert_eq!(level(3, true), Level::Warning);
        assert_eq!(level(3, false), Level::Problem);
        let found = judge_connections(&postgres(), &nodes(Some(3), false), 30);
        assert!(found.text.contains("up to 120"), "{}", found.text);
        assert!(found.text.contains("max_connections"), "{}", found.text);
        let alone = judge_connections(&postgres(), &nodes(None, false), 30);
        assert!(
            alone.text.contains("not known without Redis"),
            "{}",
            alone.text
        );
    }

    #[test]
    fn a_replica_or_an_old_database_is_told() {
        assert_eq!(judge_database(&postgres()).level, Level::Good);
        let replica = PostgresExamined {
            is_replica: true,
            ..postgres()
        };
        assert_eq!(judge_database(&replica).level, Level::Problem);
        let old = PostgresExamined {
            version: 120_001,
            ..postgres()
        };
        assert_eq!(judge_database(&old).level, Level::Warning);
    }

    #[test]
    fn a_redis_that_cuts_subscribers_early_comes_with_the_command_that_helps() {
        let limit = |hard_mib: u64, soft_mib: u64| {
            judge_limit(Some(OutputLimit {
                hard_bytes: hard_mib * 1024 * 1024,
                soft_bytes: soft_mib * 1024 * 1024,
                soft_s: 60,
            }))
        };
        assert_eq!(limit(32, 8).level, Level::Good);
        assert_eq!(limit(0, 0).level, Level::Good);
        assert_eq!(limit(32, 1).level, Level::Warning);
        let small = limit(4, 8);
        assert_eq!(small.level, Level::Warning);
        assert!(small.text.contains("CONFIG SET"), "{}", small.text);
        assert_eq!(judge_limit(None).level, Level::Warning);
    }

    #[test]
    fn clocks_that_differ_say_which_is_ahead() {
        assert_eq!(judge_clock(10_000, 10_900).level, Level::Good);
        let behind = judge_clock(20_000, 10_000);
        assert_eq!(behind.level, Level::Warning);
        assert!(behind.text.contains("10000 ms behind"), "{}", behind.text);
        assert!(judge_clock(10_000, 20_000).text.contains("ahead of"));
    }
}
