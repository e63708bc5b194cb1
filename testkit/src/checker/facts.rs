//! A run in a form that rules can ask.

use std::collections::{BTreeMap, HashMap, HashSet};

use parlor_protocol::{RoomId, SendKey, UserId};

use super::Run;
use super::event::{Event, History, MemberChange};
use super::lineage::Lineage;
use super::place::Place;
use super::state::{HistoryRule, MemberRow, RoomDump, Row, TimelineDump};
use super::text::TextHash;
use super::verdict::Counts;

/// Send keys are unique per sender.
pub(super) type SenderKey = (UserId, SendKey);

/// Indexes over a run.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    pub(super) run: &'a Run,
    pub(super) lineage: Lineage,
    rooms: HashMap<RoomId, RoomFacts<'a>>,
    /// Rows by what was sent, in the order of the dump.
    committed: HashMap<SenderKey, Vec<(Place, &'a Row)>>,
    /// First invocations.
    sent: HashMap<SenderKey, Sent<'a>>,
    /// Acknowledgements, in the order of the histories.
    acknowledged: HashMap<SenderKey, Vec<Acknowledgement>>,
    /// Who was once removed from where.
    removed: HashSet<(RoomId, UserId)>,
}

/// A room of the database.
#[derive(Debug)]
pub(super) struct RoomFacts<'a> {
    pub(super) dump: &'a RoomDump,
    pub(super) timelines: HashMap<u64, TimelineFacts<'a>>,
    /// Every row by its newest rev.
    pub(super) by_rev: BTreeMap<u64, (Place, &'a Row)>,
    members: HashMap<UserId, &'a MemberRow>,
}

/// A timeline of the database.
#[derive(Debug)]
pub(super) struct TimelineFacts<'a> {
    pub(super) dump: &'a TimelineDump,
    /// Rows by seq; of two with the same seq the first.
    pub(super) rows: BTreeMap<u64, &'a Row>,
}

/// What a client meant to send.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent<'a> {
    pub(super) client: &'a str,
    pub(super) room: RoomId,
    pub(super) timeline: u64,
    pub(super) text_hash: TextHash,
}

/// What a client was told about a message of its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Acknowledgement {
    pub(super) epoch: u64,
    pub(super) place: Place,
    pub(super) rev: u64,
}

impl<'a> Facts<'a> {
    pub(super) fn gather(run: &'a Run) -> Facts<'a> {
        let mut facts = Facts {
            run,
            lineage: Lineage::new(&run.plan),
            rooms: HashMap::new(),
            committed: HashMap::new(),
            sent: HashMap::new(),
            acknowledged: HashMap::new(),
            removed: HashSet::new(),
        };
        for room in &run.database.rooms {
            facts.gather_room(room);
        }
        for history in &run.histories {
            facts.gather_history(history);
        }
        facts
    }

    fn gather_room(&mut self, dump: &'a RoomDump) {
        let mut by_rev = BTreeMap::new();
        let mut timelines = HashMap::new();
        for timeline in &dump.timelines {
            let mut rows = BTreeMap::new();
            for row in &timeline.rows {
                let place = Place::new(dump.room, timeline.timeline, row.seq);
                rows.entry(row.seq).or_insert(row);
                by_rev.entry(row.rev).or_insert((place, row));
                let key = (row.author, row.send_key);
                self.committed.entry(key).or_default().push((place, row));
            }
            let facts = TimelineFacts {
                dump: timeline,
                rows,
            };
            timelines.insert(timeline.timeline, facts);
        }
        let members = dump.members.iter();
        let room = RoomFacts {
            dump,
            timelines,
            by_rev,
            members: members.map(|member| (member.user, member)).collect(),
        };
        self.rooms.insert(dump.room, room);
    }

    fn gather_history(&mut self, history: &'a History) {
        for (epoch, event) in history.by_epoch(self.run.database.epoch) {
            match event {
                Event::Invoked {
                    room,
                    timeline,
                    send_key,
                    text_hash,
                    ..
                } => {
                    let key = (history.user, *send_key);
                    self.sent.entry(key).or_insert(Sent {
                        client: &history.client,
                        room: *room,
                        timeline: *timeline,
                        text_hash: *text_hash,
                    });
                }
                Event::Acknowledged {
                    send_key,
                    place,
                    rev,
                } => {
                    let known = self.acknowledged.entry((history.user, *send_key));
                    known.or_default().push(Acknowledgement {
                        epoch,
                        place: *place,
                        rev: *rev,
                    });
                }
                Event::MembershipAcknowledged {
                    room,
                    user,
                    change: MemberChange::Removed,
                    ..
                } => {
                    self.removed.insert((*room, *user));
                }
                _ => {}
            }
        }
    }

    pub(super) fn room(&self, room: RoomId) -> Option<&RoomFacts<'a>> {
        self.rooms.get(&room)
    }

    pub(super) fn timeline(&self, place: Place) -> Option<&TimelineFacts<'a>> {
        self.rooms.get(&place.room)?.timelines.get(&place.timeline)
    }

    pub(super) fn row(&self, place: Place) -> Option<&'a Row> {
        self.timeline(place)?.rows.get(&place.seq).copied()
    }

    /// Whether retention may have removed the row.
    pub(super) fn is_below_floor(&self, place: Place) -> bool {
        self.timeline(place)
            .is_some_and(|timeline| place.seq < timeline.dump.floor)
    }

    /// Rows of a message: one, unless something is wrong or it is not committed.
    pub(super) fn committed(&self, key: SenderKey) -> &[(Place, &'a Row)] {
        self.committed.get(&key).map_or(&[], Vec::as_slice)
    }

    pub(super) fn committed_keys(&self) -> impl Iterator<Item = (&SenderKey, &[(Place, &'a Row)])> {
        let all = self.committed.iter();
        all.map(|(key, rows)| (key, rows.as_slice()))
    }

    pub(super) fn sent(&self, key: SenderKey) -> Option<Sent<'a>> {
        self.sent.get(&key).copied()
    }

    pub(super) fn acknowledged(&self, key: SenderKey) -> &[Acknowledgement] {
        self.acknowledged.get(&key).map_or(&[], Vec::as_slice)
    }

    /// Whether a removal of the person from the room was ever acknowledged.
    pub(super) fn was_removed(&self, room: RoomId, user: UserId) -> bool {
        self.removed.contains(&(room, user))
    }

    /// The highest rev of a room given in `epoch` that the database must still hold.
    pub(super) fn kept(&self, epoch: u64, room: RoomId) -> u64 {
        self.lineage.kept(epoch, self.run.database.epoch, room)
    }

    pub(super) fn counts(&self) -> Counts {
        let histories = &self.run.histories;
        let mut counts = Counts {
            clients: histories.len() as u64,
            invoked: self.sent.len() as u64,
            acknowledged: self.acknowledged.len() as u64,
            rooms: self.run.database.rooms.len() as u64,
            timelines: self.run.database.timelines().count() as u64,
            rows: self.run.database.row_count(),
            views: self.run.views.len() as u64,
            ..Counts::default()
        };
        let undone = |ack: &Acknowledgement| ack.rev > self.kept(ack.epoch, ack.place.room);
        let all_undone = |acks: &&Vec<Acknowledgement>| acks.iter().all(undone);
        counts.undone = self.acknowledged.values().filter(all_undone).count() as u64;
        for history in histories {
            count_history(history, &mut counts);
        }
        counts
    }
}

fn count_history(history: &History, counts: &mut Counts) {
    let mut open = HashSet::new();
    let mut refused = HashSet::new();
    let mut sends = false;
    for event in &history.events {
        match event {
            Event::Invoked { send_key, .. } => {
                sends = true;
                refused.remove(send_key);
                open.insert(*send_key);
            }
            Event::Acknowledged { send_key, .. } => {
                open.remove(send_key);
            }
            Event::Refused { send_key, .. } => {
                open.remove(send_key);
                refused.insert(*send_key);
            }
            Event::Delivered { .. } => counts.deliveries += 1,
            _ => {}
        }
    }
    counts.open += open.len() as u64;
    counts.refused += refused.len() as u64;
    counts.only_receiving += u64::from(!sends);
}

impl<'a> RoomFacts<'a> {
    pub(super) fn member(&self, user: UserId) -> Option<&'a MemberRow> {
        self.members.get(&user).copied()
    }

    /// Whether a row may lawfully be kept from the person: it may have been committed before
    /// they joined, or while they were away. What they hold in the end is judged all the same.
    pub(super) fn may_be_hidden(&self, facts: &Facts<'_>, user: UserId, place: Place) -> bool {
        let before_joining = |member: &MemberRow| place.seq < member.visible_from;
        self.dump.history == HistoryRule::SinceJoining
            && (facts.was_removed(place.room, user) || self.member(user).is_none_or(before_joining))
    }
}
