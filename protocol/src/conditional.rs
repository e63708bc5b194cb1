//! Conditional reads: who holds an answer asks whether it is still the same, and is spared its rows.
//!
//! The requests GET_PAGE, LIST_ROOMS, LIST_MEMBERS and FIND_PEOPLE take part. A server that does not
//! know of it answers as ever, and says no version.

use crate::extension::Extensions;

/// Bytes of a version: two answers that differ never share one, even where somebody tries.
pub const VERSION_BYTES: usize = 16;

/// Tag in a request: the version held, or nothing where none is held but the answer's is wanted.
const HELD: u16 = 1;
/// Tag in a reply: the version of its rows.
const VERSION: u16 = 1;
/// Tag in a reply: its rows are those of the version held, and left out.
const UNCHANGED: u16 = 2;

/// Which rows an answer has. To be compared, and to be made by servers only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Version(pub [u8; VERSION_BYTES]);

/// What a request says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Nothing: the answer says no version.
    Plainly,
    /// The answer with its version, or that it is unchanged.
    Holding(Option<Version>),
}

/// What a reply says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    pub version: Version,
    /// The rows are those of the version held; none are in the reply.
    pub unchanged: bool,
}

impl Asked {
    /// What a request's extensions say. A version that is none counts as none held.
    pub fn of(ext: &Extensions) -> Self {
        match ext.get(HELD) {
            None => Self::Plainly,
            Some(held) => Self::Holding(read(held)),
        }
    }

    /// As a request carries it.
    pub fn extension(self) -> Extensions {
        let mut ext = Extensions::NONE;
        if let Self::Holding(held) = self {
            // One extension of at most 16 bytes is within every bound.
            let _ = ext.push(HELD, held.map(|it| it.0.to_vec()).unwrap_or_default());
        }
        ext
    }
}

impl Told {
    /// What a reply's extensions say; `None` from a server that knows no versions.
    pub fn of(ext: &Extensions) -> Option<Self> {
        Some(Self {
            version: read(ext.get(VERSION)?)?,
            unchanged: ext.get(UNCHANGED).is_some(),
        })
    }

    /// As a reply carries it.
    pub fn extension(self) -> Extensions {
        let mut ext = Extensions::NONE;
        // Two small extensions are within every bound.
        let _ = ext.push(VERSION, self.version.0.to_vec());
        if self.unchanged {
            let _ = ext.push(UNCHANGED, Vec::new());
        }
        ext
    }
}

fn read(bytes: &[u8]) -> Option<Version> {
    bytes.try_into().ok().map(Version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_read_again() {
        let version = Version([7; VERSION_BYTES]);
        for asked in [
            Asked::Plainly,
            Asked::Holding(None),
            Asked::Holding(Some(version)),
        ] {
            assert_eq!(Asked::of(&asked.extension()), asked);
        }
        for unchanged in [false, true] {
            let told = Told { version, unchanged };
            assert_eq!(Told::of(&told.extension()), Some(told));
        }
        assert_eq!(Told::of(&Extensions::NONE), None);
    }

    #[test]
    fn a_version_that_is_none_counts_as_none_held() {
        let mut ext = Extensions::NONE;
        let pushed = ext.push(HELD, vec![1, 2, 3]);
        assert_eq!((pushed, Asked::of(&ext)), (Ok(()), Asked::Holding(None)));
    }
}
