//! Who is there and who is typing: volatile, coalesced, shed first. Rules without I/O; when what
//! they say leaves is decided by [`super::pace`].

use std::collections::{HashMap, HashSet};

use parlor_protocol::limit::{PRESENCE_PEOPLE, TYPING_PEOPLE};
use parlor_protocol::signal::{PersonPresence, PresenceDigest, PresenceState};
use parlor_protocol::{Extensions, RoomId, UserId};

use super::LinkRef;
use super::others::Online;
use super::pace::{Pacer, Sort};

/// How long a person counts as typing after the last signal.
const TYPING_MS: u64 = 5_000;
/// How often it is looked whether somebody stopped without saying so.
pub(super) const TYPING_LOOK_MS: u64 = 250;
/// People named in one digest, so that it fits a datagram.
const NAMED: usize = 60;

/// Presence of everyone linked to this shard.
#[derive(Default)]
pub(super) struct Presences {
    people: HashMap<UserId, PresenceState>,
    /// Who changed since a room's last digest, by slot.
    changed: HashMap<u32, Changed>,
    /// Rooms whose last digest named nobody, since too many were online.
    counted: HashSet<u32>,
    typing: HashMap<u32, Vec<(UserId, u64)>>,
    pub(super) pacer: Pacer,
    /// Links that opened a room in this step, and know nothing of it yet.
    pub(super) openers: Vec<(u32, LinkRef)>,
}

enum Changed {
    Some(Vec<UserId>),
    All,
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
                self.pacer.touch((*slot, Sort::Typing));
            }
        }
    }

    /// Sets what a person does; whether that changed anything.
    pub(super) fn set(&mut self, user: UserId, state: PresenceState) -> bool {
        self.people
            .get_mut(&user)
            .is_some_and(|held| std::mem::replace(held, state) != state)
    }

    /// Somebody of this room came, went or changed; without a person, everything is told anew.
    pub(super) fn touch(&mut self, slot: u32, user: Option<UserId>) {
        self.pacer.touch((slot, Sort::Presence));
        let changed = self.changed.entry(slot);
        let changed = changed.or_insert_with(|| Changed::Some(Vec::new()));
        match (changed, user) {
            (Changed::Some(people), Some(user)) if people.len() < PRESENCE_PEOPLE => {
                if !people.contains(&user) {
                    people.push(user);
                }
            }
            (changed, _) => *changed = Changed::All,
        }
    }

    /// Whether there is anything that may leave with this step.
    pub(super) fn is_fresh(&self) -> bool {
        self.pacer.is_fresh() || !self.openers.is_empty()
    }

    /// What a person with a link here does.
    pub(super) fn state(&self, user: UserId) -> PresenceState {
        let held = self.people.get(&user).copied();
        held.unwrap_or(PresenceState::ONLINE)
    }

    /// What to tell a room of who is online in it: everyone where one datagram holds that, else
    /// those who changed, and in a room too large for names how many there are.
    pub(super) fn digests(
        &mut self,
        slot: u32,
        room: RoomId,
        online: &Online,
    ) -> Vec<PresenceDigest> {
        let changed = self.changed.remove(&slot).unwrap_or(Changed::All);
        if online.count() > PRESENCE_PEOPLE {
            self.counted.insert(slot);
            return whole(room, online);
        }
        match (self.counted.remove(&slot), changed) {
            (false, Changed::Some(people)) if online.count() > NAMED => {
                name(room, online, people.into_iter(), false)
            }
            _ => whole(room, online),
        }
    }

    pub(super) fn typing(&mut self, slot: u32, user: UserId, on: bool, now_ms: u64) {
        let people = self.typing.entry(slot).or_default();
        let known = people.iter().position(|(other, _)| *other == user);
        match (known, on) {
            (Some(at), true) => people[at].1 = now_ms + TYPING_MS,
            (Some(at), false) => {
                people.swap_remove(at);
                self.pacer.touch((slot, Sort::Typing));
            }
            (None, true) if people.len() < TYPING_PEOPLE => {
                people.push((user, now_ms + TYPING_MS));
                self.pacer.touch((slot, Sort::Typing));
            }
            (None, _) => {}
        }
        if self.typing.get(&slot).is_some_and(Vec::is_empty) {
            self.typing.remove(&slot);
        }
    }

    /// Who types in a room.
    pub(super) fn typing_in(&self, slot: u32) -> Vec<UserId> {
        let people = self.typing.get(&slot).into_iter().flatten();
        people.map(|(user, _)| *user).collect()
    }

    /// Forgets who has said nothing for too long.
    pub(super) fn expire_typing(&mut self, now_ms: u64) {
        let pacer = &mut self.pacer;
        self.typing.retain(|slot, people| {
            let before = people.len();
            people.retain(|(_, until)| *until > now_ms);
            if people.len() != before {
                pacer.touch((*slot, Sort::Typing));
            }
            !people.is_empty()
        });
    }

    pub(super) fn is_typing(&self) -> bool {
        !self.typing.is_empty()
    }

    /// A room has no links any more.
    pub(super) fn forget(&mut self, slot: u32) {
        self.changed.remove(&slot);
        self.counted.remove(&slot);
        self.typing.remove(&slot);
        self.pacer.forget(slot);
    }
}

/// Everything there is to tell of a room.
pub(super) fn whole(room: RoomId, online: &Online) -> Vec<PresenceDigest> {
    let named = (online.count() <= PRESENCE_PEOPLE).then_some(&online.people);
    let people = named.into_iter().flat_map(HashMap::keys).copied();
    name(room, online, people, online.count() <= NAMED)
}

fn name(
    room: RoomId,
    online: &Online,
    people: impl Iterator<Item = UserId>,
    complete: bool,
) -> Vec<PresenceDigest> {
    let person = |user: UserId| PersonPresence {
        user,
        state: match online.people.get(&user) {
            Some(state) => *state,
            None => PresenceState::OFFLINE,
        },
    };
    let digest = |people: &[PersonPresence]| PresenceDigest {
        room,
        online: u32::try_from(online.count()).unwrap_or(u32::MAX),
        complete,
        people: people.to_vec(),
        ext: Extensions::NONE,
    };
    let people: Vec<PersonPresence> = people.map(person).collect();
    match people.len() {
        0 => vec![digest(&[])],
        _ => people.chunks(NAMED).map(digest).collect(),
    }
}

#[cfg(test)]
mod tests {
    use parlor_protocol::frame;
    use parlor_protocol::limit::{HEADER_BYTES, SIGNAL_BYTES};

    use super::*;

    fn people(count: usize) -> Online {
        let one = |_| (UserId::new(), PresenceState::ONLINE);
        Online {
            people: (0..count).map(one).collect(),
            unnamed: 0,
        }
    }

    #[test]
    fn a_small_room_is_told_whole_and_each_digest_fits_a_datagram() {
        let (mut presences, room) = (Presences::default(), RoomId::new());
        for (count, datagrams) in [(0, 1), (3, 1), (NAMED, 1), (NAMED + 1, 2), (100, 2)] {
            let users = people(count);
            presences.touch(1, None);
            let digests = presences.digests(1, room, &users);
            assert_eq!(digests.len(), datagrams, "{count} people");
            let named: HashSet<UserId> = digests
                .iter()
                .flat_map(|digest| digest.people.iter().map(|it| it.user))
                .collect();
            assert_eq!(named, users.people.keys().copied().collect());
            for digest in digests {
                assert_eq!(digest.complete, count <= NAMED);
                assert_eq!(digest.online as usize, count);
                assert!(frame::encode(0, &digest).len() <= HEADER_BYTES + SIGNAL_BYTES);
            }
        }
    }

    #[test]
    fn a_room_of_a_hundred_hears_only_of_who_changed() {
        let (mut presences, room, mut users) = (Presences::default(), RoomId::new(), people(100));
        let ada = users.people.keys().next().copied().unwrap_or_default();
        presences.came(ada, PresenceState::ONLINE);
        presences.touch(1, None);
        presences.digests(1, room, &users);

        assert!(presences.set(ada, PresenceState::AWAY));
        users.people.insert(ada, presences.state(ada));
        presences.touch(1, Some(ada));
        presences.touch(1, Some(ada));
        let told = |digests: Vec<PresenceDigest>| -> Vec<(UserId, PresenceState)> {
            assert!(digests.iter().all(|digest| !digest.complete));
            let people = digests.into_iter().flat_map(|digest| digest.people);
            people.map(|it| (it.user, it.state)).collect()
        };
        let away = told(presences.digests(1, room, &users));
        assert_eq!(away, [(ada, PresenceState::AWAY)]);

        users.people.remove(&ada);
        presences.went(ada);
        presences.touch(1, Some(ada));
        let gone = told(presences.digests(1, room, &users));
        assert_eq!(gone, [(ada, PresenceState::OFFLINE)]);
    }

    #[test]
    fn a_large_room_names_nobody_and_everybody_once_it_is_smaller_again() {
        let (mut presences, room) = (Presences::default(), RoomId::new());
        let (many, fewer) = (people(101), people(99));
        presences.touch(1, None);
        let digests = presences.digests(1, room, &many);
        assert_eq!((digests.len(), digests[0].online), (1, 101));
        assert!(digests[0].people.is_empty() && !digests[0].complete);
        presences.touch(1, many.people.keys().next().copied());
        let named: usize = presences
            .digests(1, room, &fewer)
            .iter()
            .map(|digest| digest.people.len())
            .sum();
        assert_eq!(named, 99);
    }

    #[test]
    fn typing_ends_by_signal_by_time_and_by_leaving() {
        let (mut presences, ada, bob) = (Presences::default(), UserId::new(), UserId::new());
        let topic = (1, Sort::Typing);
        presences.typing(1, ada, true, 0);
        presences.typing(1, bob, true, 1_000);
        assert_eq!(presences.pacer.next(1_000), Some(topic));
        assert_eq!(presences.typing_in(1), [ada, bob]);
        // Going on is no news.
        presences.typing(1, bob, true, 1_100);
        presences.expire_typing(1_100);
        assert_eq!(presences.pacer.next(1_100), None);
        presences.expire_typing(5_500);
        assert_eq!(presences.pacer.next(5_500), Some(topic));
        assert_eq!(presences.typing_in(1), [bob]);
        presences.went(bob);
        assert_eq!(presences.pacer.next(5_600), Some(topic));
        assert!(presences.typing_in(1).is_empty());
        presences.expire_typing(5_700);
        assert!(!presences.is_typing());
    }
}
