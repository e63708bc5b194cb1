//! What the bus counts; the metrics of a node show it.

use crate::ops::metrics::{Counter, Gauge};

/// Counts of one node's bus.
#[derive(Debug, Default)]
pub struct Counters {
    /// Frames given to Redis.
    pub published: Counter,
    /// Frames not published since too much waited already.
    pub publish_full: Counter,
    /// Frames not published since Redis was away.
    pub publish_away: Counter,
    /// Frames not published since they were larger than any frame may be.
    pub publish_oversize: Counter,
    /// Frames of other nodes handed to this one.
    pub received: Counter,
    /// Frames of this node that came back.
    pub own: Counter,
    /// Frames under another cluster's secret, or damaged.
    pub forged: Counter,
    /// Frames of another life of the installation.
    pub foreign_epoch: Counter,
    /// Frames under our secret that are no frame.
    pub malformed: Counter,
    /// Frames of other nodes dropped since this one did not keep up.
    pub missed: Counter,
    /// Times that the subscriber's connection was built anew since canaries did not come.
    pub rebuilds: Counter,
    /// Times that the subscriber's connection was made.
    pub connects: Counter,
    /// Channels taken now.
    pub channels: Gauge,
    /// 1 while the bus is away.
    pub away: Gauge,
}
