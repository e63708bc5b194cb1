//! Acknowledged read markers hold: the greater one wins, and none stands beyond the head.

use std::collections::HashMap;

use crate::checker::event::Event;
use crate::checker::facts::Facts;
use crate::checker::place::Place;
use crate::checker::verdict::Findings;
use crate::checker::violation::Violation;

pub(crate) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    let database = &facts.run.database;
    let mut held = HashMap::new();
    for room in &database.rooms {
        for timeline in &room.timelines {
            for marker in &timeline.markers {
                let place = Place::new(room.room, timeline.timeline, marker.seq);
                held.insert((room.room, timeline.timeline, marker.user), marker.seq);
                if marker.seq > timeline.head {
                    findings.report(Violation::MarkerBeyondHead {
                        user: marker.user,
                        place,
                        head: timeline.head,
                    });
                }
            }
        }
    }
    for history in &facts.run.histories {
        for (epoch, event) in history.by_epoch(database.epoch) {
            let Event::Marked { place } = event else {
                continue;
            };
            // Markers have no rev of the room: only those of the last epoch can be held on to,
            // and only of people who are still members.
            let room = facts.room(place.room);
            let is_member = room.is_some_and(|room| room.member(history.user).is_some());
            let key = (place.room, place.timeline, history.user);
            let found = held.get(&key).copied().unwrap_or(0);
            if epoch == database.epoch && is_member && found < place.seq {
                findings.report(Violation::MarkerLost {
                    client: history.client.clone(),
                    user: history.user,
                    place: *place,
                    found,
                });
            }
        }
    }
}
