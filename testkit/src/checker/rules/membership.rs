//! Nothing committed after a person's removal reaches that person.

use std::collections::{BTreeMap, HashMap};

use parlor_protocol::{RoomId, UserId};

use crate::checker::event::{Event, History, MemberChange, Via};
use crate::checker::facts::Facts;
use crate::checker::state::HistoryRule;
use crate::checker::verdict::Findings;
use crate::checker::violation::Violation;

pub(crate) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    let changes = Changes::gather(facts);
    for history in &facts.run.histories {
        check_history(facts, history, &changes, findings);
    }
    changes.check_durable(facts, findings);
}

/// Acknowledged changes of membership, by person, epoch and rev.
struct Changes {
    by_member: HashMap<(RoomId, UserId), BTreeMap<(u64, u64), MemberChange>>,
}

/// A time out of a room, in revs.
struct Absence {
    removed_at: u64,
    joined_at: Option<u64>,
}

impl Changes {
    fn gather(facts: &Facts<'_>) -> Changes {
        let mut by_member: HashMap<_, BTreeMap<_, _>> = HashMap::new();
        for history in &facts.run.histories {
            for (epoch, event) in history.by_epoch(facts.run.database.epoch) {
                if let Event::MembershipAcknowledged {
                    room,
                    user,
                    change,
                    rev,
                } = event
                {
                    let changes = by_member.entry((*room, *user)).or_default();
                    changes.insert((epoch, *rev), *change);
                }
            }
        }
        Changes { by_member }
    }

    /// The changes that are part of `epoch`, by rev.
    fn in_epoch(
        &self,
        facts: &Facts<'_>,
        room: RoomId,
        user: UserId,
        epoch: u64,
    ) -> BTreeMap<u64, MemberChange> {
        let changes = self.by_member.get(&(room, user)).into_iter().flatten();
        changes
            .filter(|((of, rev), _)| *rev <= facts.lineage.kept(*of, epoch, room))
            .map(|((_, rev), change)| (*rev, *change))
            .collect()
    }

    /// The absence in which `rev` was given, if any.
    fn absence(
        &self,
        facts: &Facts<'_>,
        (room, user): (RoomId, UserId),
        epoch: u64,
        rev: u64,
    ) -> Option<Absence> {
        if !self.by_member.contains_key(&(room, user)) {
            return None;
        }
        let changes = self.in_epoch(facts, room, user, epoch);
        let (removed_at, change) = changes.range(..rev).next_back()?;
        let mut later = changes.range(rev..);
        let joined_at = later.find(|(_, change)| **change == MemberChange::Joined);
        (*change == MemberChange::Removed).then_some(Absence {
            removed_at: *removed_at,
            joined_at: joined_at.map(|(rev, _)| *rev),
        })
    }

    /// The last acknowledged change of each membership holds in the database.
    fn check_durable(&self, facts: &Facts<'_>, findings: &mut Findings) {
        let mut members: Vec<_> = self.by_member.keys().copied().collect();
        members.sort_unstable();
        for (room, user) in members {
            let changes = self.in_epoch(facts, room, user, facts.run.database.epoch);
            let Some((&rev, &change)) = changes.last_key_value() else {
                continue;
            };
            let is_member = facts.room(room).is_some_and(|it| it.member(user).is_some());
            if is_member != (change == MemberChange::Joined) {
                findings.report(Violation::MembershipLost {
                    room,
                    user,
                    change,
                    rev,
                });
            }
        }
    }
}

/// What a client knows of its own memberships as its history goes on.
#[derive(Default)]
struct Walk {
    /// The newest rev at which it was told to be a member.
    joined: HashMap<(u64, RoomId), u64>,
    /// Deliveries of an open room from an absence that had ended when they came, unless the
    /// end of this catch-up says otherwise; each with the end of the absence.
    doubtful: HashMap<RoomId, Vec<(u64, Violation)>>,
}

fn check_history(facts: &Facts<'_>, history: &History, changes: &Changes, findings: &mut Findings) {
    let mut walk = Walk::default();
    for (epoch, event) in history.by_epoch(facts.run.database.epoch) {
        match event {
            Event::MembershipAcknowledged {
                room,
                user,
                change: MemberChange::Joined,
                rev,
            } if *user == history.user => {
                let known = walk.joined.entry((epoch, *room)).or_default();
                *known = (*known).max(*rev);
            }
            // A kill may have cut the catch-up short.
            Event::Started { .. } => walk.doubtful.clear(),
            Event::Synced { room, rev, .. } => walk.settle(*room, *rev, findings),
            Event::Reset { room } => walk.settle(*room, 0, findings),
            Event::Delivered { .. } => {
                walk.delivered(facts, history, changes, epoch, event, findings);
            }
            _ => {}
        }
    }
    let rooms: Vec<RoomId> = walk.doubtful.keys().copied().collect();
    for room in rooms {
        walk.settle(room, 0, findings);
    }
}

impl Walk {
    fn delivered(
        &mut self,
        facts: &Facts<'_>,
        history: &History,
        changes: &Changes,
        epoch: u64,
        event: &Event,
        findings: &mut Findings,
    ) {
        let Event::Delivered {
            via, place, rev, ..
        } = event
        else {
            return;
        };
        let as_of = if *via == Via::Page { *rev } else { 0 };
        let Some(rev) = committed_at(facts, epoch, event) else {
            return;
        };
        let member = (place.room, history.user);
        let Some(absence) = changes.absence(facts, member, epoch, rev) else {
            return;
        };
        let violation = Violation::DeliveredAfterRemoval {
            client: history.client.clone(),
            user: history.user,
            place: *place,
            rev,
            removed_at: absence.removed_at,
        };
        let open = facts
            .room(place.room)
            .is_some_and(|room| room.dump.history == HistoryRule::Open);
        let joined = self.joined.get(&(epoch, place.room)).copied();
        // Who is back is shown an open room's past.
        let known = joined.unwrap_or(0).max(as_of);
        match absence.joined_at.filter(|_| open) {
            Some(joined_at) if joined_at <= known => {}
            Some(joined_at) => {
                let doubtful = self.doubtful.entry(place.room).or_default();
                doubtful.push((joined_at, violation));
            }
            None => findings.report(violation),
        }
    }

    /// A catch-up ended at `rev`: what it brought was read as late as that.
    fn settle(&mut self, room: RoomId, rev: u64, findings: &mut Findings) {
        for (joined_at, violation) in self.doubtful.remove(&room).into_iter().flatten() {
            if rev < joined_at {
                findings.report(violation);
            }
        }
    }
}

/// The rev at which what was given was committed, as far as it is known. A page tells only
/// that its rows are not newer than its `as_of`.
fn committed_at(facts: &Facts<'_>, epoch: u64, delivered: &Event) -> Option<u64> {
    let Event::Delivered {
        via,
        place,
        rev,
        send_key,
        author,
        ..
    } = delivered
    else {
        return None;
    };
    if *via == Via::Live {
        return Some(*rev);
    }
    let row = facts.row(*place)?;
    let same = (row.author, row.send_key) == (*author, *send_key);
    let then = row.rev <= facts.kept(epoch, place.room).min(*rev);
    (same && then && !row.changed).then_some(row.rev)
}
