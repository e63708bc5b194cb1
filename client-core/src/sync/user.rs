//! What is the person's own: the list of rooms, read markers, sessions.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use parlor_protocol::RoomId;
use parlor_protocol::room::Head;
use parlor_protocol::sync::{Entry, UserBatch, UserChanges, UserEntry};

use super::follower::{Follower, Span, Step};

impl Span for UserBatch {
    fn before(&self) -> u64 {
        self.before
    }

    fn rev(&self) -> u64 {
        self.rev
    }
}

/// What the driver does for the person, in order.
#[derive(Debug, PartialEq)]
pub enum UserStep {
    /// Send `SyncUser`; answer with [`UserSync::changes`] or [`UserSync::failed`].
    Ask { since: Option<u64> },
    /// Write these, then `through` is held.
    Apply { through: u64, entries: Vec<Entry> },
    /// Where every room of the person stands.
    Heads(Vec<Head>),
    /// The whole list has been read: rooms that are not in it are gone.
    KeepOnly(BTreeSet<RoomId>),
    /// The server is behind what is held: it is another life of its data. Drop all content.
    Impossible,
}

/// The rules of the person's own rev.
#[derive(Debug)]
pub struct UserSync {
    follower: Follower<UserBatch>,
    /// Rooms named since a reset, until the list is whole.
    named: Option<BTreeSet<RoomId>>,
    asked_from: u64,
    link: bool,
    ask_at: Option<Instant>,
    steps: VecDeque<UserStep>,
}

impl UserSync {
    /// The store holds everything up to `held`.
    pub fn new(held: Option<u64>) -> Self {
        Self {
            follower: Follower::new(held),
            named: None,
            asked_from: 0,
            link: false,
            ask_at: None,
            steps: VecDeque::new(),
        }
    }

    pub fn held(&self) -> Option<u64> {
        // Half a list is not to be gone on from.
        self.follower.held().filter(|_| self.named.is_none())
    }

    /// Whether everything known to exist is held on the present link.
    pub fn is_current(&self) -> bool {
        self.link && self.named.is_none() && self.follower.is_current()
    }

    /// A link is up and entered: what was missed is asked for. `asked`: the first flight has
    /// carried the question already.
    pub fn link_up(&mut self, asked: bool) {
        self.link = true;
        self.ask_at = None;
        self.named = None;
        self.asked_from = self.follower.held().unwrap_or(0);
        self.follower.asked();
        if !asked {
            self.steps.push_back(UserStep::Ask {
                since: self.follower.held(),
            });
        }
    }

    pub fn link_lost(&mut self) {
        self.link = false;
        self.ask_at = None;
        if self.named.take().is_some() {
            self.follower.clear();
        }
        self.follower.link_lost();
        self.steps
            .retain(|step| !matches!(step, UserStep::Ask { .. }));
    }

    /// The answer to a question.
    pub fn changes(&mut self, changes: UserChanges, now: Instant) {
        let UserChanges {
            since: _,
            through,
            rev,
            reset,
            entries,
            heads,
            ext: _,
        } = changes;
        if rev < self.asked_from {
            self.steps.push_back(UserStep::Impossible);
            return;
        }
        if reset && self.named.is_none() {
            self.named = Some(BTreeSet::new());
            self.follower.reset(through, rev, now);
        } else {
            self.follower.caught_up(through, rev, now);
        }
        self.note(&entries);
        self.steps.push_back(UserStep::Apply { through, entries });
        self.steps.push_back(UserStep::Heads(heads));
        if through >= rev
            && let Some(named) = self.named.take()
        {
            self.steps.push_back(UserStep::KeepOnly(named));
        }
        self.take_steps();
    }

    /// The question failed; `None`: it will not help to ask again on this link.
    pub fn failed(&mut self, again: Option<Duration>, now: Instant) {
        match self.follower.held() {
            Some(_) => self.follower.ask_failed(again, now),
            // Nothing held: the first question is the only one there is.
            None => self.ask_at = Some(now + again.unwrap_or_default().max(super::RETRY_AFTER)),
        }
    }

    /// Live entries.
    pub fn batch(&mut self, batch: UserBatch, now: Instant) {
        self.follower.batch(batch, now);
        self.take_steps();
    }

    /// The person's own stands at `rev`: live entries up to there may have been dropped.
    pub fn raise(&mut self, rev: u64, now: Instant) {
        self.follower.raise(rev, now);
        self.take_steps();
    }

    /// Forgets what is held: another epoch.
    pub fn clear(&mut self) {
        let link = self.link;
        *self = Self {
            link,
            ..Self::new(None)
        };
    }

    pub fn deadline(&self) -> Option<Instant> {
        [self.follower.deadline(), self.ask_at]
            .into_iter()
            .flatten()
            .min()
    }

    pub fn tick(&mut self, now: Instant) {
        if self.link && self.ask_at.is_some_and(|at| at <= now) {
            self.link_up(false);
        }
        self.follower.tick(now);
        self.take_steps();
    }

    pub fn poll(&mut self) -> Option<UserStep> {
        self.steps.pop_front()
    }

    fn note(&mut self, entries: &[Entry]) {
        let Some(named) = &mut self.named else { return };
        for entry in entries {
            match entry.open_user() {
                Ok(UserEntry::Room(room)) => {
                    named.insert(room.room);
                }
                Ok(UserEntry::RoomGone(gone)) => {
                    named.remove(&gone.room);
                }
                _ => {}
            }
        }
    }

    fn take_steps(&mut self) {
        while let Some(step) = self.follower.poll() {
            match step {
                Step::Apply { held, batch } => {
                    let entries: Vec<Entry> = batch
                        .entries
                        .into_iter()
                        .filter(|entry| entry.rev > held)
                        .collect();
                    self.note(&entries);
                    self.steps.push_back(UserStep::Apply {
                        through: batch.rev,
                        entries,
                    });
                }
                Step::Ask { since } => {
                    self.asked_from = since;
                    self.steps.push_back(UserStep::Ask { since: Some(since) });
                }
            }
        }
    }
}
