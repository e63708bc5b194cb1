//! Counts of the caches by what sort of thing was looked for.

use super::text::Text;
use super::{Counter, Render};
use crate::cache::Kind;

/// A counter for each kind of entry.
#[derive(Debug, Default)]
pub struct ByCacheKind([Counter; Kind::ALL.len()]);

impl ByCacheKind {
    pub fn of(&self, kind: Kind) -> &Counter {
        &self.0[kind as usize]
    }

    /// Of all kinds together.
    pub fn sum(&self) -> u64 {
        self.0.iter().map(Counter::get).sum()
    }
}

impl Render for ByCacheKind {
    fn render(&self, text: &mut Text, name: &str, help: &str) {
        text.family(name, "counter", help);
        for kind in Kind::ALL {
            text.sample(name, "", &[("kind", kind.name())], self.of(kind).get());
        }
    }
}
