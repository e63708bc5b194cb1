//! The history checker: the judge of whole runs.
//!
//! Every client writes what it invoked, what was acknowledged and what it received
//! ([`Event`], as JSON lines through [`Recorder`] where it is a process of its own).
//! When the run is over and quiet, [`check`] holds these histories against a dump of the
//! database, against what each client's store holds, and against what a fresh client sees.
//! It is pure: no clock, no file, no network.
//!
//! What it demands, each broken demand being one [`Violation`]:
//! - acknowledged, and not undone by a restore ⇒ exactly once in the database, at that seq;
//! - each timeline has every seq from floor to head once; `at` never goes back; revs are unique
//!   in a room and rise with seq; send keys are unique per sender;
//! - what is delivered is committed, alike for all, with the bytes that were sent; a client
//!   applies revs in rising order, none twice, and passes none by;
//! - messages of one outbox and room stand in the order of their invocation;
//! - nothing committed after a person's removal reaches that person;
//! - in the end all views equal the database, as far as each person may see it.

mod event;
mod facts;
mod lineage;
mod log;
mod place;
mod rules;
#[cfg(test)]
mod simulation;
mod state;
mod text;
mod verdict;
mod violation;

pub use event::{Event, History, MemberChange, Via};
pub use lineage::{BackupHead, Plan, Restore};
pub use log::{Histories, LogError, Recorder};
pub use place::Place;
pub use state::{
    Database, HistoryRule, MarkerRow, MemberRow, RoomDump, RoomView, Row, TimelineDump,
    TimelineView, View, ViewRow,
};
pub use text::TextHash;
pub use verdict::{Counts, Verdict};
pub use violation::{Violation, ViolationKind};

use facts::Facts;
use verdict::Findings;

/// Everything that is known about a run after it.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// What the run did on purpose.
    pub plan: Plan,
    /// The database, dumped when all was quiet.
    pub database: Database,
    /// What clients wrote.
    pub histories: Vec<History>,
    /// What clients hold in the end, fresh ones included.
    pub views: Vec<View>,
}

/// Judges a run.
#[must_use]
pub fn check(run: &Run) -> Verdict {
    let facts = Facts::gather(run);
    let mut findings = Findings::default();
    rules::database::check(&facts, &mut findings);
    rules::outbox::check(&facts, &mut findings);
    rules::order::check(&facts, &mut findings);
    rules::delivery::check(&facts, &mut findings);
    rules::membership::check(&facts, &mut findings);
    rules::marker::check(&facts, &mut findings);
    rules::view::check(&facts, &mut findings);
    findings.verdict(facts.counts())
}
