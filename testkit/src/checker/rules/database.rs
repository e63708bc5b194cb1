//! What the database must hold by itself, and that its rows are what was sent.

use std::collections::{HashMap, HashSet};

use parlor_protocol::UserId;

use crate::checker::facts::Facts;
use crate::checker::place::Place;
use crate::checker::state::{RoomDump, Row, TimelineDump};
use crate::checker::verdict::Findings;
use crate::checker::violation::Violation;

pub(crate) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    for room in &facts.run.database.rooms {
        check_revs(room, findings);
        for timeline in &room.timelines {
            check_timeline(room, timeline, findings);
        }
    }
    check_send_keys(facts, findings);
    check_origin(facts, findings);
}

/// Every rev of a room is given once and not beyond the room's own.
fn check_revs(room: &RoomDump, findings: &mut Findings) {
    let mut by_rev = HashMap::new();
    for timeline in &room.timelines {
        for row in &timeline.rows {
            let place = Place::new(room.room, timeline.timeline, row.seq);
            let (rev, head) = (row.rev, room.rev);
            if rev > head || rev == 0 {
                findings.report(Violation::RevBeyondHead { place, rev, head });
            }
            match by_rev.insert(rev, place) {
                // Twice in one place is reported as such.
                Some(other) if other != place => {
                    findings.report(Violation::RevTwice { place, other, rev });
                }
                _ => {}
            }
        }
    }
}

/// Seqs are gapless from floor to head; time and revs rise with them.
fn check_timeline(room: &RoomDump, timeline: &TimelineDump, findings: &mut Findings) {
    let mut rows: Vec<&Row> = timeline.rows.iter().collect();
    rows.sort_by_key(|row| (row.seq, row.rev));
    let at = |seq| Place::new(room.room, timeline.timeline, seq);
    let (floor, head) = (timeline.floor, timeline.head);
    let mut expected = floor;
    let mut below: Option<&Row> = None;
    let mut rev_below = 0;
    for row in rows {
        let place = at(row.seq);
        if row.seq < floor || row.seq > head {
            findings.report(Violation::SeqOutside { place, floor, head });
        } else if row.seq > expected {
            let (from, to) = (at(expected), row.seq - 1);
            findings.report(Violation::SeqMissing { from, to });
        } else if row.seq < expected {
            findings.report(Violation::SeqTwice { place });
        }
        expected = expected.max(row.seq.saturating_add(1));
        if let Some(below) = below.filter(|below| below.at_ms > row.at_ms) {
            findings.report(Violation::TimeWentBack {
                place,
                at_ms: row.at_ms,
                before_ms: below.at_ms,
            });
        }
        below = Some(row);
        if !row.changed {
            if row.rev < rev_below {
                findings.report(Violation::RevOrder {
                    place,
                    rev: row.rev,
                    before: rev_below,
                });
            }
            rev_below = rev_below.max(row.rev);
        }
    }
    if expected <= head {
        let from = at(expected);
        findings.report(Violation::SeqMissing { from, to: head });
    }
}

/// A message is committed once.
fn check_send_keys(facts: &Facts<'_>, findings: &mut Findings) {
    for (&(author, send_key), rows) in facts.committed_keys() {
        let Some(((first, _), others)) = rows.split_first() else {
            continue;
        };
        for (other, _) in others {
            findings.report(Violation::SendKeyTwice {
                place: *first,
                other: *other,
                author,
                send_key,
            });
        }
    }
}

/// Every row is what its author's client sent, where it sent it.
fn check_origin(facts: &Facts<'_>, findings: &mut Findings) {
    let recorded: HashSet<UserId> = facts.run.histories.iter().map(|it| it.user).collect();
    for (&(author, send_key), rows) in facts.committed_keys() {
        let sent = facts.sent((author, send_key));
        for (place, row) in rows.iter().copied() {
            let Some(sent) = sent else {
                if recorded.contains(&author) {
                    findings.report(Violation::NeverSent {
                        place,
                        author,
                        send_key,
                    });
                }
                continue;
            };
            if (sent.room, sent.timeline) != (place.room, place.timeline) {
                findings.report(Violation::CommittedElsewhere {
                    place,
                    client: sent.client.into(),
                    send_key,
                    room: sent.room,
                    timeline: sent.timeline,
                });
            }
            if !row.changed && row.text_hash != Some(sent.text_hash) {
                findings.report(Violation::CommittedBytesDiffer {
                    place,
                    client: sent.client.into(),
                    send_key,
                });
            }
        }
    }
}
