//! All virtual users of a run, and the events that move them.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parlor_protocol::hello::GoAway;
use parlor_protocol::{Body, Frame, Kind, Refusal, frame};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::outbox::Outbox;
use super::tally::{SegmentTally, Tally};
use super::view::View;
use super::waiting::{Asked, Requests};
use crate::check::{Fate, Ledger, RoomBook};
use crate::plan::{RoomIndex, UserIndex};

/// What the driver does next. In order.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Connect and enter.
    Dial(UserIndex),
    /// Frames for the command stream of a link that is up.
    Send(UserIndex, Bytes),
    /// A signal for a datagram.
    Signal(UserIndex, Bytes),
    /// End the link.
    Close(UserIndex),
}

/// Who takes part, and how.
#[derive(Debug)]
pub struct Spec {
    pub ledger: Ledger,
    /// Rooms of each user, by user index.
    pub rooms_of: Vec<Vec<RoomIndex>>,
    /// Dials under way at one time; a storm has no bound below its users.
    pub dials: usize,
    pub seed: u64,
    /// Wall clock at the plan's start, ms since the Unix epoch: send keys are made from it.
    pub wall_ms: u64,
}

pub struct World {
    pub ledger: Ledger,
    pub tally: Tally,
    pub(super) books: Vec<RoomBook>,
    pub(super) users: Vec<User>,
    /// Users that receive each room.
    pub(super) readers: Vec<u32>,
    pub(super) start: Option<Instant>,
    pub(super) next_post: usize,
    /// Posts that are neither acknowledged nor refused for good.
    pub(super) open_posts: u64,
    pub(super) out: Vec<Output>,
    pub(super) random: ChaCha8Rng,
    pub(super) wall_ms: u64,
    pub(super) up: usize,
    pub(super) joined: usize,
    pub(super) timers: BinaryHeap<Reverse<(Instant, Timer)>>,
    to_dial: VecDeque<UserIndex>,
    dialing: usize,
    dials: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    Dial(UserIndex),
    Resend(UserIndex),
    Reopen(UserIndex),
}

#[derive(Debug)]
pub(super) struct User {
    pub(super) link: Link,
    pub(super) views: Vec<View>,
    pub(super) requests: Requests,
    pub(super) outbox: Outbox,
    /// Dials that failed in a row.
    failures: u32,
    /// When the server wants a drained link back, ms from its end.
    window: Option<(u32, u32)>,
    /// Wanted: dial again when it ends.
    wanted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    Down,
    Dialing { since: Instant },
    Up,
}

/// Least and greatest wait before another dial, ms, and the bound while a restart may be under
/// way: all must be back within 4 s of a server's listening again.
const REDIAL_LEAST_MS: u64 = 50;
const REDIAL_FIRST_MS: u64 = 250;
const REDIAL_MOST_MS: u64 = 2_500;
/// Least wait before what was refused for the moment is tried again.
const RETRY_LEAST: Duration = Duration::from_millis(100);

impl World {
    pub fn new(spec: Spec) -> Self {
        let rooms = spec.ledger.rooms.len();
        let mut readers = vec![0; rooms];
        for room in spec.rooms_of.iter().flatten() {
            readers[*room as usize] += 1;
        }
        let tally = Tally {
            segments: vec![SegmentTally::default(); spec.ledger.plan.segments.len()],
            fates: vec![Fate::default(); spec.ledger.plan.posts.len()],
            ..Tally::default()
        };
        Self {
            tally,
            books: (0..rooms as u32).map(RoomBook::new).collect(),
            users: spec.rooms_of.into_iter().map(User::new).collect(),
            readers,
            start: None,
            next_post: 0,
            open_posts: 0,
            out: Vec::new(),
            random: ChaCha8Rng::seed_from_u64(spec.seed),
            wall_ms: spec.wall_ms,
            up: 0,
            joined: 0,
            timers: BinaryHeap::new(),
            to_dial: VecDeque::new(),
            dialing: 0,
            dials: spec.dials.max(1),
            ledger: spec.ledger,
        }
    }

    /// Brings users in, as many at a time as the bound on dials allows.
    pub fn connect(&mut self, users: impl Iterator<Item = UserIndex>, now: Instant) {
        for user in users {
            self.users[user as usize].wanted = true;
            self.to_dial.push_back(user);
        }
        self.dial_next(now);
    }

    /// Ends links for good.
    pub fn leave(&mut self, users: impl Iterator<Item = UserIndex>) {
        for user in users {
            self.users[user as usize].wanted = false;
            self.out.push(Output::Close(user));
        }
    }

    /// The plan begins.
    pub fn begin(&mut self, now: Instant) {
        self.start = Some(now);
    }

    /// A user is connected and entered.
    pub fn on_up(&mut self, user: UserIndex, now: Instant) {
        let state = &mut self.users[user as usize];
        if let Link::Dialing { since } = state.link {
            self.dialing -= 1;
            self.tally.connect.record_ns(nanos(now - since));
        }
        state.link = Link::Up;
        state.failures = 0;
        self.up += 1;
        self.open_rooms(user, now);
        self.dial_next(now);
    }

    /// A dial failed, or a link ended.
    pub fn on_down(&mut self, user: UserIndex, reason: &str, now: Instant) {
        let state = &mut self.users[user as usize];
        match state.link {
            Link::Down => return,
            Link::Dialing { .. } => {
                self.dialing -= 1;
                state.failures += 1;
                self.tally.dial_failed(reason);
            }
            Link::Up => {
                self.up -= 1;
                self.joined -= usize::from(state.is_joined());
                self.tally.links_lost += u64::from(state.wanted);
            }
        }
        state.link = Link::Down;
        state.views.iter_mut().for_each(View::close);
        state.requests = Requests::default();
        state.outbox.back_to_start();
        if state.wanted {
            let wait = state.redial_after(&mut self.random);
            self.timers.push(Reverse((now + wait, Timer::Dial(user))));
        }
        self.dial_next(now);
    }

    /// The server asks this link to go.
    pub fn on_go_away(&mut self, user: UserIndex, go_away: &GoAway) {
        // The link stays until the server ends it: replies on their way still count.
        let state = &mut self.users[user as usize];
        state.window = Some((go_away.retry_min_ms, go_away.retry_max_ms));
    }

    /// A frame of the push or command stream. `at`: when it was read.
    pub fn on_frame(&mut self, user: UserIndex, frame: Frame, at: Instant) {
        match frame.header.kind {
            Kind::ROOM_BATCH => self.on_batch(user, frame, at),
            Kind::BEHIND => self.on_behind(user, &frame, at),
            _ if frame.header.request != 0 => self.on_reply(user, &frame, at),
            // Heads and user entries are of no concern to a load.
            _ => {}
        }
    }

    fn on_reply(&mut self, user: UserIndex, frame: &Frame, at: Instant) {
        let state = &mut self.users[user as usize];
        let Some((asked, since)) = state.requests.answered(frame.header.request) else {
            return self
                .tally
                .error("received a reply to nothing that was asked");
        };
        if frame.header.kind == Kind::REFUSED {
            match frame.open::<Refusal>() {
                Ok(refusal) => self.on_refused(user, asked, &refusal, at),
                Err(error) => self.tally.error(format!("a damaged refusal: {error}")),
            }
            return;
        }
        match asked {
            Asked::Post(post) => self.on_posted(user, post, frame, at),
            Asked::Open(view) => self.on_opened(user, view, frame, since, at),
            Asked::Changes(view) => self.on_changes(user, view, frame, at),
            Asked::Page(view) => self.on_page(user, view, frame, at),
            Asked::Read(kind) => self.tally.read(kind, nanos(at - since)),
            Asked::Courtesy => {}
        }
    }

    fn on_refused(&mut self, user: UserIndex, asked: Asked, refusal: &Refusal, at: Instant) {
        let wait = Duration::from_millis(refusal.retry_after_ms.into()).max(RETRY_LEAST);
        let again = refusal.code.is_transient();
        match asked {
            Asked::Post(post) => {
                self.tally.refused("a message", refusal);
                let state = &mut self.users[user as usize];
                if again {
                    state.outbox.back_to(post);
                    self.timers.push(Reverse((at + wait, Timer::Resend(user))));
                } else {
                    state.outbox.remove(post);
                    self.open_posts -= 1;
                    self.tally.fates[post as usize].refused = true;
                }
            }
            Asked::Open(_) | Asked::Changes(_) | Asked::Page(_) => {
                self.tally.refused("a room", refusal);
                self.timers.push(Reverse((at + wait, Timer::Reopen(user))));
            }
            Asked::Read(kind) => self.tally.refused(kind, refusal),
            Asked::Courtesy => self.tally.refused("a courtesy", refusal),
        }
    }

    /// Does what is due. Call at [`World::next_due`] and after each round of events.
    pub fn on_time(&mut self, now: Instant) {
        while let Some(Reverse((at, timer))) = self.timers.peek().copied() {
            if at > now {
                break;
            }
            self.timers.pop();
            match timer {
                Timer::Dial(user) => {
                    self.to_dial.push_back(user);
                    self.dial_next(now);
                }
                Timer::Resend(user) => {
                    self.send_posts(user, now);
                }
                Timer::Reopen(user) if self.users[user as usize].link == Link::Up => {
                    self.open_rooms(user, now);
                }
                Timer::Reopen(_) => {}
            }
        }
        self.post_due(now);
        if let Some(start) = self.start {
            self.tally
                .series
                .advance(nanos(now.saturating_duration_since(start)));
        }
    }

    /// When something is due next.
    pub fn next_due(&self) -> Option<Instant> {
        let start = self.start?;
        let post = self
            .ledger
            .plan
            .posts
            .get(self.next_post)
            .map(|post| post.at_ns);
        let point = self.tally.series.next_ns();
        let plan = start + Duration::from_nanos(post.map_or(point, |post| post.min(point)));
        Some(plan.min(self.next_timer().unwrap_or(plan)))
    }

    /// When a timer is due next, the plan apart.
    pub fn next_timer(&self) -> Option<Instant> {
        self.timers.peek().map(|Reverse((at, _))| *at)
    }

    /// What the driver is to do now.
    pub fn take_outputs(&mut self, into: &mut Vec<Output>) {
        into.append(&mut self.out);
    }

    /// Users connected and entered.
    pub fn up(&self) -> usize {
        self.up
    }

    /// Users that hold all their rooms.
    pub fn joined(&self) -> usize {
        self.joined
    }

    fn dial_next(&mut self, now: Instant) {
        while self.dialing < self.dials
            && let Some(user) = self.to_dial.pop_front()
        {
            let state = &mut self.users[user as usize];
            if state.link == Link::Down && state.wanted {
                state.link = Link::Dialing { since: now };
                self.dialing += 1;
                self.out.push(Output::Dial(user));
            }
        }
    }

    /// Asks for something on a user's link.
    pub(super) fn ask<T: Body>(&mut self, user: UserIndex, asked: Asked, body: &T, now: Instant) {
        let request = self.users[user as usize].requests.ask(asked, now);
        self.out
            .push(Output::Send(user, frame::encode(request, body)));
    }
}

impl User {
    fn new(rooms: Vec<RoomIndex>) -> Self {
        Self {
            link: Link::Down,
            views: rooms.into_iter().map(View::new).collect(),
            requests: Requests::default(),
            outbox: Outbox::default(),
            failures: 0,
            window: None,
            wanted: false,
        }
    }

    /// How long to wait before the next dial: full jitter below a ceiling that doubles, or what
    /// the server asked for.
    fn redial_after(&mut self, random: &mut ChaCha8Rng) -> Duration {
        use rand::Rng;
        let (least, most) = match self.window.take() {
            Some((least, most)) => (u64::from(least), u64::from(most.max(least))),
            None => {
                let ceiling = REDIAL_FIRST_MS << self.failures.min(8);
                (REDIAL_LEAST_MS, ceiling.min(REDIAL_MOST_MS))
            }
        };
        Duration::from_millis(random.random_range(least..=most))
    }
}

/// Whole nanoseconds; a run is far shorter than 584 years.
pub(super) fn nanos(duration: Duration) -> u64 {
    duration.as_nanos() as u64
}
