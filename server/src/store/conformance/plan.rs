//! Random plans: people try everything in any order, retry, reorder; store and model must agree.

use std::collections::HashMap;

use parlor_protocol::message::{Place, Timeline};
use parlor_protocol::room::{Role, RoomKind};
use parlor_protocol::sync::RoomEntry;
use parlor_protocol::{Refusal, RoomId, SendKey, UserId};

use super::World;
use super::world::{Factory, named, uuid_v7};
use crate::room::rules::Thing;
use crate::room::rules::model::Model;
use crate::store::{Change, Committed, ReaderChange, RoomCommand};

/// Plans followed by each run of the suite, and steps of each.
pub const SEEDS: u64 = 8;
const STEPS: usize = 60;
const PEOPLE: usize = 6;
const START_MS: u64 = 1_790_000_000_000;

/// Draws what people try next; the same seed draws the same.
pub struct Plan {
    random: SplitMix,
    pub people: Vec<UserId>,
    rooms: Vec<RoomId>,
    /// The send key that each person used last.
    last: HashMap<UserId, SendKey>,
    sent: Vec<RoomCommand>,
    named: Vec<(Id, Id)>,
    count: u64,
    now_ms: u64,
}

type Id = (SendKey, UserId);

/// Commands that arrive together.
pub struct Step {
    pub commands: Vec<RoomCommand>,
    pub now_ms: u64,
}

impl Plan {
    pub fn new(seed: u64) -> Self {
        let people = (0..PEOPLE as u64)
            .map(|n| UserId(uuid_v7(START_MS, n + 1)))
            .collect();
        Self {
            random: SplitMix(seed),
            people,
            rooms: Vec::new(),
            last: HashMap::new(),
            sent: Vec::new(),
            named: Vec::new(),
            count: 1_000,
            now_ms: START_MS,
        }
    }

    pub fn draw(&mut self) -> Step {
        // Mostly forward, now and then the clock is set back.
        self.now_ms = match self.random.below(10) {
            0 => self
                .now_ms
                .saturating_sub(self.random.below(5_000))
                .max(START_MS),
            1 => self.now_ms + self.random.below(30_000),
            _ => self.now_ms + self.random.below(50),
        };
        let most = if self.random.below(4) == 0 { 40 } else { 4 };
        let count = 1 + self.random.below(most);
        let commands = (0..count).map(|_| self.command()).collect();
        Step {
            commands,
            now_ms: self.now_ms,
        }
    }

    /// What became of the commands: new rooms are known from now on.
    pub fn learn(&mut self, commands: &[RoomCommand], results: &[Result<Committed, Refusal>]) {
        for (command, result) in commands.iter().zip(results) {
            let Ok(done) = result else { continue };
            if matches!(
                command.change,
                Change::Create { .. } | Change::CreateDirect { .. }
            ) && !self.rooms.contains(&done.room)
            {
                self.rooms.push(done.room);
            }
        }
        self.sent.extend(commands.iter().cloned());
    }

    /// Posts that named a predecessor, with it.
    pub fn named(&self) -> impl Iterator<Item = (Id, Id)> {
        self.named.iter().copied()
    }

    fn command(&mut self) -> RoomCommand {
        if !self.sent.is_empty() && self.random.below(6) == 0 {
            // A retry, sometimes of something long ago.
            let at = self.random.below(self.sent.len() as u64) as usize;
            return self.sent[at].clone();
        }
        let actor = self.person();
        let room = self.room();
        let send_key = SendKey(self.id());
        let change = self.change(actor);
        if let Change::Post {
            after: Some(after), ..
        } = change
        {
            self.named.push(((send_key, actor), (after, actor)));
        }
        self.last.insert(actor, send_key);
        RoomCommand {
            room,
            actor,
            send_key,
            change,
        }
    }

    fn change(&mut self, actor: UserId) -> Change {
        match self.random.below(40) {
            0..=1 => {
                let kind = if self.random.below(2) == 0 {
                    RoomKind::PUBLIC
                } else {
                    RoomKind::PRIVATE
                };
                let name = named(&format!("room {}", self.random.below(12)));
                Change::Create {
                    kind,
                    name,
                    topic: String::new(),
                }
            }
            2 => Change::CreateDirect {
                with: self.person(),
            },
            3..=5 => Change::Join,
            6 => Change::Leave,
            7..=9 => Change::Add {
                user: self.person(),
            },
            10 => Change::Admit,
            11 => Change::Remove {
                user: self.person(),
            },
            12..=13 => {
                let role = [Role::MEMBER, Role::MODERATOR, Role::OWNER, Role::NONE]
                    [self.random.below(4) as usize];
                Change::SetRole {
                    user: self.person(),
                    role,
                }
            }
            14 => Change::SetTopic {
                topic: format!("topic {}", self.random.below(3)),
            },
            _ => self.post(actor),
        }
    }

    fn post(&mut self, actor: UserId) -> Change {
        let timeline = match self.random.below(8) {
            0 => Timeline(1 + self.random.below(4)),
            _ => Timeline::ROOM,
        };
        let after = self
            .last
            .get(&actor)
            .copied()
            .filter(|_| self.random.below(2) == 0);
        let text = match self.random.below(30) {
            0 => String::new(),
            1 => "a\0b".to_owned(),
            2 => "long ".repeat(1_000),
            n => format!("text {n} of {}", self.count),
        };
        Change::Post {
            timeline,
            after,
            text,
            long: None,
        }
    }

    fn person(&mut self) -> UserId {
        let at = self.random.below(self.people.len() as u64) as usize;
        self.people[at]
    }

    fn room(&mut self) -> RoomId {
        match self.random.below(self.rooms.len() as u64 + 2) as usize {
            at if at < self.rooms.len() => self.rooms[at],
            _ => RoomId(self.id()),
        }
    }

    fn id(&mut self) -> [u8; 16] {
        self.count += 1;
        uuid_v7(self.now_ms, self.count)
    }
}

/// A small generator of its own, so that a seed means the same for ever (Steele, Lea, Flood 2014).
struct SplitMix(u64);

impl SplitMix {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % bound.max(1)
    }
}

/// Follows one plan on a fresh store beside the model, comparing results at each step and
/// everything that can be read at the end.
pub async fn follow(factory: &impl Factory, seed: u64) {
    let world = World::new(factory).await;
    let mut plan = Plan::new(seed);
    let mut model = Model::default();
    for (n, person) in plan.people.iter().enumerate() {
        world.person_as(*person, &format!("person{n}")).await;
        model.person(*person);
    }
    let mut revs: HashMap<RoomId, u64> = HashMap::new();
    for step in 0..STEPS {
        let Step { commands, now_ms } = plan.draw();
        world.hand.set(now_ms);
        let expected: Vec<_> = commands
            .iter()
            .map(|command| model.append(command, now_ms))
            .collect();
        let appended = world.append(commands.clone()).await;
        for (at, (found, expected)) in appended.results.iter().zip(&expected).enumerate() {
            let same = match (found, expected) {
                (Ok(found), Ok(expected)) => found == expected,
                (Err(found), Err(expected)) => found.code == expected.code,
                _ => false,
            };
            let command = &commands[at];
            assert!(
                same,
                "seed {seed} step {step} {command:?}: {found:?}, the model says {expected:?}"
            );
        }
        for batch in &appended.rooms {
            let held = revs.entry(batch.room).or_default();
            assert_eq!(batch.before, *held, "batches of a room follow one another");
            assert_eq!(batch.entries.last().map(|entry| entry.rev), Some(batch.rev));
            *held = batch.rev;
            if let ReaderChange::Left(user) = &batch.readers {
                let last = batch
                    .entries
                    .last()
                    .expect("an entry")
                    .open_room()
                    .expect("it opens");
                assert!(
                    matches!(last, RoomEntry::Member(member) if member.user == *user && member.role == Role::NONE)
                );
            }
        }
        plan.learn(&commands, &expected);
    }
    model.check();
    for (room, state) in &model.rooms {
        assert_eq!(
            revs.get(room),
            Some(&state.rev),
            "the batches lead up to the room's rev"
        );
        compare(&world, &model, *room).await;
    }
    for person in plan.people {
        own(&world, &model, person).await;
    }
}

/// A room, read in every way, is as the model has it.
async fn compare(world: &World, model: &Model, room: RoomId) {
    let state = &model.rooms[&room];
    let missed = world.missed(room, 0, 0).await;
    let revs: Vec<_> = missed.iter().map(|(rev, _)| *rev).collect();
    assert_eq!(
        revs,
        model.changes[&room].keys().copied().collect::<Vec<_>>()
    );
    for ((_, entry), thing) in missed.iter().zip(model.changes[&room].values()) {
        match (entry, thing) {
            (RoomEntry::Message(message), Thing::Message { timeline, seq }) => {
                let expected = &model.messages[&(room, *timeline, *seq)];
                assert_eq!(
                    (message.timeline, message.seq, &message.text),
                    (*timeline, *seq, &expected.text)
                );
            }
            (RoomEntry::Member(member), Thing::Member(user)) => {
                assert_eq!((member.user, member.role), (*user, state.role(*user)));
            }
            (RoomEntry::Details(details), Thing::Details) => {
                assert_eq!(
                    (&details.topic, details.members),
                    (&state.topic, state.member_count)
                );
            }
            _ => panic!("{entry:?} is not {thing:?}"),
        }
    }
    let threads = state
        .threads
        .keys()
        .copied()
        .filter(|thread| state.timeline(*thread).head > 0);
    for timeline in threads.chain([Timeline::ROOM]) {
        for (seq, expected) in model.timeline(room, timeline) {
            let page = world
                .store
                .page(room, timeline, Place::FROM, seq, 1, 0)
                .await
                .expect("a page");
            let message = &page.messages[0];
            assert_eq!(
                (message.seq, message.author, message.at_ms),
                (seq, expected.author, expected.at_ms)
            );
            assert_eq!(
                (&message.text, message.send_key),
                (&expected.text, expected.send_key)
            );
            assert_eq!(
                (page.head, page.as_of),
                (state.timeline(timeline).head, state.rev)
            );
        }
    }
}

/// A person's own view is as the model has it.
async fn own(world: &World, model: &Model, person: UserId) {
    let rooms = model
        .rooms
        .values()
        .filter(|state| state.member(person).is_some());
    let mut expected: Vec<_> = rooms
        .map(|state| (state.room, state.own.head, state.rev))
        .collect();
    expected.sort_unstable();
    let heads = world.store.heads(person).await.expect("heads");
    let mut found: Vec<_> = heads
        .iter()
        .map(|(head, _)| (head.room, head.head, head.rev))
        .collect();
    found.sort_unstable();
    assert_eq!(found, expected);
    for (room, state) in &model.rooms {
        let access = world.store.access(*room, person).await.expect("access");
        match state.member(person) {
            Some(member) => {
                let access = access.expect("a member has access");
                assert_eq!(
                    (access.role, access.visible_from),
                    (member.role, member.visible_from)
                );
                let summary = world
                    .store
                    .summary(*room, person)
                    .await
                    .expect("a summary")
                    .expect("a room");
                assert_eq!(
                    (summary.read, summary.members),
                    (member.read, state.member_count)
                );
            }
            None => assert_eq!(access.is_some(), state.kind == RoomKind::PUBLIC),
        }
    }
}
