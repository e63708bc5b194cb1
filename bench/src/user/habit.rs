//! What people do beside posting: reading, marking, typing, coming and going.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use parlor_protocol::account::FindPeople;
use parlor_protocol::message::{GetPage, Mark, Place, Timeline};
use parlor_protocol::room::{ListMembers, ListRooms};
use parlor_protocol::signal::{Presence, PresenceDigest, PresenceState, Typing};
use parlor_protocol::sync::{CloseRoom, OpenRoom};
use parlor_protocol::{Extensions, Frame, Kind};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::waiting::{Asked, Question, ReadKind};
use super::world::{Link, Output, Timer, World, nanos};
use crate::plan::{PostIndex, RoomIndex, UserIndex};

/// A read marker is moved at most once in this time.
const MARK_EVERY: Duration = Duration::from_secs(3);
/// A person goes away or comes back about so often.
const PRESENCE_EVERY: Duration = Duration::from_secs(60);
/// A reading user reads something so often: a person who scrolls.
const READ_EVERY: Duration = Duration::from_millis(250);
/// Messages of a page as a screen asks for them.
const PAGE: u16 = 50;
/// Rows of a list as a screen asks for them.
const ROWS: u16 = 100;

/// Which habits the users of a load have.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Habits {
    /// Markers, typing and presence.
    pub lively: bool,
    /// Share of pages read that are the newest one; the others lie anywhere.
    pub newest: f64,
    /// Users that only read, and the room each reads in; they hold no room open.
    pub readers: Vec<(UserIndex, RoomIndex)>,
}

/// The state of one person's habits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Person {
    marked: u64,
    away: bool,
    /// When the present state was told.
    told: Option<Instant>,
    /// Counts changes of presence, so that each receiver counts each once.
    change: u32,
    reads: usize,
}

impl World {
    pub(super) fn begin_habits(&mut self, now: Instant) {
        for (user, _) in self.habits.readers.clone() {
            self.first(Timer::Read(user), now, READ_EVERY);
        }
        if !self.habits.lively {
            return;
        }
        for user in 0..self.users.len() as UserIndex {
            if !self.users[user as usize].views.is_empty() {
                self.first(Timer::Mark(user), now, MARK_EVERY);
                self.first(Timer::Presence(user), now, PRESENCE_EVERY);
            }
        }
    }

    /// At any instant of the time after now: users begin out of step.
    fn first(&mut self, timer: Timer, now: Instant, within: Duration) {
        let wait = within.mul_f64(self.random.random());
        self.timers.push(Reverse((now + wait, timer)));
    }

    /// About so long after now, so that users stay out of step.
    fn again(&mut self, timer: Timer, now: Instant, within: Duration) {
        let wait = within.mul_f64(self.random.random_range(0.5..1.5));
        self.timers.push(Reverse((now + wait, timer)));
    }

    /// Whether habits go on: they end with the plan.
    fn lives(&self) -> bool {
        self.next_post < self.ledger.plan.posts.len()
    }

    pub(super) fn mark(&mut self, user: UserIndex, now: Instant) {
        if !self.lives() {
            return;
        }
        self.again(Timer::Mark(user), now, MARK_EVERY);
        let state = &mut self.users[user as usize];
        let Some(view) = state.views.first() else {
            return;
        };
        let seq = view.held.seq;
        if seq <= state.person.marked {
            return;
        }
        let mark = Mark {
            room: self.ledger.rooms[view.room as usize],
            timeline: Timeline::ROOM,
            seq,
            ext: Extensions::NONE,
        };
        state.person.marked = seq;
        self.ask(user, Asked::Courtesy, Question::Mark(mark));
    }

    /// Whoever is about to post was typing: told once, when it is sent.
    pub(super) fn type_before(&mut self, post: PostIndex) {
        if !self.habits.lively {
            return;
        }
        let planned = self.ledger.post(post);
        if self.users[planned.sender as usize].link == Link::Up {
            let typing = Typing {
                room: self.ledger.rooms[planned.room as usize],
                on: true,
                ext: Extensions::NONE,
            };
            self.out.push(Output::Typing(planned.sender, typing));
        }
    }

    pub(super) fn change_presence(&mut self, user: UserIndex, now: Instant) {
        if !self.lives() {
            return;
        }
        self.again(Timer::Presence(user), now, PRESENCE_EVERY);
        let state = &mut self.users[user as usize];
        if state.link != Link::Up {
            return;
        }
        let person = &mut state.person;
        person.away = !person.away;
        person.told = Some(now);
        person.change += 1;
        let presence = Presence {
            state: person.state(),
            ext: Extensions::NONE,
        };
        self.out.push(Output::Presence(user, presence));
    }

    /// A signal from the server.
    pub fn on_signal(&mut self, user: UserIndex, frame: &Frame, at: Instant) {
        if frame.header.kind != Kind::PRESENCE_DIGEST {
            return;
        }
        let digest: PresenceDigest = match frame.open() {
            Ok(digest) => digest,
            Err(error) => return self.tally.error(format!("a damaged digest: {error}")),
        };
        for seen in &digest.people {
            let Some(&subject) = self.by_id.get(&seen.user) else {
                continue;
            };
            let person = self.users[subject as usize].person;
            let Some(told) = person.told.filter(|_| person.state() == seen.state) else {
                continue;
            };
            let last = self.presence_seen.entry((user, subject)).or_default();
            if *last < person.change && subject != user {
                *last = person.change;
                self.tally
                    .presence
                    .record_ns(nanos(at.saturating_duration_since(told)));
            }
        }
    }

    pub(super) fn read(&mut self, user: UserIndex, now: Instant) {
        if !self.lives() {
            return;
        }
        self.again(Timer::Read(user), now, READ_EVERY);
        let reader = self.habits.readers.iter().find(|it| it.0 == user);
        let Some(room) = reader.map(|it| it.1) else {
            return;
        };
        let person = &mut self.users[user as usize].person;
        let kind = ReadKind::ALL[person.reads % ReadKind::ALL.len()];
        person.reads += 1;
        let question = self.question(kind, room);
        self.ask(user, Asked::Read(kind), question);
    }

    /// Whether what comes at an instant belongs to the figures: not while rooms are being filled.
    fn counts(&self, at: Instant) -> bool {
        let counted = self.ledger.plan.segments.iter().find(|it| it.counted);
        let from = counted.map(|segment| Duration::from_nanos(segment.from_ns));
        let since = self.start.map(|start| at.saturating_duration_since(start));
        since >= from
    }

    pub(super) fn on_read(&mut self, user: UserIndex, kind: ReadKind, since: Instant, at: Instant) {
        if self.counts(since) {
            let took = nanos(at.saturating_duration_since(since));
            self.tally.requests.entry(kind).or_default().record_ns(took);
        }
        let reader = self.habits.readers.iter().find(|it| it.0 == user);
        if kind == ReadKind::Join
            && let Some(&(_, room)) = reader
        {
            let close = CloseRoom {
                room: self.ledger.rooms[room as usize],
                ext: Extensions::NONE,
            };
            self.ask(user, Asked::Courtesy, Question::Close(close));
        }
    }

    fn question(&mut self, kind: ReadKind, room: RoomIndex) -> Question {
        let id = self.ledger.rooms[room as usize];
        match kind {
            ReadKind::Page => {
                let newest = self.random.random_bool(self.habits.newest);
                let (place, seq) = match newest {
                    true => (Place::NEWEST, 0),
                    false => {
                        let head = self.books[room as usize].head();
                        (Place::BEFORE, anywhere(&mut self.random, head))
                    }
                };
                Question::Page(GetPage {
                    room: id,
                    timeline: Timeline::ROOM,
                    place,
                    seq,
                    limit: PAGE,
                    ext: Extensions::NONE,
                })
            }
            ReadKind::Rooms => Question::Rooms(ListRooms {
                after: String::new(),
                limit: ROWS,
                ext: Extensions::NONE,
            }),
            ReadKind::People if self.random.random() => Question::Members(ListMembers {
                room: id,
                after: None,
                limit: ROWS,
                ext: Extensions::NONE,
            }),
            ReadKind::People => Question::People(FindPeople {
                ids: self.some_people(),
                names: Vec::new(),
                ext: Extensions::NONE,
            }),
            ReadKind::Join => Question::Open(OpenRoom {
                room: id,
                since: None,
                page: PAGE,
                ext: Extensions::NONE,
            }),
        }
    }

    /// Authors as a page of messages names them.
    fn some_people(&mut self) -> Vec<parlor_protocol::UserId> {
        let count = self.ledger.senders.len();
        let start = self.random.random_range(0..count.max(1));
        let people = self.ledger.senders.iter().cycle().skip(start);
        people
            .take(count.min(20))
            .map(|sender| sender.user)
            .collect()
    }
}

impl Person {
    fn state(&self) -> PresenceState {
        match self.away {
            true => PresenceState::AWAY,
            false => PresenceState::ONLINE,
        }
    }
}

/// A seq as a person who scrolls reaches it.
fn anywhere(random: &mut ChaCha8Rng, head: u64) -> u64 {
    random.random_range(1..=head.max(1)) + 1
}
