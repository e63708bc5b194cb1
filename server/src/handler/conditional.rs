//! Answers that somebody may hold already: the version of their rows, and whether to send them.
//!
//! The version is a hash of the rows, so that it is the same on every node and after every restart,
//! and needs no memory. The asker's access is checked before.

use parlor_protocol::Extensions;
use parlor_protocol::codec::{self, Encode};
use parlor_protocol::conditional::{Asked, Told, VERSION_BYTES, Version};
use sha2::{Digest, Sha256};

/// Takes the rows out where the asker holds them; the reply's extensions.
pub(super) fn spare<T: Encode>(
    asked: &Extensions,
    rows: &mut Vec<T>,
    beside: &[u64],
) -> Extensions {
    let Asked::Holding(held) = Asked::of(asked) else {
        return Extensions::NONE;
    };
    let version = version(rows, beside);
    let unchanged = held == Some(version);
    if unchanged {
        rows.clear();
    }
    Told { version, unchanged }.extension()
}

/// `beside`: what else of the reply belongs to its rows.
fn version<T: Encode>(rows: &Vec<T>, beside: &[u64]) -> Version {
    let mut hash = Sha256::new();
    for number in beside {
        hash.update(number.to_le_bytes());
    }
    hash.update(codec::encode(rows));
    let hash: [u8; 32] = hash.finalize().into();
    let mut version = [0; VERSION_BYTES];
    version.copy_from_slice(&hash[..VERSION_BYTES]);
    Version(version)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn ask(held: Option<Version>, rows: &[&str]) -> (Option<Told>, usize) {
        let mut rows: Vec<String> = rows.iter().map(|&it| it.to_owned()).collect();
        let ext = spare(&Asked::Holding(held).extension(), &mut rows, &[1]);
        (Told::of(&ext), rows.len())
    }

    #[test]
    fn who_holds_the_rows_is_spared_them_until_they_change() {
        let (told, sent) = ask(None, &["one", "two"]);
        let held = told.unwrap();
        assert_eq!((held.unchanged, sent), (false, 2));
        let (told, sent) = ask(Some(held.version), &["one", "two"]);
        assert_eq!((told.unwrap().unchanged, sent), (true, 0));
        let (told, sent) = ask(Some(held.version), &["one", "three"]);
        assert_eq!((told.unwrap().unchanged, sent), (false, 2));
    }

    #[test]
    fn who_asks_plainly_is_told_no_version() {
        let mut rows = vec!["one".to_owned()];
        assert!(spare(&Extensions::NONE, &mut rows, &[]).is_empty());
        assert_eq!(rows.len(), 1);
    }
}
