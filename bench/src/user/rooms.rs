//! Rooms as users hold them: opening, live batches, catching up.

use std::time::Instant;

use parlor_protocol::message::{GetPage, Page, Place, Timeline};
use parlor_protocol::sync::{Behind, Entry, GetChanges, OpenRoom, RoomChanges, RoomOpened};
use parlor_protocol::{Extensions, Frame, RoomId};

use super::tally::Tally;
use super::view::Stage;
use super::waiting::{Asked, Question};
use super::world::{Output, User, World, nanos};
use crate::check::{Fault, Held, Ledger};
use crate::plan::{PostIndex, UserIndex};

impl World {
    /// What a new link asks for in its first flight.
    pub(super) fn rooms_to_open(&mut self, user: UserIndex) -> Vec<(Asked, OpenRoom)> {
        let mut rooms = Vec::new();
        // Whoever leaves as soon as they are in counts handshakes, not rooms.
        if self.churning {
            return rooms;
        }
        let state = &mut self.users[user as usize];
        for (at, view) in state.views.iter_mut().enumerate() {
            if view.stage != Stage::Closed {
                continue;
            }
            view.stage = Stage::Pulling;
            let open = OpenRoom {
                room: self.ledger.rooms[view.room as usize],
                since: view.known.then_some(view.held.rev),
                page: 0,
                ext: Extensions::NONE,
            };
            rooms.push((Asked::Open(at), open));
        }
        state.in_flight += rooms.len();
        rooms
    }

    /// Asks again for rooms that were refused for the moment.
    pub(super) fn open_rooms(&mut self, user: UserIndex) {
        for (asked, open) in self.rooms_to_open(user) {
            self.out
                .push(Output::Ask(user, asked, Question::Open(open)));
        }
    }

    pub(super) fn on_opened(&mut self, user: UserIndex, at: usize, frame: &Frame, now: Instant) {
        let opened: RoomOpened = match frame.open() {
            Ok(opened) => opened,
            Err(error) => return self.damaged(user, &error),
        };
        let view = &mut self.users[user as usize].views[at];
        if view.known {
            return self.caught_up(user, at, &opened.changes, now);
        }
        view.known = true;
        view.held = Held::from_now(opened.changes.through, opened.changes.head);
        self.go_live(user, at, now);
    }

    pub(super) fn on_changes(&mut self, user: UserIndex, at: usize, frame: &Frame, now: Instant) {
        match frame.open::<RoomChanges>() {
            Ok(changes) => self.caught_up(user, at, &changes, now),
            Err(error) => self.damaged(user, &error),
        }
    }

    /// Takes a catch-up reply, and asks on where it was not all.
    fn caught_up(&mut self, user: UserIndex, at: usize, changes: &RoomChanges, now: Instant) {
        if changes.reset {
            self.users[user as usize].views[at].resets_to = Some(changes.through);
            return self.ask_page(user, at);
        }
        if !self.take_pulled(user, at, changes.through, &changes.entries, now) {
            return;
        }
        if changes.through < changes.rev {
            self.ask_changes(user, at);
        } else {
            self.go_live(user, at, now);
        }
    }

    /// After a reset everything missed comes page by page.
    pub(super) fn on_page(&mut self, user: UserIndex, at: usize, frame: &Frame, now: Instant) {
        let page: Page = match frame.open() {
            Ok(page) => page,
            Err(error) => return self.damaged(user, &error),
        };
        let entries: Vec<Entry> = page
            .messages
            .iter()
            .map(|message| Entry::message(page.as_of, message))
            .collect();
        let held = self.users[user as usize].views[at].held.rev;
        if !self.take_pulled(user, at, held, &entries, now) {
            return;
        }
        let view = &mut self.users[user as usize].views[at];
        if !entries.is_empty() && view.held.seq < page.head {
            return self.ask_page(user, at);
        }
        view.held.rev = view
            .resets_to
            .take()
            .unwrap_or(view.held.rev)
            .max(view.held.rev);
        view.held.pulled_rev = view.held.pulled_rev.max(page.as_of);
        self.ask_changes(user, at);
    }

    /// A live batch.
    pub(super) fn on_batch(&mut self, user: UserIndex, frame: Frame, now: Instant) {
        if self.users[user as usize].views.is_empty() {
            // A reading user has rooms open for moments only, and does not follow them.
            return;
        }
        let Some(at) = self.view_of(user, &frame) else {
            return self
                .tally
                .error("received a batch of a room that was not opened");
        };
        let view = &mut self.users[user as usize].views[at];
        if view.stage != Stage::Live {
            return view.keep(frame);
        }
        self.take_batch(user, at, frame, now);
    }

    fn take_batch(&mut self, user: UserIndex, at: usize, frame: Frame, now: Instant) {
        let view = &mut self.users[user as usize].views[at];
        let start = self.start;
        let (tally, ledger) = (&mut self.tally, &self.ledger);
        let on_post = |post| deliver(tally, ledger, post, start, now);
        let taken = self.books[view.room as usize].take(&mut view.held, &frame, ledger, on_post);
        match taken {
            Ok(flaws) if flaws.is_none() => {}
            Ok(flaws) => self.tally.flaws(&flaws),
            Err(Fault::Gap { .. }) => {
                // On an ordered stream a batch is missing only when the server says so.
                self.tally.out_of_order += u64::from(!view.told_behind);
                view.keep(frame);
                self.pull(user, at);
            }
            Err(fault) => self.damaged(user, &fault),
        }
    }

    /// The server dropped batches of this link.
    pub(super) fn on_behind(&mut self, user: UserIndex, frame: &Frame) {
        let behind: Behind = match frame.open() {
            Ok(behind) => behind,
            Err(error) => return self.damaged(user, &error),
        };
        // Entries of the user's own were dropped, which are of no concern to a load.
        if behind.head.room == RoomId::default() {
            return;
        }
        let ledger = &self.ledger;
        let state = &mut self.users[user as usize];
        let at = state
            .views
            .iter()
            .position(|view| ledger.rooms[view.room as usize] == behind.head.room);
        let Some(at) = at else {
            return self
                .tally
                .error("was told to be behind in a room that was not opened");
        };
        state.views[at].told_behind = true;
        if state.views[at].stage == Stage::Live {
            self.pull(user, at);
        }
    }

    fn pull(&mut self, user: UserIndex, at: usize) {
        self.tally.pulls += 1;
        let state = &mut self.users[user as usize];
        self.joined -= usize::from(state.is_joined());
        state.views[at].stage = Stage::Pulling;
        self.ask_changes(user, at);
    }

    fn go_live(&mut self, user: UserIndex, at: usize, now: Instant) {
        let state = &mut self.users[user as usize];
        let view = &mut state.views[at];
        view.stage = Stage::Live;
        view.told_behind = false;
        let early = view.take_early();
        if state.is_joined() {
            self.joined += 1;
        }
        for frame in early {
            self.on_batch(user, frame, now);
        }
        self.send_posts(user);
    }

    fn ask_changes(&mut self, user: UserIndex, at: usize) {
        let view = &self.users[user as usize].views[at];
        let ask = GetChanges {
            room: self.ledger.rooms[view.room as usize],
            since: view.held.rev,
            ext: Extensions::NONE,
        };
        self.ask(user, Asked::Changes(at), Question::Changes(ask));
    }

    fn ask_page(&mut self, user: UserIndex, at: usize) {
        let view = &self.users[user as usize].views[at];
        let ask = GetPage {
            room: self.ledger.rooms[view.room as usize],
            timeline: Timeline::ROOM,
            place: Place::FROM,
            seq: view.held.seq + 1,
            limit: parlor_protocol::limit::PAGE_MESSAGES,
            ext: Extensions::NONE,
        };
        self.ask(user, Asked::Page(at), Question::Page(ask));
    }

    fn take_pulled(
        &mut self,
        user: UserIndex,
        at: usize,
        through: u64,
        entries: &[Entry],
        now: Instant,
    ) -> bool {
        let view = &mut self.users[user as usize].views[at];
        let start = self.start;
        let (tally, ledger) = (&mut self.tally, &self.ledger);
        let on_post = |post| deliver(tally, ledger, post, start, now);
        let book = &mut self.books[view.room as usize];
        match book.take_pulled(&mut view.held, through, entries, ledger, on_post) {
            Ok(flaws) => self.tally.flaws(&flaws),
            Err(fault) => {
                self.damaged(user, &fault);
                return false;
            }
        }
        true
    }

    /// Which of the user's rooms a batch belongs to.
    fn view_of(&self, user: UserIndex, frame: &Frame) -> Option<usize> {
        let views = &self.users[user as usize].views;
        if views.len() == 1 {
            return Some(0);
        }
        // A batch begins with its room's id, 16 plain bytes.
        let plain = frame.plain_body().ok()?;
        let id = plain.get(..16)?;
        views
            .iter()
            .position(|view| self.ledger.rooms[view.room as usize].as_bytes() == id)
    }

    /// A server that sends damage is not talked to any more on this link.
    fn damaged(&mut self, user: UserIndex, what: &dyn std::fmt::Display) {
        self.tally.error(what.to_string());
        self.out.push(Output::Close(user));
    }
}

impl User {
    /// Holds all its rooms.
    pub(super) fn is_joined(&self) -> bool {
        self.views.iter().all(|view| view.stage == Stage::Live)
    }
}

/// Counts a post that is new to one link.
fn deliver(
    tally: &mut Tally,
    ledger: &Ledger,
    post: PostIndex,
    start: Option<Instant>,
    now: Instant,
) {
    let planned = ledger.post(post);
    let since_start = start.map_or(0, |start| nanos(now.saturating_duration_since(start)));
    let latency = since_start.saturating_sub(planned.at_ns);
    let segment = &mut tally.segments[usize::from(planned.segment)];
    segment.latency.record_ns(latency);
    segment.deliveries += 1;
    tally.series.record_ns(latency);
    tally.fates[post as usize].deliveries += 1;
    tally.deliveries += 1;
}
