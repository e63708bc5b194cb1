//! The few of a server's metrics that a report holds, from the Prometheus text format.

mod buckets;

use std::collections::BTreeMap;

use buckets::Buckets;

use crate::measure::Percentiles;

const QUERY_BUCKET: &str = "parlor_database_query_duration_seconds_bucket";
const CONNECTIONS: &str = "parlor_database_connections";
const CACHE_HITS: &str = "parlor_cache_hits_total";
const CACHE_MISSES: &str = "parlor_cache_misses_total";
const CACHE_READ_BUCKET: &str = "parlor_cache_read_duration_seconds_bucket";

/// A reading of `/metrics`, or of those of several nodes together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics {
    /// Times of database queries, by query.
    queries: BTreeMap<String, Buckets>,
    /// Times of reads from a cache, of all kinds.
    cache_reads: Buckets,
    /// Hits and misses by what the cache holds.
    cache: BTreeMap<String, CacheUse>,
    pub db_connections: Option<u64>,
}

/// What a cache was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheUse {
    pub hits: u64,
    pub misses: u64,
}

impl CacheUse {
    /// Share of what was asked that was there; `None` where nothing was asked.
    pub fn hit_rate(self) -> Option<f64> {
        let asked = self.hits + self.misses;
        (asked > 0).then(|| self.hits as f64 / asked as f64)
    }

    fn since(self, earlier: Self) -> Self {
        Self {
            hits: self.hits.saturating_sub(earlier.hits),
            misses: self.misses.saturating_sub(earlier.misses),
        }
    }
}

impl Metrics {
    pub fn parse(text: &str) -> Self {
        let mut metrics = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((name, value)) = line.rsplit_once(' ') else {
                continue;
            };
            let (name, labels) = name.split_once('{').unwrap_or((name, ""));
            metrics.take(name, labels, value);
        }
        metrics
    }

    fn take(&mut self, name: &str, labels: &str, value: &str) {
        let Some(value) = value.parse::<f64>().ok().map(|value| value as u64) else {
            return;
        };
        let of = |key| label(labels, key).unwrap_or_default().to_owned();
        match name {
            QUERY_BUCKET => {
                let query = self.queries.entry(of("query")).or_default();
                query.count(label(labels, "le"), value);
            }
            CACHE_READ_BUCKET => self.cache_reads.count(label(labels, "le"), value),
            CACHE_HITS => self.cache.entry(of("kind")).or_default().hits += value,
            CACHE_MISSES => self.cache.entry(of("kind")).or_default().misses += value,
            CONNECTIONS => self.db_connections = Some(value),
            _ => {}
        }
    }

    /// Takes another node's in.
    pub fn add(&mut self, other: &Self) {
        for (query, buckets) in &other.queries {
            self.queries.entry(query.clone()).or_default().add(buckets);
        }
        self.cache_reads.add(&other.cache_reads);
        for (kind, other) in &other.cache {
            let cache = self.cache.entry(kind.clone()).or_default();
            cache.hits += other.hits;
            cache.misses += other.misses;
        }
        let open = [self.db_connections, other.db_connections];
        self.db_connections = open.into_iter().flatten().reduce(|one, two| one + two);
    }

    /// Database times of all queries between an earlier reading and this one, each as the upper
    /// bound of the bucket it fell into.
    pub fn queries_since(&self, earlier: &Self) -> Percentiles {
        let all = |metrics: &Self| {
            let mut all = Buckets::default();
            metrics.queries.values().for_each(|query| all.add(query));
            all
        };
        all(self).since(&all(earlier)).percentiles()
    }

    /// The same by query, with how many there were; queries that were not made are left out.
    pub fn each_query_since(&self, earlier: &Self) -> BTreeMap<String, (Percentiles, u64)> {
        let since = self.queries.iter().map(|(query, buckets)| {
            let none = Buckets::default();
            let before = earlier.queries.get(query).unwrap_or(&none);
            let since = buckets.since(before);
            (query.clone(), (since.percentiles(), since.total()))
        });
        since.filter(|(_, (_, count))| *count > 0).collect()
    }

    /// What the cache was asked since an earlier reading, by what it holds.
    pub fn cache_since(&self, earlier: &Self) -> BTreeMap<String, CacheUse> {
        let since = self.cache.iter().map(|(kind, cache)| {
            let before = earlier.cache.get(kind).copied().unwrap_or_default();
            (kind.clone(), cache.since(before))
        });
        since.collect()
    }

    /// Times of reads from a cache since an earlier reading.
    pub fn cache_reads_since(&self, earlier: &Self) -> Percentiles {
        self.cache_reads.since(&earlier.cache_reads).percentiles()
    }
}

/// The value of one label.
fn label<'a>(labels: &'a str, key: &str) -> Option<&'a str> {
    let begin = labels
        .split(',')
        .find_map(|it| it.strip_prefix(key)?.strip_prefix("=\""))?;
    begin.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(low: u64, high: u64) -> Metrics {
        Metrics::parse(&format!(
            "# TYPE parlor_database_query_duration_seconds histogram\n\
             parlor_database_query_duration_seconds_bucket{{query=\"page\",le=\"0.001\"}} {low}\n\
             parlor_database_query_duration_seconds_bucket{{query=\"page\",le=\"0.05\"}} {high}\n\
             parlor_database_query_duration_seconds_bucket{{query=\"page\",le=\"+Inf\"}} {high}\n\
             parlor_cache_hits_total{{kind=\"room\"}} {high}\n\
             parlor_cache_misses_total{{kind=\"room\"}} 10\n\
             parlor_database_connections 5\n"
        ))
    }

    #[test]
    fn percentiles_are_of_what_happened_between_two_readings() {
        let times = reading(110, 120).queries_since(&reading(100, 100));
        assert_eq!(times.p50, Some(1.0));
        assert_eq!(times.p95, Some(50.0));
        assert_eq!(reading(1, 1).db_connections, Some(5));
    }

    #[test]
    fn nothing_between_two_readings_says_nothing() {
        let same = reading(10, 10);
        assert_eq!(same.queries_since(&same), Percentiles::default());
        assert!(same.each_query_since(&same).is_empty());
        assert_eq!(Metrics::parse("no metrics here"), Metrics::default());
    }

    #[test]
    fn nodes_are_counted_together_and_queries_apart() {
        let mut both = reading(90, 100);
        let slow = "parlor_database_query_duration_seconds_bucket{query=\"search\",le=\"2.5\"} 7\n\
                    parlor_database_connections 3";
        both.add(&Metrics::parse(slow));
        assert_eq!(both.db_connections, Some(8));
        let queries = both.each_query_since(&Metrics::default());
        assert_eq!(queries["page"].0.p50, Some(1.0));
        assert_eq!(queries["search"], (queries["search"].0, 7));
        assert_eq!(queries["search"].0.p95, Some(2_500.0));
    }

    #[test]
    fn the_hit_rate_is_of_what_was_asked_meanwhile() {
        let cache = reading(0, 90).cache_since(&reading(0, 50));
        assert_eq!(
            cache["room"],
            CacheUse {
                hits: 40,
                misses: 0
            }
        );
        assert_eq!(cache["room"].hit_rate(), Some(1.0));
        assert_eq!(CacheUse::default().hit_rate(), None);
    }
}
