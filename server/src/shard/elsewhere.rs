//! What other nodes committed and a person here must not miss: rooms that came to them or went, and
//! how far their own entries were followed.
//!
//! A room that somebody here reads is followed in the order of its revs, and who may read it with it:
//! a late word of another node about a person's rooms never overrules that. Where the two differ the
//! database is asked.

use std::collections::{HashMap, HashSet};

use parlor_protocol::UserId;
use parlor_protocol::room::{Head, RoomKind, RoomSummary};
use parlor_protocol::sync::UserEntry;

use super::Here;
use super::state::{Shard, State};
use crate::store::UserAppended;

/// How far the own entries of people with links here were followed. No I/O.
#[derive(Debug, Default)]
pub(super) struct Own(HashMap<UserId, u64>);

impl Own {
    /// A link of the person entered, and read their rooms after `rev`. What an earlier link of theirs
    /// has not been told yet stays missing.
    pub(super) fn begin(&mut self, user: UserId, rev: u64) {
        self.0.entry(user).or_insert(rev);
    }

    /// Entries came that lead from `before` to `rev`. Beyond a gap nothing is followed.
    pub(super) fn follow(&mut self, user: UserId, before: u64, rev: u64) -> Followed {
        let Some(held) = self.0.get_mut(&user) else {
            return Followed::Gap;
        };
        if rev <= *held {
            return Followed::Known;
        }
        if before > *held {
            return Followed::Gap;
        }
        *held = rev;
        Followed::Yes
    }

    /// Everything up to `rev` was read.
    pub(super) fn reached(&mut self, user: UserId, rev: u64) {
        if let Some(held) = self.0.get_mut(&user) {
            *held = rev.max(*held);
        }
    }

    pub(super) fn of(&self, user: UserId) -> u64 {
        self.0.get(&user).copied().unwrap_or(0)
    }

    pub(super) fn forget(&mut self, user: UserId) {
        self.0.remove(&user);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Followed {
    Yes,
    Known,
    Gap,
}

impl State {
    pub(super) fn begin_own(&mut self, user: UserId, rev: u64) {
        if self.peers.is_some() {
            self.own.begin(user, rev);
        }
    }

    pub(super) fn follow_own(&mut self, user: UserId, before: u64, rev: u64) {
        if self.peers.is_some() && self.own.follow(user, before, rev) == Followed::Gap {
            self.suspect_people();
        }
    }

    fn suspect_people(&self) {
        if let Some(peers) = &self.peers {
            peers.suspect_people();
        }
    }

    /// Another node committed something of a person's own.
    pub(super) fn user_elsewhere(&mut self, appended: &UserAppended, shard: &Shard) {
        let user = appended.user;
        if self.links_of(user).is_empty() {
            return;
        }
        // One that comes late says what is over by now: of rooms, nothing is taken from it.
        let is_next = appended.rev > self.own.of(user);
        let mut certain = true;
        for entry in appended.entries.iter().filter(|_| is_next) {
            certain &= match entry.open_user() {
                Ok(UserEntry::Room(summary)) => self.room_came(user, &summary, shard),
                Ok(UserEntry::RoomGone(gone)) => {
                    self.room_gone(user, gone.room);
                    true
                }
                Ok(_) => true,
                Err(_) => false,
            };
        }
        // What is not certain is read: the rev stays behind it until then.
        let held = self.own.of(user);
        self.user_appended(appended);
        if !certain {
            self.own.forget(user);
            self.own.begin(user, held);
            self.suspect_people();
        }
    }

    /// Whether that is settled: either the person's links have the room, or its own order brings it.
    fn room_came(&mut self, user: UserId, summary: &RoomSummary, shard: &Shard) -> bool {
        let head = Head {
            room: summary.room,
            head: summary.head,
            rev: summary.rev,
        };
        let Some(slot) = self.hub.slot(head.room) else {
            self.came(user, head, summary.kind == RoomKind::DIRECT);
            return true;
        };
        let at = self.hub.get(slot).map_or(0, |room| room.ring.rev());
        if at < head.rev {
            self.room_reached(head, shard);
            return true;
        }
        self.has_room(user, slot)
    }

    fn room_gone(&mut self, user: UserId, room: parlor_protocol::RoomId) {
        match self.hub.slot(room) {
            // Nobody here reads it: only who is just entering may be about to.
            None => self.went(user, room),
            Some(slot) if self.has_room(user, slot) => {
                if let Some(peers) = &self.peers {
                    peers.suspect(room);
                }
            }
            Some(_) => {}
        }
    }

    /// Whether each link of the person has the room as a member.
    fn has_room(&mut self, user: UserId, slot: u32) -> bool {
        let links = self.links_of(user).to_vec();
        links.into_iter().all(|index| {
            let link = self.links.get_mut(index as usize);
            link.is_none_or(|link| link.joined(slot).is_some_and(|joined| !joined.visitor))
        })
    }

    /// Everyone with an entered link here.
    pub(super) fn who_is_here(&self) -> Vec<Here> {
        let mut here: HashMap<UserId, Here> = HashMap::new();
        for (_, link) in self.links.iter().filter(|(_, link)| link.entered) {
            if let Some(who) = &link.who {
                let person = here.entry(who.user).or_insert_with(|| Here {
                    user: who.user,
                    rev: self.own.of(who.user),
                    sessions: Vec::new(),
                });
                person.sessions.push(who.session);
            }
        }
        here.into_values().collect()
    }

    /// A person's rooms were read, since something of theirs was missed.
    pub(super) fn rooms_read(
        &mut self,
        user: UserId,
        rev: u64,
        rooms: Vec<(Head, bool)>,
        shard: &Shard,
    ) {
        let mut certain = true;
        let theirs: HashSet<_> = rooms.iter().map(|(head, _)| head.room).collect();
        for (head, direct) in rooms {
            match self.hub.slot(head.room) {
                None => self.came(user, head, direct),
                Some(slot) if self.has_room(user, slot) => self.room_reached(head, shard),
                Some(slot) => {
                    let at = self.hub.get(slot).map_or(0, |room| room.ring.rev());
                    if at <= head.rev {
                        self.came(user, head, direct);
                        self.room_reached(head, shard);
                    } else {
                        // The room has gone on since: read once more.
                        certain = false;
                    }
                }
            }
        }
        self.doubt_others(user, &theirs);
        if certain {
            self.own.reached(user, rev);
        } else {
            self.suspect_people();
        }
        for index in self.links_of(user).to_vec() {
            if let Some(link) = self.links.get_mut(index as usize) {
                link.user_rev = link.user_rev.max(rev);
                link.behind_user = true;
            }
            self.catch_up(index, shard);
        }
    }

    /// Rooms that a person's links have and the database does not give them.
    fn doubt_others(&mut self, user: UserId, theirs: &HashSet<parlor_protocol::RoomId>) {
        let Some(peers) = self.peers.clone() else {
            return;
        };
        for index in self.links_of(user).to_vec() {
            let Some(link) = self.links.get(index as usize) else {
                continue;
            };
            for joined in link.rooms.iter().filter(|joined| !joined.visitor) {
                if let Some(room) = self.hub.get(joined.slot)
                    && !theirs.contains(&room.head.room)
                {
                    peers.suspect(room.head.room);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_entries_are_followed_up_to_a_gap_and_on_once_it_was_read() {
        let (mut own, ada) = (Own::default(), UserId::new());
        assert_eq!(own.follow(ada, 0, 1), Followed::Gap, "nobody is here");
        own.begin(ada, 5);
        own.begin(ada, 9);
        assert_eq!(own.follow(ada, 4, 5), Followed::Known);
        assert_eq!(own.follow(ada, 5, 6), Followed::Yes);
        assert_eq!(own.follow(ada, 8, 9), Followed::Gap);
        assert_eq!(own.of(ada), 6);
        own.reached(ada, 9);
        own.reached(ada, 7);
        assert_eq!(own.follow(ada, 9, 10), Followed::Yes);
        own.forget(ada);
        assert_eq!(own.of(ada), 0);
    }
}
