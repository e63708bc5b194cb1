//! What a later version adds to a frozen body: a bounded list of (tag, bytes) at its end.

use std::fmt;

use crate::codec::{Decode, DecodeError, Encode, rows};
use crate::limit::{EXTENSION_BYTES, EXTENSIONS};

/// Additions to a body, by tag. A reader takes the tags it knows and carries the rest along.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Extensions(Vec<Extension>);

/// One addition. Tags are per body type and never reused.
#[derive(Clone, PartialEq, Eq, Encode)]
pub struct Extension {
    pub tag: u16,
    pub value: Vec<u8>,
}

/// Without the value, which may be a secret.
impl fmt::Debug for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Extension")
            .field("tag", &self.tag)
            .field("bytes", &self.value.len())
            .finish()
    }
}

rows! {
    Extension { tag, value }
}

impl Extensions {
    pub const NONE: Self = Self(Vec::new());

    /// The value under a tag, first one first.
    pub fn get(&self, tag: u16) -> Option<&[u8]> {
        self.0
            .iter()
            .find(|extension| extension.tag == tag)
            .map(|extension| &extension.value[..])
    }

    /// Adds a value; refuses at the bounds that every reader checks.
    pub fn push(&mut self, tag: u16, value: Vec<u8>) -> Result<(), DecodeError> {
        self.0.push(Extension { tag, value });
        self.check().inspect_err(|_| drop(self.0.pop()))
    }

    pub fn iter(&self) -> impl Iterator<Item = &Extension> {
        self.0.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn check(&self) -> Result<(), DecodeError> {
        if self.0.len() > EXTENSIONS {
            return Err(DecodeError::Bound {
                what: "the number of extensions",
                bound: EXTENSIONS,
            });
        }
        if self
            .0
            .iter()
            .any(|extension| extension.value.len() > EXTENSION_BYTES)
        {
            return Err(DecodeError::Bound {
                what: "an extension's size",
                bound: EXTENSION_BYTES,
            });
        }
        Ok(())
    }
}
