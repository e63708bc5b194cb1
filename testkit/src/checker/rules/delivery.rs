//! What clients were given: committed things, alike for all, in rev order, none left out.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::ops::Bound;

use parlor_protocol::{RoomId, SendKey, UserId};

use crate::checker::event::{Event, History, Via};
use crate::checker::facts::Facts;
use crate::checker::place::Place;
use crate::checker::text::TextHash;
use crate::checker::verdict::Findings;
use crate::checker::violation::Violation;

pub(crate) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    let mut seen = HashMap::new();
    for history in &facts.run.histories {
        let mut rooms: HashMap<RoomId, Held> = HashMap::new();
        for (epoch, event) in history.by_epoch(facts.run.database.epoch) {
            let mut walk = Walk {
                facts,
                history,
                epoch,
                findings,
            };
            match event {
                // A killed process may not have stored what it wrote down last.
                Event::Started { .. } => rooms.clear(),
                Event::Reset { room } => drop(rooms.remove(room)),
                Event::Synced { room, rev, floor } => {
                    let held = rooms.entry(*room).or_default();
                    held.floor = held.floor.max(*floor);
                    walk.synced(held, *room, *rev);
                }
                Event::Delivered { .. } => {
                    let given = Given::of(event);
                    walk.committed(&given);
                    if given.via == Via::Live {
                        walk.agreed(&given, &mut seen);
                    }
                    walk.applied(rooms.entry(given.place.room).or_default(), &given);
                }
                _ => {}
            }
        }
    }
}

/// What a client holds of a room since it last began anew.
#[derive(Default)]
struct Held {
    /// The rev up to which it holds everything; none before its first entry.
    rev: Option<u64>,
    /// Revs of entries that it applied.
    applied: HashSet<u64>,
    /// The highest rev at which it learned the state of a row; from a page, the `as_of`.
    known: HashMap<Place, u64>,
    /// The floor of the room's own timeline, as far as the client knows it.
    floor: u64,
    /// Rows it seems to have missed in an epoch that a restore ended.
    doubtful: Vec<Missed>,
}

impl Held {
    fn lacks(&self, missed: &Missed) -> bool {
        let Missed { place, rev, .. } = missed;
        let owed = place.timeline != 0 || place.seq >= self.floor;
        owed && self.known.get(place).is_none_or(|known| known < rev)
    }
}

/// A row that was passed by.
#[derive(Clone, Copy)]
struct Missed {
    place: Place,
    rev: u64,
    passed_to: u64,
}

/// A `Delivered` event.
#[derive(Clone, Copy)]
struct Given {
    via: Via,
    place: Place,
    rev: u64,
    send_key: SendKey,
    author: UserId,
    text_hash: Option<TextHash>,
}

impl Given {
    fn of(event: &Event) -> Given {
        let Event::Delivered {
            via,
            place,
            rev,
            send_key,
            author,
            text_hash,
        } = event
        else {
            unreachable!("only deliveries are asked for");
        };
        Given {
            via: *via,
            place: *place,
            rev: *rev,
            send_key: *send_key,
            author: *author,
            text_hash: *text_hash,
        }
    }
}

/// The first client that was given an entry, and what.
type Seen<'a> = HashMap<(u64, RoomId, u64), (&'a str, Given)>;

/// One event of one client under the rules.
struct Walk<'w, 'a> {
    facts: &'w Facts<'a>,
    history: &'a History,
    epoch: u64,
    findings: &'w mut Findings,
}

impl<'a> Walk<'_, 'a> {
    fn client(&self) -> String {
        self.history.client.clone()
    }

    /// The database holds what was given, if no restore undid it.
    fn committed(&mut self, given: &Given) {
        let Given { place, rev, .. } = *given;
        self.sent_bytes(given);
        let kept = self.facts.kept(self.epoch, place.room);
        // A page that was read later than a backup still shows what the backup holds,
        // but cannot be told from what the restore undid.
        if rev > kept || self.facts.is_below_floor(place) {
            return;
        }
        let client = self.client();
        let Some(row) = self.facts.row(place) else {
            self.findings
                .report(Violation::DeliveredNotCommitted { client, place, rev });
            return;
        };
        if (row.author, row.send_key) != (given.author, given.send_key) {
            self.findings.report(Violation::DeliveredOther {
                client,
                place,
                author: given.author,
                send_key: given.send_key,
            });
            return;
        }
        let newest = match given.via {
            Via::Live => {
                // An entry is either the newest of its row or an older one of a changed row.
                if rev > row.rev || (!row.changed && rev != row.rev) {
                    self.findings.report(Violation::DeliveredRevDiffers {
                        client,
                        place,
                        rev,
                        found: row.rev,
                    });
                    return;
                }
                rev == row.rev
            }
            Via::Page => rev >= row.rev,
        };
        if newest && given.text_hash != row.text_hash {
            self.findings
                .report(Violation::DeliveredBytesDiffer { client, place, rev });
        }
    }

    /// The first state of a message is what its sender sent, restored or not.
    fn sent_bytes(&mut self, given: &Given) {
        let key = (given.author, given.send_key);
        let mut acknowledged = self.facts.acknowledged(key).iter();
        let is_first = given.via == Via::Live
            && acknowledged.any(|ack| ack.epoch == self.epoch && ack.rev == given.rev);
        let Some(sent) = self.facts.sent(key).filter(|_| is_first) else {
            return;
        };
        // Held against the row as well when that is unchanged: report it once.
        let row = self.facts.row(given.place);
        let held_against_row = row.is_some_and(|row| row.rev == given.rev)
            && given.rev <= self.facts.kept(self.epoch, given.place.room);
        if !held_against_row && given.text_hash != Some(sent.text_hash) {
            self.findings.report(Violation::DeliveredBytesDiffer {
                client: self.client(),
                place: given.place,
                rev: given.rev,
            });
        }
    }

    /// All clients are given the same under a rev.
    fn agreed(&mut self, given: &Given, seen: &mut Seen<'a>) {
        let entry = (self.epoch, given.place.room, given.rev);
        match seen.entry(entry) {
            Entry::Vacant(first) => {
                first.insert((&self.history.client, *given));
            }
            Entry::Occupied(first) => {
                let (other, known) = first.get();
                let of = |it: &Given| (it.place, it.author, it.send_key, it.text_hash);
                if of(known) != of(given) {
                    self.findings.report(Violation::ClientsDisagree {
                        client: self.client(),
                        other: (*other).into(),
                        place: given.place,
                        rev: given.rev,
                        epoch: self.epoch,
                    });
                }
            }
        }
    }

    /// Entries come in rising order, none twice, none left out.
    fn applied(&mut self, held: &mut Held, given: &Given) {
        let Given { place, rev, .. } = *given;
        let known = held.known.entry(place).or_default();
        *known = rev.max(*known);
        if given.via == Via::Page {
            return;
        }
        let client = self.client();
        if !held.applied.insert(rev) {
            self.findings
                .report(Violation::DeliveredTwice { client, place, rev });
            return;
        }
        match held.rev {
            Some(before) if rev <= before => {
                self.findings.report(Violation::RevNotAscending {
                    client,
                    place,
                    rev,
                    held: before,
                });
            }
            Some(before) => self.passed(held, place.room, before, rev),
            None => {}
        }
        held.rev = held.rev.max(Some(rev));
    }

    fn synced(&mut self, held: &mut Held, room: RoomId, rev: u64) {
        if let Some(before) = held.rev.filter(|before| *before < rev) {
            // The entry at `rev` itself must be held, too.
            self.passed(held, room, before, rev.saturating_add(1));
        }
        for missed in std::mem::take(&mut held.doubtful) {
            if held.lacks(&missed) {
                self.missed(missed);
            }
        }
        held.rev = held.rev.max(Some(rev));
    }

    /// Finds rows whose newest rev lies between `before` and `next` and that the client does
    /// not know: whoever passes that rev must have met it there, at whatever time.
    ///
    /// In an epoch that a restore ended, the row may have moved on to a rev that the restore
    /// undid, or sunk below a floor that it lowered again. What is true of it then is known
    /// at the end of the client's catch-up.
    fn passed(&mut self, held: &mut Held, room: RoomId, before: u64, next: u64) {
        let Some(facts) = self.facts.room(room) else {
            return;
        };
        let kept = self.facts.kept(self.epoch, room);
        let between = (Bound::Excluded(before), Bound::Excluded(next));
        for (&rev, &(place, _)) in facts.by_rev.range(between) {
            let missed = Missed {
                place,
                rev,
                passed_to: next,
            };
            let hidden = facts.may_be_hidden(self.facts, self.history.user, place);
            if rev > kept || hidden || !held.lacks(&missed) {
                continue;
            }
            if self.epoch == self.facts.run.database.epoch {
                self.missed(missed);
            } else {
                held.doubtful.push(missed);
            }
        }
    }

    fn missed(&mut self, missed: Missed) {
        self.findings.report(Violation::EntryMissed {
            client: self.client(),
            place: missed.place,
            rev: missed.rev,
            passed_to: missed.passed_to,
        });
    }
}
