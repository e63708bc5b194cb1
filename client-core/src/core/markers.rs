//! When read markers are sent: at most once in 3 s a room, and on leaving it. A rule without I/O.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parlor_protocol::RoomId;

/// Least time between two markers of one room.
const EVERY: Duration = Duration::from_secs(3);

/// Markers that the server does not have yet.
#[derive(Debug, Default)]
pub(super) struct Markers {
    rooms: HashMap<RoomId, Marker>,
}

#[derive(Debug, Default)]
struct Marker {
    wanted: u64,
    /// On its way, or there.
    sent: u64,
    sent_at: Option<Instant>,
}

impl Markers {
    /// The person has read up to `seq`; the greater wins.
    pub(super) fn want(&mut self, room: RoomId, seq: u64) {
        let marker = self.rooms.entry(room).or_default();
        marker.wanted = marker.wanted.max(seq);
    }

    /// The person left the room: its marker need not wait.
    pub(super) fn left(&mut self, room: RoomId) {
        if let Some(marker) = self.rooms.get_mut(&room) {
            marker.sent_at = None;
        }
    }

    /// The server has it at `seq`.
    pub(super) fn known(&mut self, room: RoomId, seq: u64) {
        if let Some(marker) = self.rooms.get_mut(&room) {
            marker.sent = marker.sent.max(seq);
            if marker.wanted <= seq && marker.sent_at.is_none_or(|at| at.elapsed() > EVERY) {
                self.rooms.remove(&room);
            }
        }
    }

    /// It did not get there.
    pub(super) fn failed(&mut self, room: RoomId) {
        if let Some(marker) = self.rooms.get_mut(&room) {
            marker.sent = 0;
        }
    }

    pub(super) fn forget(&mut self, room: RoomId) {
        self.rooms.remove(&room);
    }

    /// The link ended: what was on its way may not have arrived.
    pub(super) fn link_lost(&mut self) {
        self.rooms.values_mut().for_each(|marker| marker.sent = 0);
    }

    /// Those to be sent now; they then count as sent. `all`: without waiting.
    pub(super) fn take_due(&mut self, now: Instant, all: bool) -> Vec<(RoomId, u64)> {
        let mut due = Vec::new();
        for (room, marker) in &mut self.rooms {
            let rested = marker.sent_at.is_none_or(|at| now >= at + EVERY);
            if marker.wanted > marker.sent && (rested || all) {
                marker.sent = marker.wanted;
                marker.sent_at = Some(now);
                due.push((*room, marker.wanted));
            }
        }
        due
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let waiting = self
            .rooms
            .values()
            .filter(|marker| marker.wanted > marker.sent);
        waiting
            .filter_map(|marker| marker.sent_at.map(|at| at + EVERY))
            .min()
    }

    /// What the server does not have: to be kept over a restart.
    pub(super) fn unsent(&self) -> Vec<(RoomId, u64)> {
        let waiting = self
            .rooms
            .iter()
            .filter(|(_, marker)| marker.wanted > marker.sent);
        waiting
            .map(|(room, marker)| (*room, marker.wanted))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: RoomId = RoomId([1; 16]);

    #[test]
    fn the_first_goes_at_once_and_the_next_after_three_seconds() {
        let now = Instant::now();
        let mut markers = Markers::default();
        markers.want(ROOM, 5);
        assert_eq!(markers.take_due(now, false), [(ROOM, 5)]);
        markers.want(ROOM, 7);
        markers.want(ROOM, 6);
        assert_eq!(markers.take_due(now + Duration::from_secs(2), false), []);
        assert_eq!(markers.deadline(), Some(now + EVERY));
        assert_eq!(markers.take_due(now + EVERY, false), [(ROOM, 7)]);
    }

    #[test]
    fn whoever_leaves_the_room_takes_the_marker_along() {
        let now = Instant::now();
        let mut markers = Markers::default();
        markers.want(ROOM, 5);
        markers.take_due(now, false);
        markers.want(ROOM, 6);
        markers.left(ROOM);
        assert_eq!(markers.take_due(now, false), [(ROOM, 6)]);
    }

    #[test]
    fn what_a_broken_link_took_is_sent_again() {
        let now = Instant::now();
        let mut markers = Markers::default();
        markers.want(ROOM, 5);
        markers.take_due(now, false);
        markers.link_lost();
        assert_eq!(markers.unsent(), [(ROOM, 5)]);
        assert_eq!(markers.take_due(now + EVERY, false), [(ROOM, 5)]);
        markers.known(ROOM, 5);
        assert!(markers.unsent().is_empty());
    }

    #[test]
    fn a_marker_moved_further_elsewhere_is_not_sent() {
        let mut markers = Markers::default();
        markers.want(ROOM, 5);
        markers.known(ROOM, 9);
        assert_eq!(markers.take_due(Instant::now(), true), []);
    }
}
