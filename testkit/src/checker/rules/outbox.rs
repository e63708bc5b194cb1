//! What senders were told is what happened.

use std::collections::{HashMap, HashSet};

use parlor_protocol::SendKey;

use crate::checker::event::{Event, History};
use crate::checker::facts::{Acknowledgement, Facts};
use crate::checker::verdict::Findings;
use crate::checker::violation::Violation;

pub(crate) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    let alive: HashSet<&str> = facts.run.views.iter().map(|it| &*it.client).collect();
    for history in &facts.run.histories {
        let states = check_events(facts, history, findings);
        let drained = facts.run.plan.outboxes_drained && alive.contains(&*history.client);
        let mut ended: Vec<_> = states.into_iter().collect();
        ended.sort_unstable_by_key(|(send_key, _)| *send_key);
        for (send_key, state) in ended {
            let client = history.client.clone();
            match state {
                State::Open if drained => {
                    findings.report(Violation::NeverSettled { client, send_key });
                }
                State::Refused => check_refused(facts, history, send_key, findings),
                State::Open | State::Acknowledged => {}
            }
        }
    }
}

/// Where a message stands for its client.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Acknowledged,
    Refused,
}

fn check_events(
    facts: &Facts<'_>,
    history: &History,
    findings: &mut Findings,
) -> HashMap<SendKey, State> {
    let mut states = HashMap::new();
    for (epoch, event) in history.by_epoch(facts.run.database.epoch) {
        match event {
            Event::Invoked {
                room,
                timeline,
                send_key,
                text_hash,
                ..
            } => {
                let state = states.entry(*send_key).or_insert(State::Open);
                if *state == State::Refused {
                    *state = State::Open;
                }
                let first = facts.sent((history.user, *send_key));
                let same = first.is_some_and(|first| {
                    (first.room, first.timeline, first.text_hash) == (*room, *timeline, *text_hash)
                });
                if !same {
                    findings.report(Violation::SendKeyReused {
                        client: history.client.clone(),
                        send_key: *send_key,
                    });
                }
            }
            Event::Acknowledged {
                send_key,
                place,
                rev,
            } => {
                if states.insert(*send_key, State::Acknowledged).is_none() {
                    findings.report(Violation::AcknowledgedNeverSent {
                        client: history.client.clone(),
                        send_key: *send_key,
                    });
                }
                let acknowledgement = Acknowledgement {
                    epoch,
                    place: *place,
                    rev: *rev,
                };
                check_acknowledged(facts, history, *send_key, acknowledgement, findings);
            }
            Event::Refused { send_key, .. } => {
                states.insert(*send_key, State::Refused);
            }
            _ => {}
        }
    }
    states
}

/// Acknowledged, and not undone by a restore: committed, once, there.
fn check_acknowledged(
    facts: &Facts<'_>,
    history: &History,
    send_key: SendKey,
    told: Acknowledgement,
    findings: &mut Findings,
) {
    let client = || history.client.clone();
    let Acknowledgement { place, rev, .. } = told;
    let key = (history.user, send_key);
    let first_told = facts.acknowledged(key).iter().find(|earlier| {
        let kept = facts.lineage.kept(earlier.epoch, told.epoch, place.room);
        earlier.rev <= kept && earlier.place != place
    });
    if let Some(first_told) = first_told {
        findings.report(Violation::AcknowledgedTwice {
            client: client(),
            send_key,
            place,
            other: first_told.place,
        });
    }
    if rev > facts.kept(told.epoch, place.room) || facts.is_below_floor(place) {
        return;
    }
    let rows = facts.committed(key);
    let Some((_, row)) = rows.iter().find(|(found, _)| *found == place) else {
        findings.report(match rows.first() {
            Some((found, _)) => Violation::AcknowledgedElsewhere {
                client: client(),
                send_key,
                place,
                found: *found,
            },
            None => Violation::AcknowledgedMissing {
                client: client(),
                send_key,
                place,
                rev,
            },
        });
        return;
    };
    let rev_fits = if row.changed {
        rev < row.rev
    } else {
        rev == row.rev
    };
    if !rev_fits {
        findings.report(Violation::AcknowledgedRevDiffers {
            client: client(),
            place,
            rev,
            found: row.rev,
        });
    }
}

/// Refused for good: not committed, unless the refusal answers a retry of someone who was
/// removed meanwhile and may learn nothing of the room any more.
fn check_refused(facts: &Facts<'_>, history: &History, send_key: SendKey, findings: &mut Findings) {
    let Some((place, _)) = facts.committed((history.user, send_key)).first() else {
        return;
    };
    if !facts.was_removed(place.room, history.user) {
        findings.report(Violation::RefusedButCommitted {
            client: history.client.clone(),
            send_key,
            place: *place,
        });
    }
}
