//! Which channels somebody here needs. No I/O.

use std::collections::{BTreeMap, BTreeSet};

use super::channel::Channel;

/// How often each channel is taken.
#[derive(Debug, Default)]
pub(super) struct Interest {
    taken: BTreeMap<Channel, u32>,
}

impl Interest {
    /// Whether the channel was not taken before.
    pub(super) fn take(&mut self, channel: Channel) -> bool {
        let count = self.taken.entry(channel).or_default();
        *count = count.saturating_add(1);
        *count == 1
    }

    /// Whether nobody needs the channel any more. What was not taken cannot be released.
    pub(super) fn release(&mut self, channel: Channel) -> bool {
        let Some(count) = self.taken.get_mut(&channel) else {
            return false;
        };
        *count -= 1;
        if *count > 0 {
            return false;
        }
        self.taken.remove(&channel);
        true
    }

    pub(super) fn wanted(&self) -> BTreeSet<Channel> {
        self.taken.keys().copied().collect()
    }

    pub(super) fn len(&self) -> usize {
        self.taken.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_wanted_while_anybody_needs_it() {
        let mut interest = Interest::default();
        let room = Channel::Rooms(3);
        assert!(interest.take(room));
        assert!(!interest.take(room));
        assert!(!interest.release(room));
        assert_eq!(interest.wanted(), BTreeSet::from([room]));
        assert!(interest.release(room));
        assert!(!interest.release(room), "once too often does no harm");
        assert_eq!(interest.len(), 0);
    }
}
