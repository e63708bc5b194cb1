//! Counters of a node as plain atomics: whoever counts takes no lock and waits for nobody.
//!
//! [`Metrics::render`] writes them in the Prometheus text format 0.0.4.

mod cache;
mod cluster;
mod histogram;
mod process;
mod replicas;
mod requests;
mod text;
mod transport;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

pub use cache::ByCacheKind;
pub use cluster::ClusterFigures;
pub use histogram::{ByName, Histogram, Sizes};
pub use process::Process;
pub use replicas::ByReplicas;
pub use requests::Requests;
use text::Text;
pub use transport::ByTransport;

/// A count that only rises.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// Something that counts elsewhere has come so far.
    pub fn reached(&self, count: u64) {
        self.0.fetch_max(count, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A figure that rises and falls.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    pub fn set(&self, value: i64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub fn add(&self, count: i64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! metrics {
    ($(#[doc = $doc:literal] $field:ident : $type:ty = $name:literal;)*) => {
        /// Everything that a node counts.
        #[derive(Debug, Default)]
        pub struct Metrics {
            $(#[doc = $doc] pub $field: $type,)*
            /// What it counts towards other nodes, set once where there may be some.
            pub cluster: OnceLock<ClusterFigures>,
        }

        impl Metrics {
            /// All of it, and figures of the process, in the Prometheus text format.
            pub fn render(&self) -> String {
                let mut text = Text::default();
                $(self.$field.render(&mut text, $name, str::trim_ascii($doc));)*
                if let Some(cluster) = self.cluster.get() {
                    cluster.render(&mut text);
                }
                Process::now().render(&mut text);
                text.finish()
            }
        }
    };
}

/// A metric that can write itself.
trait Render {
    fn render(&self, text: &mut Text, name: &str, help: &str);
}

impl Render for Counter {
    fn render(&self, text: &mut Text, name: &str, help: &str) {
        text.family(name, "counter", help);
        text.sample(name, "", &[], self.get());
    }
}

impl Render for Gauge {
    fn render(&self, text: &mut Text, name: &str, help: &str) {
        text.family(name, "gauge", help);
        text.sample(name, "", &[], self.get());
    }
}

metrics! {
    /// Links, entered or not.
    links: Gauge = "parlor_links";
    /// Links by what carries them.
    links_by_transport: ByTransport = "parlor_transport_links";
    /// Handshakes under way.
    half_open: Gauge = "parlor_links_half_open";
    /// Links whose session is entered.
    entered: Gauge = "parlor_links_entered";
    /// Handshakes begun.
    handshakes: Counter = "parlor_handshakes_total";
    /// Handshakes that had to prove their address first.
    retries: Counter = "parlor_retries_total";
    /// Links not taken because of a bound or while the server ends.
    refused_links: Counter = "parlor_links_refused_total";
    /// Links ended because their peer broke a rule.
    links_cut: Counter = "parlor_links_cut_total";
    /// Requests answered, by kind and by the code of the answer.
    requests: Requests = "parlor_requests_total";
    /// Time from reading a request to its reply.
    request_duration: Histogram = "parlor_request_duration_seconds";
    /// Messages committed.
    messages_sent: Counter = "parlor_messages_sent_total";
    /// Batches queued for links: one for each batch and reader.
    deliveries: Counter = "parlor_batch_deliveries_total";
    /// Time from a batch's commit, or from hearing of it, until its readers' links were written.
    delivery: Histogram = "parlor_delivery_seconds";
    /// Time that the delivery's probes took, from the committer's queue to a slot of the flusher.
    delivery_probe: Histogram = "parlor_delivery_probe_seconds";
    /// 1 while the delivery's probes come through.
    delivery_healthy: Gauge = "parlor_delivery_healthy";
    /// Heads of rooms compared with the database, for what the bus lost.
    heads_compared: Counter = "parlor_sweep_heads_compared_total";
    /// Gaps in rooms that were read from the database.
    gaps_read: Counter = "parlor_gaps_read_total";
    /// Those of them that could not be read, and were again.
    gaps_failed: Counter = "parlor_gaps_failed_total";
    /// Writes of the flusher to one link.
    flushes: Counter = "parlor_flushes_total";
    /// How late the flusher's ticks come.
    loop_lag: Histogram = "parlor_flusher_lag_seconds";
    /// Times that a slow link lost its queue and was told so.
    slow_links: Counter = "parlor_links_behind_total";
    /// Duration of commits.
    commit_duration: Histogram = "parlor_commit_duration_seconds";
    /// Changes in one commit.
    commit_size: Sizes = "parlor_commit_changes";
    /// Duration of database queries, by name.
    query_duration: ByName = "parlor_database_query_duration_seconds";
    /// Database connections that are open.
    pool_open: Gauge = "parlor_database_connections";
    /// Database connections in use.
    pool_busy: Gauge = "parlor_database_connections_busy";
    /// Database connections that there may be.
    pool_most: Gauge = "parlor_database_connections_limit";
    /// Calls of the database that were given up, no connection being free in time included.
    queries_late: Counter = "parlor_database_timeouts_total";
    /// Calls of the database that failed otherwise.
    queries_failed: Counter = "parlor_database_errors_total";
    /// Reads offered to replicas of the database, by how they answered.
    replica_reads: ByReplicas = "parlor_replica_reads_total";
    /// Time that log-ins waited for their turn to hash.
    password_wait: Histogram = "parlor_password_wait_seconds";
    /// Log-ins refused because too many waited.
    passwords_refused: Counter = "parlor_passwords_refused_total";
    /// Resumes and pulls answered from a room's recent batches.
    ring_hits: Counter = "parlor_recent_hits_total";
    /// Resumes and pulls that needed the database.
    ring_misses: Counter = "parlor_recent_misses_total";
    /// Reads answered from a cache, by kind.
    cache_hits: ByCacheKind = "parlor_cache_hits_total";
    /// Reads that no cache could answer, by kind.
    cache_misses: ByCacheKind = "parlor_cache_misses_total";
    /// Those of the hits that another node had left in Redis, by kind.
    cache_shared_hits: ByCacheKind = "parlor_cache_redis_hits_total";
    /// Reads that waited for an identical one instead of running.
    cache_coalesced: Counter = "parlor_cache_coalesced_total";
    /// Entries in this node's memory.
    cache_entries: Gauge = "parlor_cache_entries";
    /// Memory that they take, about.
    cache_bytes: Gauge = "parlor_cache_bytes";
    /// Time that reads took that a cache answered.
    cache_duration: Histogram = "parlor_cache_read_duration_seconds";
    /// Requests of the cache that Redis did not answer in time.
    cache_shared_failures: Counter = "parlor_cache_redis_failures_total";
    /// Changes that Redis has not been told yet.
    cache_owed: Gauge = "parlor_cache_redis_owed";
    /// Times that a changed certificate file was taken.
    certificate_reloads: Counter = "parlor_certificate_reloads_total";
    /// Changed certificate files that could not be used.
    certificate_failures: Counter = "parlor_certificate_failures_total";
}

impl Metrics {
    /// Counts one commit of so many changes.
    pub fn committed(&self, changes: usize, took: Duration) {
        self.commit_duration.observe(took);
        self.commit_size.observe(changes as u64);
    }
}

#[cfg(test)]
mod tests;
