//! Who is there and who is typing: volatile, coalesced, shed first. Rules without I/O.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use parlor_protocol::limit::{PRESENCE_PEOPLE, TYPING_PEOPLE};
use parlor_protocol::signal::{PersonPresence, PresenceDigest, PresenceState, TypingDigest};
use parlor_protocol::{Extensions, UserId, frame};

use super::state::State;

/// Changes of a room's presence within this time travel in one digest.
pub(super) const COALESCE: Duration = Duration::from_millis(20);
/// A room's next digest follows its last one after this long at the earliest; a large room sends
/// counts only, and seldom.
const PAUSE_MS: u64 = 200;
const PAUSE_LARGE_MS: u64 = 2_000;
/// How long a person counts as typing after the last signal.
const TYPING_MS: u64 = 5_000;
/// People named in one digest so that it fits a datagram.
const NAMED: usize = 56;

/// Presence of everyone linked to this shard.
#[derive(Default)]
pub(super) struct Presences {
    people: HashMap<UserId, PresenceState>,
    /// Rooms whose digest is due, by slot.
    touched: HashSet<u32>,
    sent_ms: HashMap<u32, u64>,
    typing: HashMap<u32, Vec<(UserId, u64)>>,
    typing_changed: HashSet<u32>,
}

impl Presences {
    pub(super) fn came(&mut self, user: UserId, state: PresenceState) {
        self.people.insert(user, state);
    }

    pub(super) fn went(&mut self, user: UserId) {
        self.people.remove(&user);
        for (slot, people) in &mut self.typing {
            let before = people.len();
            people.retain(|(other, _)| *other != user);
            if people.len() != before {
                self.typing_changed.insert(*slot);
            }
        }
    }

    /// Sets what a person does; whether that changed anything.
    pub(super) fn set(&mut self, user: UserId, state: PresenceState) -> bool {
        self.people
            .get_mut(&user)
            .is_some_and(|held| std::mem::replace(held, state) != state)
    }

    /// Somebody of this room came, went or changed.
    pub(super) fn touch(&mut self, slot: u32) {
        self.touched.insert(slot);
    }

    /// Rooms whose digest is due at `now_ms`. Each must be answered for.
    pub(super) fn due(&mut self, now_ms: u64, is_large: impl Fn(u32) -> bool) -> Vec<u32> {
        let mut due = Vec::new();
        let sent = &mut self.sent_ms;
        self.touched.retain(|slot| {
            let pause = if is_large(*slot) {
                PAUSE_LARGE_MS
            } else {
                PAUSE_MS
            };
            let is_due = sent.get(slot).is_none_or(|at| now_ms >= at + pause);
            if is_due {
                sent.insert(*slot, now_ms);
                due.push(*slot);
            }
            !is_due
        });
        due
    }

    /// Whether anything waits for its time.
    pub(super) fn is_waiting(&self) -> bool {
        !self.touched.is_empty() || !self.typing_changed.is_empty() || !self.typing.is_empty()
    }

    /// The people of a digest: everyone online, or nobody in a room too large for names.
    pub(super) fn digest(&self, users: &HashSet<UserId>) -> (bool, Vec<PersonPresence>) {
        if users.len() > NAMED.min(PRESENCE_PEOPLE) {
            return (false, Vec::new());
        }
        let state = |user: &UserId| {
            self.people
                .get(user)
                .copied()
                .unwrap_or(PresenceState::ONLINE)
        };
        (
            true,
            users
                .iter()
                .map(|user| PersonPresence {
                    user: *user,
                    state: state(user),
                })
                .collect(),
        )
    }

    pub(super) fn typing(&mut self, slot: u32, user: UserId, on: bool, now_ms: u64) {
        let people = self.typing.entry(slot).or_default();
        let known = people.iter().position(|(other, _)| *other == user);
        match (known, on) {
            (Some(at), true) => people[at].1 = now_ms + TYPING_MS,
            (Some(at), false) => {
                people.swap_remove(at);
                self.typing_changed.insert(slot);
            }
            (None, true) if people.len() < TYPING_PEOPLE => {
                people.push((user, now_ms + TYPING_MS));
                self.typing_changed.insert(slot);
            }
            (None, _) => {}
        }
    }

    /// Rooms whose typing people changed, with who types now.
    pub(super) fn typing_due(&mut self, now_ms: u64) -> Vec<(u32, Vec<UserId>)> {
        let changed = &mut self.typing_changed;
        self.typing.retain(|slot, people| {
            let before = people.len();
            people.retain(|(_, until)| *until > now_ms);
            if people.len() != before {
                changed.insert(*slot);
            }
            !people.is_empty() || changed.contains(slot)
        });
        let due = changed.drain().map(|slot| {
            let people = self
                .typing
                .get(&slot)
                .map(|people| people.iter().map(|(user, _)| *user).collect());
            (slot, people.unwrap_or_default())
        });
        let due: Vec<_> = due.collect();
        self.typing.retain(|_, people| !people.is_empty());
        due
    }

    /// A room has no links any more.
    pub(super) fn forget(&mut self, slot: u32) {
        self.sent_ms.remove(&slot);
        self.touched.remove(&slot);
        self.typing.remove(&slot);
        self.typing_changed.remove(&slot);
    }
}

impl State {
    /// Sends the digests that are due; `again`: all of them, since they expire.
    pub(super) fn send_presence(&mut self, now_ms: u64, again: bool) {
        if again {
            let slots: Vec<u32> = self.hub.open_slots().collect();
            slots
                .into_iter()
                .for_each(|slot| self.presences.touch(slot));
        }
        if !self.presences.is_waiting() {
            return;
        }
        let hub = &self.hub;
        let is_large = |slot| {
            hub.get(slot)
                .is_some_and(|room| room.links().count() > NAMED)
        };
        for slot in self.presences.due(now_ms, is_large) {
            self.send_digest(slot);
        }
        for (slot, people) in self.presences.typing_due(now_ms) {
            let Some(room) = self.hub.get(slot) else {
                continue;
            };
            let digest = TypingDigest {
                room: room.head.room,
                people,
                ext: Extensions::NONE,
            };
            self.signal(slot, &frame::encode(0, &digest));
        }
    }

    fn send_digest(&mut self, slot: u32) {
        let Some(room) = self.hub.get(slot).filter(|room| !room.full.is_empty()) else {
            return;
        };
        let user = |index: u32| {
            self.links
                .get(index as usize)
                .filter(|link| link.entered)?
                .who
                .as_ref()
                .map(|who| who.user)
        };
        let users: HashSet<UserId> = room.links().filter_map(user).collect();
        let (complete, people) = self.presences.digest(&users);
        let online = users.len() as u32;
        let digest = PresenceDigest {
            room: room.head.room,
            online,
            complete,
            people,
            ext: Extensions::NONE,
        };
        self.signal(slot, &frame::encode(0, &digest));
    }

    /// Sends a signal to everyone who has the room open and nothing waiting: signals never
    /// displace messages.
    fn signal(&self, slot: u32, signal: &bytes::Bytes) {
        let Some(room) = self.hub.get(slot) else {
            return;
        };
        for index in &room.full {
            let Some(link) = self.links.get(*index as usize).filter(|link| link.entered) else {
                continue;
            };
            if link
                .push
                .as_ref()
                .is_none_or(|push| push.queued_bytes() < SIGNALS_BELOW_BYTES)
            {
                link.connection.send_signal(signal.clone());
            }
        }
    }
}

/// A link with more than this waiting for it gets no signals, bytes.
const SIGNALS_BELOW_BYTES: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_of_a_room_are_coalesced_and_paced() {
        let mut presences = Presences::default();
        presences.touch(1);
        presences.touch(1);
        assert_eq!(presences.due(1_000, |_| false), [1]);
        presences.touch(1);
        assert!(presences.due(1_100, |_| false).is_empty() && presences.is_waiting());
        assert_eq!(presences.due(1_200, |_| false), [1]);
        presences.touch(1);
        assert!(presences.due(2_000, |_| true).is_empty());
    }

    #[test]
    fn a_large_room_names_nobody() {
        let presences = Presences::default();
        let few: HashSet<_> = (0..3).map(|_| UserId::new()).collect();
        let many: HashSet<_> = (0..200).map(|_| UserId::new()).collect();
        assert_eq!(presences.digest(&few).1.len(), 3);
        assert_eq!(presences.digest(&many), (false, Vec::new()));
    }

    #[test]
    fn typing_ends_by_signal_by_time_and_by_leaving() {
        let (mut presences, ada, bob) = (Presences::default(), UserId::new(), UserId::new());
        presences.typing(1, ada, true, 0);
        presences.typing(1, bob, true, 1_000);
        assert_eq!(presences.typing_due(1_000), [(1, vec![ada, bob])]);
        assert!(presences.typing_due(1_100).is_empty());
        assert_eq!(presences.typing_due(5_500), [(1, vec![bob])]);
        presences.went(bob);
        assert_eq!(presences.typing_due(5_600), [(1, vec![])]);
        assert!(!presences.is_waiting());
    }
}
