//! What a node of a cluster counts towards the others, read where it is counted.

use std::fmt::Display;
use std::sync::Arc;

use tokio::sync::watch;

use super::text::Text;
use crate::bus::Bus;
use crate::cluster::MembershipCounters;
use crate::guard::cluster_rate::ClusterRates;

/// Where the figures are.
#[derive(Debug)]
pub struct ClusterFigures {
    pub bus: Arc<dyn Bus>,
    pub membership: Arc<MembershipCounters>,
    /// Nodes that live, this one included.
    pub nodes: watch::Receiver<u32>,
    pub rates: Arc<ClusterRates>,
    /// Whether there is a connection to Redis.
    pub redis: watch::Receiver<bool>,
}

/// One family: its name, what it is, and its samples by the value of its label.
struct Family<'a, const SAMPLES: usize> {
    name: &'a str,
    kind: &'a str,
    help: &'a str,
    label: &'a str,
    samples: [(&'a str, u64); SAMPLES],
}

impl<const SAMPLES: usize> Family<'_, SAMPLES> {
    fn render(&self, text: &mut Text) {
        text.family(self.name, self.kind, self.help);
        for (value, count) in self.samples {
            text.sample(self.name, "", &[(self.label, value)], count);
        }
    }
}

fn single(text: &mut Text, name: &str, kind: &str, help: &str, value: impl Display) {
    text.family(name, kind, help);
    text.sample(name, "", &[], value);
}

impl ClusterFigures {
    pub(super) fn render(&self, text: &mut Text) {
        self.redis(text);
        self.bus_out(text);
        self.bus_in(text);
        self.nodes(text);
        self.rates(text);
    }

    fn redis(&self, text: &mut Text) {
        let (name, help) = ("parlor_redis_up", "1 while Redis is connected.");
        single(text, name, "gauge", help, u8::from(*self.redis.borrow()));
        let (name, help) = ("parlor_bus_away", "1 while the bus is away.");
        single(text, name, "gauge", help, self.bus.counters().away.get());
        let (name, help) = ("parlor_bus_channels", "Channels of the bus taken.");
        let channels = self.bus.counters().channels.get();
        single(text, name, "gauge", help, channels);
    }

    fn bus_out(&self, text: &mut Text) {
        let counters = self.bus.counters();
        let (name, help) = ("parlor_bus_published_total", "Frames given to Redis.");
        single(text, name, "counter", help, counters.published.get());
        Family {
            name: "parlor_bus_unpublished_total",
            kind: "counter",
            help: "Frames not given to Redis, by why.",
            label: "why",
            samples: [
                ("full", counters.publish_full.get()),
                ("away", counters.publish_away.get()),
                ("oversize", counters.publish_oversize.get()),
            ],
        }
        .render(text);
        let (name, help) = (
            "parlor_bus_connects_total",
            "Times that the connection that frames come by was made.",
        );
        single(text, name, "counter", help, counters.connects.get());
        let (name, help) = (
            "parlor_bus_rebuilds_total",
            "Times that it was made anew since its canaries did not come.",
        );
        single(text, name, "counter", help, counters.rebuilds.get());
    }

    fn bus_in(&self, text: &mut Text) {
        let counters = self.bus.counters();
        let (name, help) = ("parlor_bus_received_total", "Frames of other nodes taken.");
        single(text, name, "counter", help, counters.received.get());
        let (name, help) = (
            "parlor_bus_own_total",
            "Frames of this node that came back.",
        );
        single(text, name, "counter", help, counters.own.get());
        Family {
            name: "parlor_bus_dropped_total",
            kind: "counter",
            help: "Frames that came and were not taken, by why.",
            label: "why",
            samples: [
                ("missed", counters.missed.get()),
                ("forged", counters.forged.get()),
                ("foreign_epoch", counters.foreign_epoch.get()),
                ("malformed", counters.malformed.get()),
            ],
        }
        .render(text);
    }

    fn nodes(&self, text: &mut Text) {
        let (name, help) = ("parlor_nodes", "Nodes that live, this one included.");
        single(text, name, "gauge", help, *self.nodes.borrow());
        Family {
            name: "parlor_beats_total",
            kind: "counter",
            help: "Times that this node said that it lives, by where.",
            label: "by",
            samples: [
                ("redis", self.membership.by_redis.get()),
                ("database", self.membership.by_database.get()),
                ("nowhere", self.membership.missed.get()),
            ],
        }
        .render(text);
        let (name, help) = (
            "parlor_links_moved_total",
            "Links asked to go to emptier nodes.",
        );
        single(text, name, "counter", help, self.membership.moved.get());
    }

    fn rates(&self, text: &mut Text) {
        let counters = self.rates.counters();
        Family {
            name: "parlor_rates_total",
            kind: "counter",
            help: "Requests counted against the rates of all nodes, by who counted: Redis, or this node alone.",
            label: "by",
            samples: [
                ("redis", counters.shared.get()),
                ("alone", counters.alone.get()),
            ],
        }
        .render(text);
    }
}
