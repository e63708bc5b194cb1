//! One room: whether it is open, what is held of it, what to ask for.

use std::time::{Duration, Instant};

use parlor_protocol::message::Page;
use parlor_protocol::room::RoomSummary;
use parlor_protocol::sync::{Entry, RoomBatch, RoomChanges, RoomOpened};

use super::follower::{Follower, Span, Step};

impl Span for RoomBatch {
    fn before(&self) -> u64 {
        self.before
    }

    fn rev(&self) -> u64 {
        self.rev
    }
}

/// What the driver does for a room, in order.
#[derive(Debug, PartialEq)]
pub enum RoomStep {
    /// Send `OpenRoom`; answer with [`RoomSync::opened`] or [`RoomSync::open_failed`].
    Open { since: Option<u64> },
    /// Send `CloseRoom`; its answer does not matter.
    Close,
    /// Send `GetChanges`; answer with [`RoomSync::changes`] or [`RoomSync::changes_failed`].
    AskChanges { since: u64 },
    /// Write these, then `through` is held. Entries are idempotent: each is a thing in its newest
    /// state at its rev.
    Apply { through: u64, entries: Vec<Entry> },
    /// Drop what is held of the room's messages; `through` is held of what comes now. The newest
    /// page first, when it is here already.
    Reset { through: u64, page: Option<Page> },
    /// The room as it is now, from the answer to `OpenRoom`.
    Summary(RoomSummary),
    /// The server is behind what is held: it is another life of its data. Drop all content.
    Impossible,
}

/// The rules of one room.
#[derive(Debug)]
pub struct RoomSync {
    follower: Follower<RoomBatch>,
    wanted: bool,
    /// Open, or being opened, on the present link.
    open: bool,
    opening: bool,
    open_at: Option<Instant>,
    /// What the question that is out was asked from.
    asked_from: u64,
    link: bool,
    steps: std::collections::VecDeque<RoomStep>,
}

impl RoomSync {
    /// A room of which the store holds everything up to `held`.
    pub fn new(held: Option<u64>) -> Self {
        Self {
            follower: Follower::new(held),
            wanted: false,
            open: false,
            opening: false,
            open_at: None,
            asked_from: 0,
            link: false,
            steps: Default::default(),
        }
    }

    /// The rev held.
    pub fn held(&self) -> Option<u64> {
        self.follower.held()
    }

    /// Whether it is open and holds all that is known to exist.
    pub fn is_current(&self) -> bool {
        self.open && !self.opening && self.follower.is_current()
    }

    /// Whether there is nothing to wait for on this link: it is current, or cannot be opened.
    pub fn is_settled(&self) -> bool {
        self.is_current() || (self.link && !self.open && self.open_at.is_none())
    }

    /// Whether it is received at full depth, or about to be.
    pub fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// Receive the room at full depth from now on.
    pub fn want(&mut self) {
        self.wanted = true;
        self.open_now();
    }

    /// Heads suffice from now on.
    pub fn unwant(&mut self) {
        self.wanted = false;
        self.open_at = None;
        if self.open && self.link {
            self.steps.push_back(RoomStep::Close);
        }
        self.open = false;
    }

    /// A link is up and entered.
    pub fn link_up(&mut self) {
        self.link = true;
        self.open_now();
    }

    /// The link ended.
    pub fn link_lost(&mut self) {
        self.link = false;
        self.open = false;
        self.opening = false;
        self.open_at = None;
        self.follower.link_lost();
        // Questions not asked yet would go to the next link out of place.
        self.steps.retain(|step| !is_question(step));
    }

    /// The answer to [`RoomStep::Open`].
    pub fn opened(&mut self, opened: RoomOpened, now: Instant) {
        let RoomOpened {
            summary,
            changes,
            page,
            ext: _,
        } = opened;
        self.opening = false;
        self.steps.push_back(RoomStep::Summary(summary));
        match page {
            Some(_) if self.is_behind(&changes) => {}
            Some(page) => {
                let through = changes.through;
                self.steps.push_back(RoomStep::Reset {
                    through,
                    page: Some(page),
                });
                self.follower.reset(through, changes.rev, now);
                self.take_steps();
            }
            None => self.take(changes, now),
        }
    }

    /// `OpenRoom` failed; `again`: when it may help to try again.
    pub fn open_failed(&mut self, again: Option<Duration>, now: Instant) {
        self.opening = false;
        self.open = false;
        self.follower.link_lost();
        self.open_at = again.map(|after| now + after.max(super::RETRY_AFTER));
    }

    /// The answer to [`RoomStep::AskChanges`].
    pub fn changes(&mut self, changes: RoomChanges, now: Instant) {
        self.take(changes, now);
    }

    /// `GetChanges` failed; `None`: it will not help to ask again on this link.
    pub fn changes_failed(&mut self, again: Option<Duration>, now: Instant) {
        self.follower.ask_failed(again, now);
    }

    /// Live entries.
    pub fn batch(&mut self, batch: RoomBatch, now: Instant) {
        let unheld = self.held().is_none();
        self.follower.batch(batch, now);
        // A room that is pushed though nobody opened it (a direct one) is worth holding.
        if unheld {
            self.wanted = true;
            self.open_now();
        }
        self.take_steps();
    }

    /// Its head says that it stands at `rev`; batches up to there may have been dropped.
    pub fn raise(&mut self, rev: u64, now: Instant) {
        // A closed room is caught up when it is opened.
        if self.open {
            self.follower.raise(rev, now);
            self.take_steps();
        }
    }

    /// Forgets what is held: another epoch, or no member any more.
    pub fn clear(&mut self) {
        let (wanted, link) = (self.wanted, self.link);
        *self = Self {
            wanted,
            link,
            ..Self::new(None)
        };
    }

    /// Opens anew after [`Self::clear`].
    pub fn start_over(&mut self) {
        self.open_now();
    }

    pub fn deadline(&self) -> Option<Instant> {
        [self.follower.deadline(), self.open_at]
            .into_iter()
            .flatten()
            .min()
    }

    pub fn tick(&mut self, now: Instant) {
        if self.open_at.is_some_and(|at| at <= now) {
            self.open_at = None;
            self.open_now();
        }
        self.follower.tick(now);
        self.take_steps();
    }

    /// What to do next.
    pub fn poll(&mut self) -> Option<RoomStep> {
        self.steps.pop_front()
    }

    fn open_now(&mut self) {
        if self.wanted && self.link && !self.open {
            self.open = true;
            self.opening = true;
            self.open_at = None;
            self.follower.asked();
            let since = self.follower.held();
            self.asked_from = since.unwrap_or(0);
            self.steps.push_back(RoomStep::Open { since });
        }
    }

    fn take(&mut self, changes: RoomChanges, now: Instant) {
        if self.is_behind(&changes) {
            return;
        }
        let RoomChanges {
            through,
            rev,
            reset,
            entries,
            ..
        } = changes;
        if reset || self.held().is_none() {
            self.steps.push_back(RoomStep::Reset {
                through,
                page: None,
            });
            self.follower.reset(through, rev, now);
        } else {
            // A late answer may end below what live batches have brought meanwhile; its entries
            // are applied all the same, since rows keep the newest state they have seen.
            self.steps.push_back(RoomStep::Apply { through, entries });
            self.follower.caught_up(through, rev, now);
        }
        self.take_steps();
    }

    /// Whether the server stands below what was held when it was asked: no lost message explains
    /// that.
    fn is_behind(&mut self, changes: &RoomChanges) -> bool {
        let behind = changes.rev < self.asked_from;
        if behind {
            self.steps.push_back(RoomStep::Impossible);
        }
        behind
    }

    fn take_steps(&mut self) {
        while let Some(step) = self.follower.poll() {
            self.steps.push_back(match step {
                Step::Apply { held, batch } => RoomStep::Apply {
                    through: batch.rev,
                    entries: batch
                        .entries
                        .into_iter()
                        .filter(|entry| entry.rev > held)
                        .collect(),
                },
                Step::Ask { since } => {
                    self.asked_from = since;
                    RoomStep::AskChanges { since }
                }
            });
        }
    }
}

fn is_question(step: &RoomStep) -> bool {
    matches!(
        step,
        RoomStep::Open { .. } | RoomStep::Close | RoomStep::AskChanges { .. }
    )
}
