//! TLS handshakes over TCP under way: a rule without I/O.
//!
//! An honest handshake takes a round trip or two, one that is never finished takes its whole time.
//! So there is always room for the newest: the oldest one gives way, first of those of an address
//! that has more than its share.

use std::collections::VecDeque;

use tokio::sync::oneshot;

use crate::guard::rate;

/// One of so many handshakes may come from a single address.
const SHARE: usize = 4;

pub(super) struct Door {
    waiting: VecDeque<Waiting>,
    number: u64,
    bound: usize,
    each: usize,
}

struct Waiting {
    number: u64,
    who: rate::Who,
    /// Dropped, it tells the handshake to give way.
    _stay: oneshot::Sender<()>,
}

/// A place among them.
pub(super) struct Place {
    pub(super) number: u64,
    /// Ends when another takes the place.
    pub(super) taken: oneshot::Receiver<()>,
}

impl Door {
    /// `addresses`: whether an address has a share of its own.
    pub(super) fn new(bound: usize, addresses: bool) -> Self {
        Self {
            waiting: VecDeque::new(),
            number: 0,
            bound: bound.max(1),
            each: if addresses {
                (bound / SHARE).max(1)
            } else {
                bound.max(1)
            },
        }
    }

    pub(super) fn enter(&mut self, who: rate::Who) -> Place {
        let of_theirs = self.waiting.iter().filter(|it| it.who == who).count();
        if of_theirs >= self.each {
            self.waiting
                .iter()
                .position(|it| it.who == who)
                .and_then(|oldest| self.waiting.remove(oldest));
        } else if self.waiting.len() >= self.bound {
            self.waiting.pop_front();
        }
        self.number += 1;
        let (stay, taken) = oneshot::channel();
        self.waiting.push_back(Waiting {
            number: self.number,
            who,
            _stay: stay,
        });
        Place {
            number: self.number,
            taken,
        }
    }

    /// The handshake is over, however it ended.
    pub(super) fn left(&mut self, number: u64) {
        self.waiting.retain(|it| it.number != number);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn who(last: u8) -> rate::Who {
        rate::Who::address(IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)))
    }

    fn gave_way(place: &mut Place) -> bool {
        place.taken.try_recv() == Err(oneshot::error::TryRecvError::Closed)
    }

    #[test]
    fn the_newest_always_has_a_place_and_the_oldest_gives_way() {
        let mut door = Door::new(3, false);
        let mut places: Vec<Place> = (0..5).map(|_| door.enter(who(1))).collect();
        let gone: Vec<bool> = places.iter_mut().map(gave_way).collect();
        assert_eq!(gone, [true, true, false, false, false]);
        door.left(places[2].number);
        let sixth = door.enter(who(1));
        assert!(!gave_way(&mut places[3]));
        door.left(sixth.number);
    }

    #[test]
    fn an_address_beyond_its_share_gives_way_to_itself() {
        let mut door = Door::new(8, true);
        let mut honest = door.enter(who(1));
        let mut flood: Vec<Place> = (0..100).map(|_| door.enter(who(2))).collect();
        assert!(!gave_way(&mut honest));
        let gone = flood.iter_mut().map(gave_way).filter(|gone| *gone).count();
        assert_eq!(gone, 98);
    }
}
