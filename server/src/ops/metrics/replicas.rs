//! How replicas of the database answered.

use super::text::Text;
use super::{Counter, Render};
use crate::store::ReplicaReads;

/// A counter for each way that a replica may answer.
#[derive(Debug, Default)]
pub struct ByReplicas {
    answered: Counter,
    behind: Counter,
    failed: Counter,
}

impl ByReplicas {
    /// So they have answered since the start.
    pub fn reached(&self, reads: ReplicaReads) {
        let ReplicaReads {
            answered,
            behind,
            failed,
        } = reads;
        self.answered.reached(answered);
        self.behind.reached(behind);
        self.failed.reached(failed);
    }
}

impl Render for ByReplicas {
    fn render(&self, text: &mut Text, name: &str, help: &str) {
        text.family(name, "counter", help);
        for (result, count) in [
            ("answered", &self.answered),
            ("behind", &self.behind),
            ("failed", &self.failed),
        ] {
            text.sample(name, "", &[("result", result)], count.get());
        }
    }
}
