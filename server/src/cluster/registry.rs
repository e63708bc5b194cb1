//! Which nodes there are. A rule without I/O: what was read and two clocks go in.
//!
//! A node is alive while what it says moves on: its beat, compared with the one seen before. Nothing
//! is concluded from the clock in a record, so that no skew makes a node dead, and what a killed node
//! left behind makes nobody alive. Time passes with successful reads only: who cannot read keeps the
//! view that it had.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use parlor_protocol::hello::Node;
use parlor_protocol::limit::NODES;

use super::record::{NodeRecord, NodeState, Unreadable};
use super::share::{Filled, level};

/// How often a node says that it lives.
pub const BEAT_EVERY: Duration = Duration::from_secs(2);
/// Silence after which a node is taken for dead: two beats may be lost, or late by a change from
/// Redis to the database.
pub const DEAD_AFTER: Duration = Duration::from_secs(6);
/// Difference between two nodes' clocks that is told. Messages stay in order whatever the clocks say;
/// their times, and the ends of sessions and invites, are wrong by as much.
pub const SKEW_MS: u64 = 2_000;
/// Age of a record, by the clocks, that nobody waits for any more: a node that lived would have said
/// something since.
const LEFTOVER_MS: u64 = 10_000;
/// When what a dead node left is removed.
pub const FORGOTTEN_AFTER: Duration = Duration::from_secs(600);
/// Nodes kept in mind: more than a welcome lists, for those that come and go.
pub const NODES_KNOWN: usize = 4 * NODES;

/// A record that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What it was filed under.
    pub number: u64,
    /// Tells whether it is the same as before, where it cannot be read.
    pub mark: u64,
    pub record: Result<NodeRecord, Unreadable>,
}

/// Why a node cannot be of one cluster with this one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Strange {
    #[error(
        "a node that is not of this cluster (another secret) uses the same prefix in the same Redis; give every installation a prefix of its own, and its nodes one cluster file"
    )]
    Secret,
    #[error(
        "two nodes have the number {number:016x}: {address} runs already; give each node a data folder of its own"
    )]
    Number { number: u64, address: String },
    #[error(
        "the node {address} works with the data of epoch {theirs:016x}, this one with {own:016x}: they use different databases, or the database began another life (a restore, a promoted replica) while {address} ran; stop the nodes that are wrong, then start them again"
    )]
    Epoch {
        address: String,
        own: u64,
        theirs: u64,
    },
    #[error(
        "the node {address} spreads rooms and people over {theirs:?} channels of the bus, this one over {own:?}; give all nodes the same settings"
    )]
    Channels {
        address: String,
        own: (u16, u16),
        theirs: (u16, u16),
    },
    #[error(
        "the node {address} is of version {version} (protocol {theirs} between nodes), too far from this one's (protocol {own}); bring nodes forward one release at a time"
    )]
    Protocol {
        address: String,
        version: String,
        own: u16,
        theirs: u16,
    },
}

/// What a look at the others brought, told once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    Came {
        address: String,
    },
    /// It ended in good order, or has been silent for too long.
    Went {
        address: String,
        dead: bool,
    },
    /// Their clock less ours, ms, at least.
    Skew {
        address: String,
        ahead_ms: i64,
    },
    /// It cannot be of one cluster with this node, and one of the two must end.
    Stranger {
        why: Strange,
        /// This node is the one that came later.
        ours_to_end: bool,
    },
}

/// How this node stands among the others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// Nodes that live and are of this cluster, this one included.
    pub nodes: u32,
    /// What each would have if all that take links were filled alike.
    pub level: f64,
}

/// All nodes, as this one sees them.
#[derive(Debug)]
pub struct Registry {
    own: NodeRecord,
    known: BTreeMap<u64, Known>,
    /// The last successful read, by both clocks.
    read: Option<(Instant, u64)>,
    told: BTreeSet<(u64, &'static str)>,
    /// Records that cannot be read.
    marks: BTreeMap<u64, u64>,
}

#[derive(Debug)]
struct Known {
    record: NodeRecord,
    /// First seen, or last seen to move.
    since: Instant,
    moved: bool,
    /// Judged to be of this cluster.
    ours: bool,
    came: bool,
}

impl Known {
    fn is_alive(&self, read_at: Instant) -> bool {
        self.moved
            && self.record.state != NodeState::Gone
            && read_at.saturating_duration_since(self.since) < DEAD_AFTER
    }
}

impl Registry {
    pub fn new(own: NodeRecord) -> Self {
        Self {
            own,
            known: BTreeMap::new(),
            read: None,
            told: BTreeSet::new(),
            marks: BTreeMap::new(),
        }
    }

    /// The next thing to say of this node.
    pub fn beat(&mut self, state: NodeState, links: u32, clock_ms: u64) -> &NodeRecord {
        self.own.state = state;
        self.own.links = links;
        self.own.clock_ms = clock_ms;
        self.own.beat += 1;
        &self.own
    }

    /// Takes what was read: every record that there was before this node's newest. `clock_ms`: this
    /// node's own clock, as others see it in its records.
    pub fn observe(&mut self, seen: Vec<Seen>, now: Instant, clock_ms: u64) -> Vec<Finding> {
        let mut findings = Vec::new();
        for Seen {
            number,
            mark,
            record,
        } in seen.into_iter().take(NODES_KNOWN)
        {
            match record {
                Ok(record) if record.number == self.own.number => {
                    self.own_number(&record, &mut findings)
                }
                Ok(record) if record.number == number => {
                    self.other(record, now, clock_ms, &mut findings)
                }
                // Filed under a number that is not its own: copied by somebody.
                Ok(_) | Err(Unreadable::Foreign) => {
                    self.unreadable(number, mark, Strange::Secret, &mut findings);
                }
                Err(Unreadable::Unknown) => {
                    let why = Strange::Protocol {
                        address: format!("of the number {number:016x}"),
                        version: "unknown".to_owned(),
                        own: self.own.protocol,
                        theirs: 0,
                    };
                    self.unreadable(number, mark, why, &mut findings);
                }
            }
        }
        self.read = Some((now, clock_ms));
        self.pass(now, &mut findings);
        findings
    }

    /// Nodes for a welcome: this one first, the others that take links behind it, emptiest first.
    pub fn nodes(&self) -> Vec<Node> {
        let own = Node {
            address: self.own.address.clone(),
            load: self.own.load(),
        };
        let others = self.others();
        [own].into_iter().chain(others).take(NODES).collect()
    }

    /// The others that take links, emptiest first, each address once.
    pub fn others(&self) -> Vec<Node> {
        self.listed(|_| true)
    }

    /// Those of them that hold less than their share.
    pub fn emptier(&self) -> Vec<Node> {
        let level = self.standing().level;
        self.listed(|it| f64::from(it.links) < level * f64::from(it.capacity))
    }

    pub fn standing(&self) -> Standing {
        let others = self.ready().map(filled);
        let own = filled(&self.own);
        let alive = self.alive().count();
        Standing {
            nodes: u32::try_from(alive).unwrap_or(u32::MAX).saturating_add(1),
            level: level(others.chain([own])),
        }
    }

    /// This node as the rule of moves sees it.
    pub(super) fn own_filled(&self) -> Filled {
        filled(&self.own)
    }

    /// Whether there may be another node: then another look is needed to tell. What was said long ago
    /// is a leftover, or the word of a node whose clock is far behind, which a later look finds.
    pub fn has_company(&self, clock_ms: u64) -> bool {
        let recent = |it: &NodeRecord| it.clock_ms.saturating_add(LEFTOVER_MS) >= clock_ms;
        let said = |it: &NodeRecord| it.state != NodeState::Gone && recent(it);
        self.known.values().any(|known| said(&known.record)) || !self.marks.is_empty()
    }

    /// Takes what may be removed: records of nodes that have been silent for long.
    pub fn take_forgotten(&mut self, now: Instant) -> Vec<u64> {
        let old = |known: &Known| now.saturating_duration_since(known.since) >= FORGOTTEN_AFTER;
        let numbers: Vec<u64> = self
            .known
            .iter()
            .filter(|(_, known)| old(known))
            .map(|(number, _)| *number)
            .collect();
        for number in &numbers {
            self.known.remove(number);
            self.told.retain(|(told, _)| told != number);
        }
        numbers
    }

    fn listed(&self, take: impl Fn(&NodeRecord) -> bool) -> Vec<Node> {
        let mut others: Vec<&NodeRecord> = self.ready().filter(|it| take(it)).collect();
        others.sort_by_key(|it| (it.load(), it.links, it.number));
        // Nodes behind one load balancer have one address.
        let mut addresses = BTreeSet::from([self.own.address.as_str()]);
        others
            .into_iter()
            .filter(|it| addresses.insert(it.address.as_str()))
            .take(NODES)
            .map(|it| Node {
                address: it.address.clone(),
                load: it.load(),
            })
            .collect()
    }

    fn alive(&self) -> impl Iterator<Item = &NodeRecord> {
        let read_at = self.read.map(|(at, _)| at);
        self.known
            .values()
            .filter(move |it| it.ours && read_at.is_some_and(|at| it.is_alive(at)))
            .map(|it| &it.record)
    }

    fn ready(&self) -> impl Iterator<Item = &NodeRecord> {
        self.alive().filter(|it| it.state == NodeState::Ready)
    }

    /// A record under our own number. Left by an earlier start it is seen once and then overwritten;
    /// what comes after our own has been written by another node that runs.
    fn own_number(&mut self, record: &NodeRecord, findings: &mut Vec<Finding>) {
        if record.start == self.own.start || self.read.is_none() || record.state == NodeState::Gone
        {
            return;
        }
        let why = Strange::Number {
            number: record.number,
            address: record.address.clone(),
        };
        let ours_to_end = self.own.is_later_than(record);
        self.tell(record.number, "number", findings, || {
            stranger(why, ours_to_end)
        });
    }

    /// A record that cannot be read belongs to a node that runs once it has changed. Which of the two
    /// came later it cannot say: the one that is joining goes.
    fn unreadable(&mut self, number: u64, mark: u64, why: Strange, findings: &mut Vec<Finding>) {
        if self.marks.len() >= NODES_KNOWN && !self.marks.contains_key(&number) {
            return;
        }
        let before = self.marks.insert(number, mark);
        if before.is_some_and(|before| before != mark) {
            self.tell(number, "unreadable", findings, || stranger(why, true));
        }
    }

    fn other(
        &mut self,
        record: NodeRecord,
        now: Instant,
        clock_ms: u64,
        findings: &mut Vec<Finding>,
    ) {
        let number = record.number;
        let Some(known) = self.known.get_mut(&number) else {
            if self.known.len() < NODES_KNOWN {
                self.known.insert(number, first(record, now));
            }
            return;
        };
        if known.record.start != record.start {
            // Not what a database kept from before the last start.
            if record.is_later_than(&known.record) {
                *known = first(record, now);
            }
            return;
        }
        if record.beat <= known.record.beat {
            return;
        }
        known.record = record;
        known.since = now;
        known.moved = true;
        self.judge(number, clock_ms, findings);
    }

    /// A node that lives: whether it is one of ours, and what there is to say of it.
    fn judge(&mut self, number: u64, clock_ms: u64, findings: &mut Vec<Finding>) {
        let Some(known) = self.known.get_mut(&number) else {
            return;
        };
        let strange = strange(&self.own, &known.record);
        known.ours = strange.is_none();
        let address = known.record.address.clone();
        let ours_to_end = self.own.is_later_than(&known.record);
        let skew = self
            .read
            .and_then(|(_, before_ms)| skew(known.record.clock_ms, before_ms, clock_ms));
        let came = known.ours && !std::mem::replace(&mut known.came, known.ours);
        if let Some(why) = strange {
            self.tell(number, "strange", findings, || stranger(why, ours_to_end));
            return;
        }
        if came {
            let address = address.clone();
            findings.push(Finding::Came { address });
        }
        match skew {
            Some(ahead_ms) => self.tell(number, "skew", findings, || Finding::Skew {
                address,
                ahead_ms,
            }),
            None => drop(self.told.remove(&(number, "skew"))),
        }
    }

    /// Time has passed: who has not moved for too long has gone.
    fn pass(&mut self, now: Instant, findings: &mut Vec<Finding>) {
        for known in self.known.values_mut() {
            if known.came && !known.is_alive(now) {
                known.came = false;
                // It must move again before it counts.
                known.moved = false;
                findings.push(Finding::Went {
                    address: known.record.address.clone(),
                    dead: known.record.state != NodeState::Gone,
                });
            }
        }
    }

    fn tell(
        &mut self,
        number: u64,
        what: &'static str,
        findings: &mut Vec<Finding>,
        finding: impl FnOnce() -> Finding,
    ) {
        // Bounded like what is known: numbers that anybody may write do not fill the memory.
        if self.told.len() < 4 * NODES_KNOWN && self.told.insert((number, what)) {
            findings.push(finding());
        }
    }
}

fn first(record: NodeRecord, now: Instant) -> Known {
    Known {
        record,
        since: now,
        moved: false,
        ours: false,
        came: false,
    }
}

fn filled(record: &NodeRecord) -> Filled {
    Filled {
        links: record.links,
        capacity: record.capacity,
    }
}

fn stranger(why: Strange, ours_to_end: bool) -> Finding {
    Finding::Stranger { why, ours_to_end }
}

fn strange(own: &NodeRecord, other: &NodeRecord) -> Option<Strange> {
    let address = other.address.clone();
    if own.protocol.abs_diff(other.protocol) > 1 {
        return Some(Strange::Protocol {
            address,
            version: other.version.clone(),
            own: own.protocol,
            theirs: other.protocol,
        });
    }
    if own.epoch != other.epoch {
        return Some(Strange::Epoch {
            address,
            own: own.epoch,
            theirs: other.epoch,
        });
    }
    (own.channels != other.channels).then(|| Strange::Channels {
        address,
        own: own.channels,
        theirs: other.channels,
    })
}

/// How far the other's clock is ahead, at least, where that is more than is borne. It spoke at some
/// time between two reads.
fn skew(said_ms: u64, before_ms: u64, now_ms: u64) -> Option<i64> {
    let ahead = said_ms.saturating_sub(now_ms.max(before_ms));
    let behind = before_ms.min(now_ms).saturating_sub(said_ms);
    match (ahead, behind) {
        (ahead, _) if ahead > SKEW_MS => i64::try_from(ahead).ok(),
        (_, behind) if behind > SKEW_MS => i64::try_from(behind).ok().map(|ms| -ms),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
