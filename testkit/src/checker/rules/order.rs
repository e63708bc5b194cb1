//! Messages of one outbox and room stand in the order of their invocation.

use std::collections::{BTreeMap, HashMap};

use parlor_protocol::{RoomId, SendKey};

use crate::checker::event::{Event, History};
use crate::checker::facts::Facts;
use crate::checker::place::Place;
use crate::checker::verdict::Findings;
use crate::checker::violation::Violation;

pub(crate) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    for history in &facts.run.histories {
        let mut outboxes: Vec<_> = outboxes(history).into_iter().collect();
        outboxes.sort_unstable_by_key(|(room, _)| *room);
        for (_, outbox) in outboxes {
            check_order(facts, history, &outbox, findings);
            check_predecessors(facts, history, &outbox, findings);
        }
    }
}

/// One client's messages to one room.
#[derive(Default)]
struct Outbox {
    /// By turn. A retry keeps its turn; a new attempt after a refusal takes a new one.
    turns: BTreeMap<usize, SendKey>,
    turn_of: HashMap<SendKey, usize>,
    /// The predecessor that the last attempt named.
    after: HashMap<SendKey, Option<SendKey>>,
}

fn outboxes(history: &History) -> HashMap<RoomId, Outbox> {
    let mut outboxes: HashMap<RoomId, Outbox> = HashMap::new();
    let mut room_of = HashMap::new();
    for (turn, event) in history.events.iter().enumerate() {
        match event {
            Event::Invoked {
                room,
                send_key,
                after,
                ..
            } => {
                room_of.insert(*send_key, *room);
                let outbox = outboxes.entry(*room).or_default();
                if !outbox.turn_of.contains_key(send_key) {
                    outbox.turn_of.insert(*send_key, turn);
                    outbox.turns.insert(turn, *send_key);
                }
                outbox.after.insert(*send_key, *after);
            }
            Event::Refused { send_key, .. } => {
                let room = room_of.get(send_key);
                if let Some(outbox) = room.and_then(|room| outboxes.get_mut(room))
                    && let Some(turn) = outbox.turn_of.remove(send_key)
                {
                    outbox.turns.remove(&turn);
                }
            }
            _ => {}
        }
    }
    outboxes
}

/// Seqs rise with the turns within a timeline, and so do revs within the room.
fn check_order(facts: &Facts<'_>, history: &History, outbox: &Outbox, findings: &mut Findings) {
    let mut last_in: HashMap<u64, (Place, SendKey)> = HashMap::new();
    let mut last_rev: Option<(u64, Place, SendKey)> = None;
    for &send_key in outbox.turns.values() {
        let rows = facts.committed((history.user, send_key));
        let Some((place, row)) = rows.first().copied() else {
            continue;
        };
        let last = last_in.entry(place.timeline).or_insert((place, send_key));
        let by_seq = (place.seq < last.0.seq).then_some(*last);
        let by_rev = last_rev
            .filter(|(rev, ..)| !row.changed && row.rev < *rev)
            .map(|(_, place, send_key)| (place, send_key));
        if let Some((earlier_place, earlier)) = by_seq.or(by_rev) {
            findings.report(Violation::SenderOrder {
                client: history.client.clone(),
                earlier,
                earlier_place,
                later: send_key,
                later_place: place,
            });
        }
        if place.seq > last.0.seq {
            *last = (place, send_key);
        }
        if !row.changed && last_rev.is_none_or(|(rev, ..)| row.rev > rev) {
            last_rev = Some((row.rev, place, send_key));
        }
    }
}

/// Nothing is committed before its predecessor.
fn check_predecessors(
    facts: &Facts<'_>,
    history: &History,
    outbox: &Outbox,
    findings: &mut Findings,
) {
    for &send_key in outbox.turns.values() {
        let Some(after) = outbox.after.get(&send_key).copied().flatten() else {
            continue;
        };
        let rows = facts.committed((history.user, send_key));
        let Some((place, _)) = rows.first().copied() else {
            continue;
        };
        let predecessor = (history.user, after);
        let committed = !facts.committed(predecessor).is_empty();
        // An acknowledged one was committed, if only before a restore.
        let was_committed = !facts.acknowledged(predecessor).is_empty();
        // Retention may have removed it.
        let may_be_gone = facts.room(place.room).is_some_and(|room| {
            let mut timelines = room.dump.timelines.iter();
            timelines.any(|timeline| timeline.floor > 1)
        });
        if !committed && !was_committed && !may_be_gone {
            findings.report(Violation::PredecessorMissing {
                client: history.client.clone(),
                send_key,
                place,
                after,
            });
        }
    }
}
