//! Deliberate faults, so that the history checker can show that it would notice them.
//!
//! They exist only under the feature `mutations`, which no release is built with; one is chosen when
//! the process starts, by `choose` or by the environment variable [`VARIABLE`].

/// Names the fault to make, in snake case.
pub const VARIABLE: &str = "MUTATE_PARLOR_SERVER";

/// A fault that must turn the checker red.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    AcknowledgeBeforeCommit,
    SkipGapFill,
    NoSendKeys,
    PublishBeforeCommit,
    NoSweep,
}

impl Mutation {
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::AcknowledgeBeforeCommit, "acknowledge_before_commit"),
        (Self::SkipGapFill, "skip_gap_fill"),
        (Self::NoSendKeys, "no_send_keys"),
        (Self::PublishBeforeCommit, "publish_before_commit"),
        (Self::NoSweep, "no_sweep"),
    ];

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, known)| *known == name)
            .map(|(mutation, _)| *mutation)
    }
}

/// Whether this fault is to be made.
#[cfg(not(feature = "mutations"))]
pub const fn on(_: Mutation) -> bool {
    false
}

#[cfg(feature = "mutations")]
pub use chosen::{choose, on};

#[cfg(feature = "mutations")]
mod chosen {
    use std::sync::OnceLock;

    use super::{Mutation, VARIABLE};

    static CHOSEN: OnceLock<Option<Mutation>> = OnceLock::new();

    /// Chooses for the whole process, before the first [`on`]; a later choice changes nothing.
    pub fn choose(mutation: Option<Mutation>) {
        let _ = CHOSEN.set(mutation);
    }

    /// Whether this fault is to be made.
    pub fn on(mutation: Mutation) -> bool {
        let from_environment = || {
            std::env::var(VARIABLE)
                .ok()
                .and_then(|name| Mutation::from_name(&name))
        };
        *CHOSEN.get_or_init(from_environment) == Some(mutation)
    }
}
