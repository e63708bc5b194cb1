//! The server: rooms that give gapless numbers.

use std::collections::{BTreeMap, HashMap};

use parlor_protocol::{RoomId, SendKey, UserId};

use crate::checker::{HistoryRule, MemberChange, TextHash};

/// All there is to back up.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) epoch: u64,
    pub(super) rooms: Vec<Room>,
}

#[derive(Clone)]
pub(super) struct Room {
    pub(super) id: RoomId,
    pub(super) rev: u64,
    pub(super) history: HistoryRule,
    pub(super) members: BTreeMap<UserId, Member>,
    pub(super) timelines: BTreeMap<u64, Timeline>,
    pub(super) markers: BTreeMap<(u64, UserId), u64>,
    /// Each changed thing once, at its newest rev.
    changes: BTreeMap<u64, Thing>,
    known: HashMap<(UserId, SendKey), Receipt>,
}

#[derive(Clone, Copy)]
pub(super) struct Member {
    pub(super) visible_from: u64,
    pub(super) joined_at: u64,
}

#[derive(Clone)]
pub(super) struct Timeline {
    pub(super) floor: u64,
    pub(super) head: u64,
    pub(super) rows: BTreeMap<u64, Stored>,
}

#[derive(Clone, Copy)]
pub(super) struct Stored {
    pub(super) shown: Shown,
    pub(super) rev: u64,
    pub(super) changed: bool,
    pub(super) at_ms: u64,
}

/// A message as it travels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    pub(super) timeline: u64,
    pub(super) seq: u64,
    pub(super) author: UserId,
    pub(super) send_key: SendKey,
    pub(super) text_hash: Option<TextHash>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Thing {
    Message { timeline: u64, seq: u64 },
    Member(UserId),
    Details,
}

/// A change as it travels.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) rev: u64,
    pub(super) body: Body,
}

#[derive(Clone)]
pub(super) enum Body {
    Message(Shown),
    /// Members or details; floors by timeline.
    Other(BTreeMap<u64, u64>),
}

#[derive(Clone, Copy)]
pub(super) struct Post {
    pub(super) room: usize,
    pub(super) timeline: u64,
    pub(super) send_key: SendKey,
    pub(super) after: Option<SendKey>,
    pub(super) text_hash: TextHash,
}

#[derive(Clone, Copy)]
pub(super) struct Receipt {
    pub(super) timeline: u64,
    pub(super) seq: u64,
    pub(super) rev: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    NoMember,
    OutOfOrder,
    Busy,
}

/// Which rules a server keeps.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    pub(super) send_keys: bool,
    pub(super) predecessors: bool,
}

impl Room {
    pub(super) fn new(id: RoomId, history: HistoryRule) -> Room {
        let empty = Timeline {
            floor: 1,
            head: 0,
            rows: BTreeMap::new(),
        };
        Room {
            id,
            rev: 0,
            history,
            members: BTreeMap::new(),
            timelines: BTreeMap::from([(0, empty)]),
            markers: BTreeMap::new(),
            changes: BTreeMap::new(),
            known: HashMap::new(),
        }
    }

    /// Commits a message, or gives back what its first commit gave.
    pub(super) fn post(
        &mut self,
        user: UserId,
        post: &Post,
        at_ms: u64,
        rules: Rules,
    ) -> Result<(Receipt, Option<Entry>), Refusal> {
        if !self.members.contains_key(&user) {
            return Err(Refusal::NoMember);
        }
        if let Some(receipt) = self.known.get(&(user, post.send_key))
            && rules.send_keys
        {
            return Ok((*receipt, None));
        }
        let predecessor_known = |after| self.known.contains_key(&(user, after));
        if rules.predecessors && !post.after.is_none_or(predecessor_known) {
            return Err(Refusal::OutOfOrder);
        }
        let receipt = self.next_receipt(post.timeline);
        let shown = shown(user, post, receipt);
        let timeline = self.timeline(post.timeline);
        timeline.head = receipt.seq;
        let stored = Stored {
            shown,
            rev: receipt.rev,
            changed: false,
            at_ms,
        };
        timeline.rows.insert(receipt.seq, stored);
        self.known.insert((user, post.send_key), receipt);
        let thing = Thing::Message {
            timeline: receipt.timeline,
            seq: receipt.seq,
        };
        Ok((receipt, Some(self.change(thing))))
    }

    /// What the next commit will give.
    pub(super) fn next_receipt(&mut self, timeline: u64) -> Receipt {
        Receipt {
            timeline,
            seq: self.timeline(timeline).head + 1,
            rev: self.rev + 1,
        }
    }

    fn timeline(&mut self, timeline: u64) -> &mut Timeline {
        self.timelines.entry(timeline).or_insert(Timeline {
            floor: 1,
            head: 0,
            rows: BTreeMap::new(),
        })
    }

    /// Gives a message another text, or none.
    pub(super) fn edit(&mut self, timeline: u64, seq: u64, text_hash: Option<TextHash>) -> Entry {
        let rev = self.rev + 1;
        let row = self.timeline(timeline).rows.get_mut(&seq).unwrap();
        row.shown.text_hash = text_hash;
        row.changed = true;
        row.rev = rev;
        self.change(Thing::Message { timeline, seq })
    }

    pub(super) fn set_member(&mut self, user: UserId, change: MemberChange) -> Entry {
        let rev = self.rev + 1;
        match change {
            MemberChange::Joined => {
                let visible_from = match self.history {
                    HistoryRule::Open => 1,
                    HistoryRule::SinceJoining => self.timelines[&0].head + 1,
                };
                let member = Member {
                    visible_from,
                    joined_at: rev,
                };
                self.members.insert(user, member);
            }
            MemberChange::Removed => {
                self.members.remove(&user);
            }
        }
        self.change(Thing::Member(user))
    }

    pub(super) fn raise_floor(&mut self) -> Entry {
        let timeline = self.timeline(0);
        timeline.floor = timeline.head.min(timeline.floor + 2).max(1);
        let kept = timeline.rows.split_off(&timeline.floor);
        timeline.rows = kept;
        let floor = timeline.floor;
        self.changes.retain(
            |_, thing| !matches!(thing, Thing::Message { timeline: 0, seq } if *seq < floor),
        );
        self.change(Thing::Details)
    }

    fn change(&mut self, thing: Thing) -> Entry {
        self.rev += 1;
        self.changes.retain(|_, changed| *changed != thing);
        self.changes.insert(self.rev, thing);
        self.entry(self.rev, thing)
    }

    fn entry(&self, rev: u64, thing: Thing) -> Entry {
        let body = match thing {
            Thing::Message { timeline, seq } => {
                Body::Message(self.timelines[&timeline].rows[&seq].shown)
            }
            Thing::Member(_) | Thing::Details => self.other(),
        };
        Entry { rev, body }
    }

    fn other(&self) -> Body {
        let floors = self.timelines.iter();
        Body::Other(floors.map(|(number, it)| (*number, it.floor)).collect())
    }

    pub(super) fn changes_since(&self, rev: u64, user: UserId) -> Vec<Entry> {
        let changes = self.changes.range(rev + 1..);
        changes
            .map(|(rev, thing)| self.as_seen_by(user, self.entry(*rev, *thing)))
            .collect()
    }

    /// The entry without what the person may not see.
    pub(super) fn as_seen_by(&self, user: UserId, mut entry: Entry) -> Entry {
        let visible_from = self.members.get(&user).map_or(0, |it| it.visible_from);
        if matches!(entry.body, Body::Message(it) if it.timeline == 0 && it.seq < visible_from) {
            entry.body = self.other();
        }
        entry
    }

    /// Everything that the person may see.
    pub(super) fn page(&self, user: UserId) -> Vec<Shown> {
        let visible_from = self.members[&user].visible_from;
        let rows = self.timelines.values().flat_map(|it| it.rows.values());
        rows.map(|row| row.shown)
            .filter(|shown| shown.timeline != 0 || shown.seq >= visible_from)
            .collect()
    }
}

/// A message as its commit makes it.
pub(super) fn shown(author: UserId, post: &Post, receipt: Receipt) -> Shown {
    Shown {
        timeline: receipt.timeline,
        seq: receipt.seq,
        author,
        send_key: post.send_key,
        text_hash: Some(post.text_hash),
    }
}
