//! The outcome of a check, readable by people.

use std::collections::BTreeMap;
use std::fmt;

use super::violation::{Violation, ViolationKind};

/// Violations kept with all their details: enough to see what is wrong, few enough to read.
/// The others are counted by kind.
const VIOLATIONS_KEPT: usize = 50;
/// Violations that `Display` spells out.
const VIOLATIONS_SHOWN: usize = 20;

/// What the checker says of a run.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// How much was looked at.
    pub counts: Counts,
    /// Violations by kind, all of them counted.
    pub by_kind: BTreeMap<ViolationKind, u64>,
    /// The first violations.
    pub first: Vec<Violation>,
}

/// How much a check looked at. A green verdict over nothing says nothing: see that these are
/// what the run should have made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Clients with a history.
    pub clients: u64,
    /// Clients that only received.
    pub only_receiving: u64,
    /// Messages invoked, each once.
    pub invoked: u64,
    /// Messages acknowledged, each once.
    pub acknowledged: u64,
    /// Acknowledgements that a restore undid.
    pub undone: u64,
    /// Messages refused for good and not tried again.
    pub refused: u64,
    /// Messages neither acknowledged nor refused.
    pub open: u64,
    /// Messages applied by clients, from pages too.
    pub deliveries: u64,
    /// Rooms in the database.
    pub rooms: u64,
    /// Timelines in the database.
    pub timelines: u64,
    /// Message rows in the database.
    pub rows: u64,
    /// Views compared.
    pub views: u64,
}

/// Collects what the rules find.
#[derive(Debug, Default)]
pub(super) struct Findings {
    by_kind: BTreeMap<ViolationKind, u64>,
    first: Vec<Violation>,
}

impl Findings {
    pub(super) fn report(&mut self, violation: Violation) {
        *self.by_kind.entry((&violation).into()).or_default() += 1;
        if self.first.len() < VIOLATIONS_KEPT {
            self.first.push(violation);
        }
    }

    pub(super) fn verdict(self, counts: Counts) -> Verdict {
        Verdict {
            counts,
            by_kind: self.by_kind,
            first: self.first,
        }
    }
}

impl Verdict {
    /// Whether nothing was violated.
    #[must_use]
    pub fn is_green(&self) -> bool {
        self.by_kind.is_empty()
    }

    /// All violations, counted.
    #[must_use]
    pub fn violations(&self) -> u64 {
        self.by_kind.values().sum()
    }

    /// Violations of one kind.
    #[must_use]
    pub fn of_kind(&self, kind: ViolationKind) -> u64 {
        self.by_kind.get(&kind).copied().unwrap_or(0)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_green() {
            return write!(f, "GREEN: {}", self.counts);
        }
        let violations = self.violations();
        writeln!(f, "RED: {violations} violations. {}", self.counts)?;
        for (kind, count) in &self.by_kind {
            writeln!(f, "  {count:>6} × {kind:?}")?;
        }
        let shown = self.first.iter().take(VIOLATIONS_SHOWN);
        for (number, violation) in (1..).zip(shown) {
            writeln!(f, "  {number}. {violation}")?;
        }
        let shown = self.first.len().min(VIOLATIONS_SHOWN) as u64;
        match violations - shown {
            0 => Ok(()),
            more => writeln!(f, "  … and {more} more"),
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} clients ({} only receiving); {} messages sent, {} acknowledged ({} undone by a \
             restore), {} refused, {} open; {} deliveries; {} rows in {} timelines of {} rooms; \
             {} views compared",
            self.clients,
            self.only_receiving,
            self.invoked,
            self.acknowledged,
            self.undone,
            self.refused,
            self.open,
            self.deliveries,
            self.rows,
            self.timelines,
            self.rooms,
            self.views,
        )
    }
}
