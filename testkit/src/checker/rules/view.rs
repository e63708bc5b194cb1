//! In the end every view equals the database, as far as its person may see it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::checker::facts::{Facts, RoomFacts, TimelineFacts};
use crate::checker::place::Place;
use crate::checker::state::{MemberRow, RoomView, Row, TimelineView, View, ViewRow};
use crate::checker::verdict::Findings;
use crate::checker::violation::Violation;

pub(crate) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    let database = &facts.run.database;
    for view in &facts.run.views {
        if view.epoch != database.epoch {
            findings.report(Violation::ViewEpochDiffers {
                client: view.client.clone(),
                epoch: view.epoch,
                found: database.epoch,
            });
        }
        let rooms: HashMap<_, _> = view.rooms.iter().map(|room| (room.room, room)).collect();
        for room in &database.rooms {
            let is_member = room.members.iter().any(|member| member.user == view.user);
            if is_member && !rooms.contains_key(&room.room) {
                findings.report(Violation::ViewRoomMissing {
                    client: view.client.clone(),
                    user: view.user,
                    room: room.room,
                });
            }
        }
        for room in &view.rooms {
            check_room(facts, view, room, findings);
        }
    }
}

fn check_room(facts: &Facts<'_>, view: &View, held: &RoomView, findings: &mut Findings) {
    let client = || view.client.clone();
    let room = facts.room(held.room);
    let member = room.and_then(|room| room.member(view.user));
    let (Some(room), Some(member)) = (room, member) else {
        let rows = held.timelines.iter().map(|it| it.rows.len() as u64).sum();
        if rows > 0 {
            findings.report(Violation::ViewRoomForbidden {
                client: client(),
                user: view.user,
                room: held.room,
                rows,
            });
        }
        return;
    };
    if let Some(rev) = held.rev.filter(|rev| *rev != room.dump.rev) {
        findings.report(Violation::ViewRevDiffers {
            client: client(),
            room: held.room,
            rev,
            found: room.dump.rev,
        });
    }
    for timeline in &held.timelines {
        let place = Place::new(held.room, timeline.timeline, timeline.head);
        let stored = room.timelines.get(&timeline.timeline);
        let found = stored.map_or(0, |stored| stored.dump.head);
        if held.rev.is_some() && timeline.head != found {
            findings.report(Violation::ViewHeadDiffers {
                client: client(),
                place,
                found,
            });
        }
        let mut side = Side {
            view,
            member,
            place,
            findings,
        };
        let rows = side.rows(stored, timeline);
        side.expected(room, stored, timeline, &rows);
    }
}

/// One timeline of one view.
struct Side<'s> {
    view: &'s View,
    member: &'s MemberRow,
    place: Place,
    findings: &'s mut Findings,
}

impl Side<'_> {
    fn at(&self, seq: u64) -> Place {
        Place { seq, ..self.place }
    }

    fn visible_from(&self) -> u64 {
        if self.place.timeline == 0 {
            self.member.visible_from
        } else {
            1
        }
    }

    /// Every row held is the database's and may be seen. Returns the rows by seq.
    fn rows<'v>(
        &mut self,
        stored: Option<&TimelineFacts<'_>>,
        held: &'v TimelineView,
    ) -> HashMap<u64, &'v ViewRow> {
        let mut rows = HashMap::new();
        for row in &held.rows {
            let (client, place) = (self.view.client.clone(), self.at(row.seq));
            match rows.entry(row.seq) {
                Entry::Vacant(free) => drop(free.insert(row)),
                Entry::Occupied(_) => {
                    self.findings
                        .report(Violation::ViewRowTwice { client, place });
                    continue;
                }
            }
            let visible_from = self.visible_from();
            let found = stored.and_then(|stored| stored.rows.get(&row.seq));
            if row.seq < visible_from {
                self.findings.report(Violation::ViewRowForbidden {
                    client,
                    user: self.view.user,
                    place,
                    visible_from,
                });
            } else if let Some(found) = found {
                if let Some(what) = difference(row, found) {
                    self.findings.report(Violation::ViewRowDiffers {
                        client,
                        place,
                        what,
                    });
                }
            } else {
                self.findings
                    .report(Violation::ViewRowUnknown { client, place });
            }
        }
        rows
    }

    /// Everything that the view claims to hold, or should hold, is there.
    fn expected(
        &mut self,
        room: &RoomFacts<'_>,
        stored: Option<&TimelineFacts<'_>>,
        held: &TimelineView,
        rows: &HashMap<u64, &ViewRow>,
    ) {
        let Some(stored) = stored else { return };
        let first = stored.dump.floor.max(self.visible_from());
        let head = stored.dump.head;
        // The thread of a message that the person can't see.
        let hidden = held.timeline != 0
            && held.timeline < self.member.visible_from
            && room.timelines.contains_key(&0);
        if head < first || hidden {
            return;
        }
        let mut ranges = if held.complete {
            vec![(first, head)]
        } else {
            held.held.clone()
        };
        // A client that follows a timeline holds at least its end.
        if !ranges.is_empty() && !ranges.iter().any(|(_, last)| *last >= head) {
            ranges.push((head, head));
        }
        for (from, to) in ranges {
            self.range(stored, rows, from.max(first), to.min(head));
        }
    }

    fn range(
        &mut self,
        stored: &TimelineFacts<'_>,
        rows: &HashMap<u64, &ViewRow>,
        from: u64,
        to: u64,
    ) {
        if from > to {
            return;
        }
        // Stretches of rows that the database has and the view lacks.
        let mut lacking: Option<(u64, u64)> = None;
        for seq in stored.rows.range(from..=to).map(|(seq, _)| *seq) {
            if !rows.contains_key(&seq) {
                lacking = Some(lacking.map_or((seq, seq), |(first, _)| (first, seq)));
            } else if let Some(stretch) = lacking.take() {
                self.report_lacking(stretch);
            }
        }
        if let Some(stretch) = lacking {
            self.report_lacking(stretch);
        }
    }

    fn report_lacking(&mut self, (first, last): (u64, u64)) {
        self.findings.report(Violation::ViewRowMissing {
            client: self.view.client.clone(),
            from: self.at(first),
            to: last,
        });
    }
}

/// What is not alike.
fn difference(held: &ViewRow, stored: &Row) -> Option<&'static str> {
    if held.author != stored.author {
        Some("author")
    } else if held.send_key.is_some_and(|key| key != stored.send_key) {
        Some("send key")
    } else if held.text_hash != stored.text_hash {
        Some("text")
    } else {
        None
    }
}
