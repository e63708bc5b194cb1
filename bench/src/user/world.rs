//! All virtual users of a run, and the events that move them.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use parlor_client_core::net::backoff::Backoff;
use parlor_protocol::hello::GoAway;
use parlor_protocol::limit::REQUESTS_IN_FLIGHT;
use parlor_protocol::signal::{Presence, Typing};
use parlor_protocol::sync::OpenRoom;
use parlor_protocol::{Frame, Kind, Refusal, UserId};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::habit::{Habits, Person};
use super::outbox::Outbox;
use super::tally::{SegmentTally, Tally};
use super::view::{Stage, View};
use super::waiting::{Asked, Question};
use crate::check::{Fate, Ledger, RoomBook};
use crate::plan::{RoomIndex, UserIndex};

/// What the driver does next. In order.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Connect and enter, asking for these rooms in the first flight.
    Dial(UserIndex, Vec<(Asked, OpenRoom)>),
    /// Ask on a link that is up; the reply comes back with the first part.
    Ask(UserIndex, Asked, Question),
    Typing(UserIndex, Typing),
    Presence(UserIndex, Presence),
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
    /// What people do beside posting.
    pub habits: Habits,
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
    /// Deliveries that the posts sent so far must bring.
    pub(super) expected: u64,
    /// Posts that are neither acknowledged nor refused for good.
    pub(super) open_posts: u64,
    pub(super) out: Vec<Output>,
    pub(super) random: ChaCha8Rng,
    pub(super) wall_ms: u64,
    pub(super) up: usize,
    pub(super) joined: usize,
    pub(super) timers: BinaryHeap<Reverse<(Instant, Timer)>>,
    pub(super) habits: Habits,
    /// Users by the id that digests name.
    pub(super) by_id: HashMap<UserId, UserIndex>,
    /// The last change of presence that a user saw of another.
    pub(super) presence_seen: HashMap<(UserIndex, UserIndex), u32>,
    /// Users that connect and leave again and again.
    pub(super) churning: bool,
    to_dial: VecDeque<UserIndex>,
    dialing: usize,
    dials: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    Dial(UserIndex),
    Resend(UserIndex),
    Reopen(UserIndex),
    Mark(UserIndex),
    Presence(UserIndex),
    Read(UserIndex),
}

#[derive(Debug)]
pub(super) struct User {
    pub(super) link: Link,
    pub(super) views: Vec<View>,
    /// Requests without a reply yet.
    pub(super) in_flight: usize,
    pub(super) outbox: Outbox,
    pub(super) person: Person,
    /// When the present link came up.
    came: Option<Instant>,
    backoff: Backoff,
    /// Wanted: dial again when it ends.
    wanted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    Down,
    Dialing { since: Instant },
    Up,
}

/// Time after a segment for its last posts to arrive, before its figures are looked at.
const SETTLE: Duration = Duration::from_millis(200);
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
            expected: 0,
            open_posts: 0,
            out: Vec::new(),
            random: ChaCha8Rng::seed_from_u64(spec.seed),
            wall_ms: spec.wall_ms,
            up: 0,
            joined: 0,
            timers: BinaryHeap::new(),
            by_id: (0..)
                .zip(&spec.ledger.senders)
                .map(|(index, sender)| (sender.user, index))
                .collect(),
            presence_seen: HashMap::new(),
            habits: spec.habits,
            churning: false,
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

    /// From now on a user that is in leaves at once and comes again.
    pub fn churn(&mut self, on: bool) {
        self.churning = on;
    }

    /// The plan begins.
    pub fn begin(&mut self, now: Instant) {
        self.start = Some(now);
        self.begin_habits(now);
    }

    /// Nothing more of the plan is sent; what was sent is still waited for.
    pub fn cut(&mut self) {
        self.ledger.plan = self.ledger.plan.first(self.next_post).into();
    }

    /// A user is connected and entered.
    pub fn on_up(&mut self, user: UserIndex, now: Instant) {
        let state = &mut self.users[user as usize];
        if let Link::Dialing { since } = state.link {
            self.dialing -= 1;
            self.tally.connect.record_ns(nanos(now - since));
        }
        state.link = Link::Up;
        state.came = Some(now);
        state.backoff.connected(now);
        self.up += 1;
        self.tally.entered += 1;
        if state.views.is_empty() {
            self.joined += 1;
        }
        if self.churning {
            self.out.push(Output::Close(user));
        }
        self.dial_next(now);
    }

    /// A dial failed, or a link ended.
    pub fn on_down(&mut self, user: UserIndex, reason: &str, now: Instant) {
        if self.ended(user, reason) {
            let state = &mut self.users[user as usize];
            let wait = state.backoff.lost(now, &mut self.random);
            self.timers.push(Reverse((now + wait, Timer::Dial(user))));
        }
        self.dial_next(now);
    }

    /// A link fell silent and there is another node: a client dials that one at once, beside it.
    pub fn on_silent(&mut self, user: UserIndex, now: Instant) {
        if self.ended(user, "the server fell silent") {
            self.to_dial.push_back(user);
        }
        self.dial_next(now);
    }

    /// What an end changes; whether the user is to come back as the back-off says.
    fn ended(&mut self, user: UserIndex, reason: &str) -> bool {
        let state = &mut self.users[user as usize];
        match state.link {
            Link::Down => return false,
            Link::Dialing { .. } => {
                self.dialing -= 1;
                if state.wanted {
                    self.tally.dial_failed(reason);
                }
            }
            Link::Up => {
                self.up -= 1;
                self.joined -= usize::from(state.is_joined());
                self.tally.links_lost += u64::from(state.wanted && !self.churning);
            }
        }
        state.link = Link::Down;
        state.views.iter_mut().for_each(View::close);
        state.in_flight = 0;
        state.outbox.back_to_start();
        if self.churning {
            self.to_dial.push_back(user);
        }
        state.wanted && !self.churning
    }

    /// The server asks this link to go.
    pub fn on_go_away(&mut self, user: UserIndex, go_away: &GoAway) {
        // The link stays until the server ends it: replies on their way still count.
        let state = &mut self.users[user as usize];
        state
            .backoff
            .retry_window(go_away.retry_min_ms, go_away.retry_max_ms);
    }

    /// A frame that nobody asked for. `at`: when it was read.
    pub fn on_push(&mut self, user: UserIndex, frame: Frame, at: Instant) {
        match frame.header.kind {
            Kind::ROOM_BATCH => self.on_batch(user, frame, at),
            Kind::BEHIND => self.on_behind(user, &frame),
            // Heads and user entries are of no concern to a load.
            _ => {}
        }
    }

    /// The reply to what was asked at `since`.
    pub fn on_reply(
        &mut self,
        user: UserIndex,
        asked: Asked,
        since: Instant,
        frame: &Frame,
        at: Instant,
    ) {
        let state = &mut self.users[user as usize];
        state.in_flight = state.in_flight.saturating_sub(1);
        if frame.header.kind == Kind::REFUSED {
            match frame.open::<Refusal>() {
                Ok(refusal) => self.on_refused(user, asked, &refusal, at),
                Err(error) => self.tally.error(format!("a damaged refusal: {error}")),
            }
            return;
        }
        match asked {
            Asked::Post(post) => self.on_posted(user, post, frame, at),
            Asked::Open(view) => self.on_opened(user, view, frame, at),
            Asked::Changes(view) => self.on_changes(user, view, frame, at),
            Asked::Page(view) => self.on_page(user, view, frame, at),
            Asked::Read(kind) => self.on_read(user, kind, since, at),
            Asked::Courtesy => {}
        }
    }

    /// A request that the link did not take.
    pub fn on_not_asked(&mut self, user: UserIndex, asked: Asked, reason: &str, now: Instant) {
        self.tally
            .error(format!("a request was not taken: {reason}"));
        let state = &mut self.users[user as usize];
        state.in_flight = state.in_flight.saturating_sub(1);
        match asked {
            Asked::Post(post) => {
                state.outbox.back_to(post);
                self.timers
                    .push(Reverse((now + RETRY_LEAST, Timer::Resend(user))));
            }
            // Nobody else would ask for the room again on this link.
            Asked::Open(view) | Asked::Changes(view) | Asked::Page(view) => {
                state.views[view].stage = Stage::Closed;
                self.timers
                    .push(Reverse((now + RETRY_LEAST, Timer::Reopen(user))));
            }
            Asked::Read(_) | Asked::Courtesy => {}
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
                    self.give_up(post);
                }
            }
            Asked::Open(view) | Asked::Changes(view) | Asked::Page(view) => {
                self.tally.refused("a room", refusal);
                self.users[user as usize].views[view].stage = Stage::Closed;
                self.timers.push(Reverse((at + wait, Timer::Reopen(user))));
            }
            Asked::Read(kind) => self.tally.refused(kind.name(), refusal),
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
                    self.send_posts(user);
                }
                Timer::Reopen(user) if self.users[user as usize].link == Link::Up => {
                    self.open_rooms(user);
                }
                Timer::Reopen(_) => {}
                Timer::Mark(user) => self.mark(user, now),
                Timer::Presence(user) => self.change_presence(user, now),
                Timer::Read(user) => self.read(user, now),
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

    /// Users that hold all their rooms on links made after an instant.
    pub fn joined_since(&self, after: Instant) -> usize {
        let since = |user: &&User| user.is_joined() && user.came.is_some_and(|came| came > after);
        let up = self.users.iter().filter(|user| user.link == Link::Up);
        up.filter(since).count()
    }

    /// Users that hold all their rooms, of those that are meant.
    pub fn joined_where(&self, meant: impl Fn(UserIndex) -> bool) -> usize {
        let users = (0..).zip(&self.users);
        let joined = |(user, state): &(UserIndex, &User)| {
            state.link == Link::Up && state.is_joined() && meant(*user)
        };
        users.filter(joined).count()
    }

    /// Users that hold all their rooms.
    pub fn joined(&self) -> usize {
        self.joined
    }

    /// Segments whose posts are due no more, and had a moment to arrive.
    pub fn segments_over(&self, now: Instant) -> usize {
        let Some(start) = self.start else {
            return 0;
        };
        let elapsed = nanos(now.saturating_duration_since(start));
        let over = |to_ns: u64| elapsed >= to_ns + SETTLE.as_nanos() as u64;
        let segments = &self.ledger.plan.segments;
        segments.iter().take_while(|it| over(it.to_ns)).count()
    }

    fn dial_next(&mut self, now: Instant) {
        while self.dialing < self.dials
            && let Some(user) = self.to_dial.pop_front()
        {
            let state = &mut self.users[user as usize];
            if state.link == Link::Down && state.wanted {
                state.link = Link::Dialing { since: now };
                self.dialing += 1;
                let rooms = self.rooms_to_open(user);
                self.out.push(Output::Dial(user, rooms));
            }
        }
    }

    /// Asks for something on a user's link, if the link takes more; whether it does.
    pub(super) fn ask(&mut self, user: UserIndex, asked: Asked, question: Question) -> bool {
        let state = &mut self.users[user as usize];
        if state.link != Link::Up || state.in_flight >= REQUESTS_IN_FLIGHT {
            return false;
        }
        state.in_flight += 1;
        self.out.push(Output::Ask(user, asked, question));
        true
    }
}

impl User {
    fn new(rooms: Vec<RoomIndex>) -> Self {
        Self {
            link: Link::Down,
            views: rooms.into_iter().map(View::new).collect(),
            in_flight: 0,
            outbox: Outbox::default(),
            person: Person::default(),
            came: None,
            backoff: Backoff::new(),
            wanted: false,
        }
    }
}

/// Whole nanoseconds; a run is far shorter than 584 years.
pub(super) fn nanos(duration: Duration) -> u64 {
    duration.as_nanos() as u64
}
