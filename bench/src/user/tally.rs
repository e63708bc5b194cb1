//! Everything that a run counts and measures, as it happens.

use std::collections::BTreeMap;

use parlor_protocol::Refusal;

use super::waiting::ReadKind;
use crate::check::{Fate, Flaws, Wrong};
use crate::measure::{Series, Times};

/// Different error texts that are kept; more count under the last one.
const ERROR_KINDS: usize = 50;

/// Figures of one segment of the plan, by the instants at which its posts were due.
#[derive(Clone, Debug, Default)]
pub struct SegmentTally {
    /// From the instant a post was due to its arrival at each link.
    pub latency: Times,
    /// From the instant a post was due to its acknowledgement.
    pub ack: Times,
    pub sent: u64,
    pub acknowledged: u64,
    pub deliveries: u64,
}

/// Figures of the whole run.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub segments: Vec<SegmentTally>,
    /// By post.
    pub fates: Vec<Fate>,
    pub series: Series,
    /// From the first packet of a dial to being entered.
    pub connect: Times,
    /// Sessions entered.
    pub entered: u64,
    /// How late the generator itself handed posts to their links.
    pub send_lag: Times,
    /// From a presence signal to its arrival at others.
    pub presence: Times,
    /// Requests of the reading users, by kind.
    pub requests: BTreeMap<ReadKind, Times>,
    pub sent: u64,
    pub acknowledged: u64,
    pub deliveries: u64,
    pub duplicated: u64,
    /// Came again in a batch that overlaps what was held.
    pub overlapped: u64,
    pub out_of_order: u64,
    /// What went wrong, by text.
    pub errors: BTreeMap<String, u64>,
    /// Dials that failed, by reason.
    pub failed_dials: BTreeMap<String, u64>,
    /// Times that a link was told it was behind, or found a gap, and pulled.
    pub pulls: u64,
    /// Links that ended, however they ended.
    pub links_lost: u64,
}

impl Tally {
    pub fn error(&mut self, text: impl Into<String>) {
        self.errors_add(text.into(), 1);
    }

    fn errors_add(&mut self, mut text: String, count: u64) {
        if self.errors.len() >= ERROR_KINDS && !self.errors.contains_key(&text) {
            text = "further errors".to_owned();
        }
        *self.errors.entry(text).or_default() += count;
    }

    /// A dial that came to nothing: tried again, but never silently.
    pub fn dial_failed(&mut self, reason: &str) {
        *self.failed_dials.entry(reason.to_owned()).or_default() += 1;
    }

    /// A request that was refused.
    pub fn refused(&mut self, what: &str, refusal: &Refusal) {
        self.error(format!(
            "{what} was refused ({:?}): {refusal}",
            refusal.code
        ));
    }

    pub fn error_count(&self) -> u64 {
        self.errors.values().sum()
    }

    pub fn flaws(&mut self, flaws: &Flaws) {
        self.duplicated += flaws.duplicated;
        self.overlapped += flaws.overlapped;
        self.out_of_order += flaws.out_of_order;
        for wrong in &flaws.wrong {
            self.error(kind_of(wrong));
        }
    }
}

/// One text for all messages that are wrong in the same way.
fn kind_of(wrong: &Wrong) -> &'static str {
    match wrong {
        Wrong::Foreign => "received a message that nobody of this run sent",
        Wrong::Author(_) => "received a message under another author",
        Wrong::Room(_) => "received a message in another room or timeline",
        Wrong::Text(_) => "received a message with other text",
        Wrong::Disagreement { .. } => "two links received different messages at one seq",
    }
}
