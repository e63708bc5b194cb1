//! How much memory bulk transfers hold: rules without I/O.
//!
//! A text of a megabyte stands in memory from its first byte to its last, and a slow or hostile
//! reader takes its time. The node bounds all of them together, and each person to a share, so that
//! nobody keeps the others from theirs.

use std::collections::HashMap;

use parlor_protocol::limit::TEXT_BYTES;
use parlor_protocol::{Code, Refusal, UserId};

/// Memory of all transfers of a node, bytes.
const NODE_BYTES: usize = 64 * TEXT_BYTES;
/// Memory of one person's transfers, bytes.
const PERSON_BYTES: usize = 8 * TEXT_BYTES;
/// When a refused transfer may be tried again, ms: about the time that one takes on a fair line.
const RETRY_MS: u32 = 1_000;

/// Bytes held by transfers under way.
#[derive(Debug, Default)]
pub struct Bulk {
    bytes: usize,
    by_person: HashMap<UserId, usize>,
}

impl Bulk {
    /// Takes so many bytes for a transfer of a person, or none; give them back with
    /// [`Bulk::release`].
    pub fn take(&mut self, user: UserId, bytes: usize) -> Result<(), Refusal> {
        let held = self.by_person.get(&user).copied().unwrap_or(0);
        if self.bytes + bytes > NODE_BYTES || held + bytes > PERSON_BYTES {
            return Err(Refusal::new(Code::BUSY).retry_after_ms(RETRY_MS));
        }
        self.bytes += bytes;
        self.by_person.insert(user, held + bytes);
        Ok(())
    }

    pub fn release(&mut self, user: UserId, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
        let Some(held) = self.by_person.get_mut(&user) else {
            return;
        };
        *held = held.saturating_sub(bytes);
        if *held == 0 {
            self.by_person.remove(&user);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_person_has_a_share_and_all_have_a_bound() {
        let mut bulk = Bulk::default();
        let people: Vec<UserId> = (0..9).map(|_| UserId::new()).collect();
        for user in &people[..8] {
            for _ in 0..8 {
                assert!(bulk.take(*user, TEXT_BYTES).is_ok());
            }
            assert_eq!(bulk.take(*user, 1).map_err(|it| it.code), Err(Code::BUSY));
        }
        assert!(bulk.take(people[8], 1).is_err(), "the node is full");
        bulk.release(people[0], TEXT_BYTES);
        assert!(bulk.take(people[8], TEXT_BYTES).is_ok());
        for user in &people[..8] {
            bulk.release(*user, PERSON_BYTES);
        }
        bulk.release(people[8], TEXT_BYTES);
        assert_eq!((bulk.bytes, bulk.by_person.len()), (0, 0));
    }
}
