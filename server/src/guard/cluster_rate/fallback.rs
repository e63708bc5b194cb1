//! What one node allows by itself: its share of the limits.

use crate::config::{Limits, Rate};
use crate::guard::rate::{Class, Rates, TooMany, Who};

/// Buckets of this node alone, for a number of nodes.
#[derive(Debug)]
pub(super) struct Fallback {
    limits: Limits,
    nodes: u32,
    rates: Rates,
}

impl Fallback {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            limits: limits.clone(),
            nodes: 1,
            rates: Rates::new(limits.clone()),
        }
    }

    /// Takes tokens of this node's share among so many.
    pub(super) fn take(
        &mut self,
        nodes: u32,
        class: Class,
        who: Who,
        cost: u32,
        now_ms: u64,
    ) -> Result<(), TooMany> {
        if nodes != self.nodes {
            // Full buckets anew: a node that came or went while Redis is away costs one burst.
            self.nodes = nodes;
            self.rates = Rates::new(share(&self.limits, nodes));
        }
        self.rates.take(class, who, cost, now_ms)
    }
}

fn share(limits: &Limits, nodes: u32) -> Limits {
    let part = |rate: &Rate| {
        // Nobody is shut out, however many nodes there are.
        let of = |whole: u32| (whole / nodes.max(1)).max(1);
        Rate::new(of(rate.burst), of(rate.per_minute))
    };
    Limits {
        addresses: limits.addresses,
        keys: limits.keys,
        commands: part(&limits.commands),
        sends: part(&limits.sends),
        reads: part(&limits.reads),
        markers: part(&limits.markers),
        signals: part(&limits.signals),
        uploads: part(&limits.uploads),
        log_ins: part(&limits.log_ins),
    }
}

#[cfg(test)]
mod tests {
    use parlor_protocol::UserId;

    use super::*;

    #[test]
    fn three_nodes_allow_a_third_each() {
        let limits = Limits::default();
        let mut fallback = Fallback::new(&limits);
        let who = Who::person(UserId([1; 16]));
        let passed = |fallback: &mut Fallback, nodes| {
            let taken =
                (0..150).filter(|_| fallback.take(nodes, Class::Command, who, 1, 0).is_ok());
            taken.count()
        };
        assert_eq!(passed(&mut fallback, 3), 33);
        assert_eq!(passed(&mut fallback, 3), 0);
        assert_eq!(passed(&mut fallback, 1_000), 1, "nobody is shut out");
    }
}
