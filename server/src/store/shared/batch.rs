//! Decides the commands of one transaction, one after the other, each on what those before it left.

use std::collections::HashMap;

use parlor_protocol::message::LongText;
use parlor_protocol::room::RoomKind;
use parlor_protocol::sync::Entry;
use parlor_protocol::{Code, Refusal, RoomId, SendKey, UserId};

use super::cache::{Cache, CachedPerson, CachedRoom};
use super::collect::{self, Collect};
use super::found::Found;
use super::write::{PostRow, Write};
use crate::mutation::{self, Mutation};
use crate::room::rules::{Effect, Facts, First, Step, Thing};
use crate::room::rules::{beginning, decide, fingerprint, room_of, target_of};
use crate::store::{Change, Committed, ReaderChange, RoomCommand};

pub(in crate::store) type Fresh = HashMap<(SendKey, UserId), First>;

pub(in crate::store) struct Batch<'a> {
    cache: &'a mut Cache,
    next_room: &'a mut i64,
    found: Found,
    now_ms: u64,
    writes: Vec<Write>,
    /// First results of this transaction.
    fresh: Fresh,
    out: Collect,
}

impl<'a> Batch<'a> {
    pub(in crate::store) fn new(
        cache: &'a mut Cache,
        next_room: &'a mut i64,
        found: Found,
        now_ms: u64,
        commands: usize,
    ) -> Self {
        let writes = Vec::with_capacity(commands);
        Self {
            cache,
            next_room,
            found,
            now_ms,
            writes,
            fresh: Fresh::new(),
            out: Collect::default(),
        }
    }

    pub(in crate::store) fn finish(self) -> (Vec<Write>, Fresh, Collect) {
        (self.writes, self.fresh, self.out)
    }

    pub(in crate::store) fn command(&mut self, command: &RoomCommand) {
        let result = self
            .decide(command)
            .and_then(|effect| self.carry_out(command, effect));
        self.out.result(result);
    }

    fn decide(&mut self, command: &RoomCommand) -> Result<Effect, Refusal> {
        let person = |cache: &Cache, user| cache.people.peek(&user).map(|person| person.facts);
        let first = self.first(command.send_key, command.actor);
        let (after_known, long_known, name_taken) = match &command.change {
            Change::Post { after, long, .. } => (
                after.is_some_and(|after| self.known(after, command.actor)),
                long.is_some_and(|long| {
                    self.found.texts.get(&long.hash) == Some(&long.bytes.into())
                }),
                false,
            ),
            Change::Create { name, .. } => (false, false, self.found.names.contains(&name.folded)),
            _ => (false, false, false),
        };
        let facts = Facts {
            room: self
                .cache
                .peek(room_of(command))
                .map(|cached| &cached.state),
            first: first.as_ref(),
            after_known,
            actor: person(self.cache, command.actor),
            target: target_of(&command.change).and_then(|user| person(self.cache, user)),
            name_taken,
            long_known,
            now_ms: self.now_ms,
        };
        decide(&facts, command)
    }

    fn first(&self, key: SendKey, sender: UserId) -> Option<First> {
        if mutation::on(Mutation::NoSendKeys) {
            return None;
        }
        let key = (key, sender);
        self.fresh
            .get(&key)
            .or_else(|| self.cache.recent.peek(&key))
            .or_else(|| self.found.keys.get(&key))
            .copied()
    }

    fn known(&self, key: SendKey, sender: UserId) -> bool {
        mutation::on(Mutation::NoSendKeys) || self.first(key, sender).is_some()
    }

    fn carry_out(&mut self, command: &RoomCommand, effect: Effect) -> Result<Committed, Refusal> {
        if let Effect::Repeat(committed) = effect {
            return Ok(committed);
        }
        let room = room_of(command);
        if matches!(effect, Effect::Create { .. }) {
            self.begin(room, &command.change);
        }
        let cached = self.cache.room(room).ok_or_else(internal)?;
        let number = cached.number;
        let before = cached.state.rev;
        let steps = cached.state.apply(&effect);
        let (seq, at_ms) = match effect {
            Effect::Post { seq, at_ms, .. } => (seq, at_ms),
            _ => (0, self.now_ms),
        };
        let committed = Committed {
            room,
            rev: cached.state.rev,
            seq,
            at_ms,
            repeated: false,
        };
        let first = First {
            what: fingerprint(command),
            committed,
        };
        match (&effect, &command.change) {
            (Effect::Post { .. }, Change::Post { text, long, .. }) => {
                self.post(command, number, before, first, text.clone(), *long)?;
            }
            _ => self.change(command, room, number, before, &effect, &steps, first)?,
        }
        self.fresh.insert((command.send_key, command.actor), first);
        Ok(committed)
    }

    fn begin(&mut self, room: RoomId, change: &Change) {
        let Some(state) = beginning(room, change) else {
            return;
        };
        let number = *self.next_room;
        *self.next_room += 1;
        if state.kind == RoomKind::PUBLIC {
            self.found.names.insert(state.name.folded.clone());
        }
        self.writes.push(Write::NewRoom {
            number,
            state: Box::new(state.clone()),
            made_at_ms: self.now_ms,
        });
        self.cache.put_room(CachedRoom {
            number,
            state,
            gone: false,
        });
    }

    fn post(
        &mut self,
        command: &RoomCommand,
        number: i64,
        before: u64,
        first: First,
        text: String,
        long: Option<LongText>,
    ) -> Result<(), Refusal> {
        let Change::Post { timeline, .. } = command.change else {
            return Err(internal());
        };
        let committed = first.committed;
        let mut row = PostRow {
            room: number,
            rev: committed.rev,
            timeline,
            seq: committed.seq,
            author: command.actor,
            author_rev: self.next_rev(command.actor)?,
            at_ms: committed.at_ms,
            send_key: command.send_key,
            what: (!mutation::on(Mutation::NoSendKeys)).then_some(first.what),
            text: String::new(),
            long,
        };
        let message = collect::message(&row, text);
        let entry = Entry::message(committed.rev, &message);
        row.text = message.text;
        self.out.marker(committed.room, &row);
        let cached = self.cache.peek(committed.room).ok_or_else(internal)?;
        self.out
            .room(before, &cached.state, vec![entry], ReaderChange::None);
        self.writes.push(Write::Post(row));
        Ok(())
    }

    #[allow(clippy::too_many_arguments)]
    fn change(
        &mut self,
        command: &RoomCommand,
        room: RoomId,
        number: i64,
        before: u64,
        effect: &Effect,
        steps: &[Step],
        first: First,
    ) -> Result<(), Refusal> {
        if !steps.is_empty() {
            self.write_steps(room, number, steps)?;
            let readers = self.readers(room, number, effect)?;
            let cached = self.cache.peek(room).ok_or_else(internal)?;
            let entries = steps
                .iter()
                .filter_map(|step| self.entry(cached, *step))
                .collect();
            self.out.room(before, &cached.state, entries, readers);
        }
        if !mutation::on(Mutation::NoSendKeys) {
            let (key, sender) = (command.send_key, command.actor);
            self.writes.push(Write::Key {
                key,
                sender,
                room: number,
                first,
            });
        }
        Ok(())
    }

    fn write_steps(&mut self, room: RoomId, number: i64, steps: &[Step]) -> Result<(), Refusal> {
        let state = &self.cache.peek(room).ok_or_else(internal)?.state;
        for Step { rev, thing } in steps.iter().copied() {
            self.writes.push(Write::Change {
                room: number,
                rev,
                thing,
            });
            let Thing::Member(user) = thing else { continue };
            self.writes.push(match state.member(user) {
                Some(member) => Write::Member {
                    room: number,
                    user,
                    role: member.role,
                    visible_from: member.visible_from,
                },
                None => Write::MemberGone { room: number, user },
            });
        }
        self.writes.push(Write::Room {
            number,
            rev: state.rev,
            topic: state.topic.clone(),
            members: state.member_count,
            owners: state.owner_count,
        });
        Ok(())
    }

    /// What the effect means for each person it is about: their own list of rooms changes.
    fn readers(
        &mut self,
        room: RoomId,
        number: i64,
        effect: &Effect,
    ) -> Result<ReaderChange, Refusal> {
        match effect {
            Effect::Create { people } => {
                let people: Vec<_> = people.iter().map(|(user, _)| *user).collect();
                people
                    .iter()
                    .try_for_each(|user| self.came(room, number, *user))?;
                Ok(ReaderChange::Joined(people))
            }
            Effect::Come { user, .. } => {
                self.came(room, number, *user)?;
                Ok(ReaderChange::Joined(vec![*user]))
            }
            Effect::Go { user } => {
                let rev = self.membership(number, *user)?;
                self.out.user(*user, rev, Entry::user_room_gone(rev, room));
                self.person(*user)?.facts.rooms = self.person(*user)?.facts.rooms.saturating_sub(1);
                Ok(ReaderChange::Left(*user))
            }
            Effect::Role { user, .. } => {
                self.list_entry(room, number, *user)?;
                Ok(ReaderChange::None)
            }
            Effect::Topic { .. } | Effect::Post { .. } | Effect::Nothing | Effect::Repeat(_) => {
                Ok(ReaderChange::None)
            }
        }
    }

    fn came(&mut self, room: RoomId, number: i64, user: UserId) -> Result<(), Refusal> {
        self.person(user)?.facts.rooms += 1;
        let seq = self
            .cache
            .peek(room)
            .and_then(|cached| cached.state.member(user))
            .map_or(0, |member| member.read);
        if seq > 0 {
            let rev = self.next_rev(user)?;
            self.writes.push(Write::Marker {
                user,
                room: number,
                seq,
                rev,
            });
        }
        self.list_entry(room, number, user)
    }

    fn list_entry(&mut self, room: RoomId, number: i64, user: UserId) -> Result<(), Refusal> {
        let rev = self.membership(number, user)?;
        let gone = self.found.gone.get(&(room, user)).copied().unwrap_or(0);
        let state = &self.cache.peek(room).ok_or_else(internal)?.state;
        self.out.user(
            user,
            rev,
            Entry::user_room(rev, &collect::summary(state, user, gone)),
        );
        Ok(())
    }

    /// Notes that the person's membership changed, at their next rev.
    fn membership(&mut self, room: i64, user: UserId) -> Result<u64, Refusal> {
        let rev = self.next_rev(user)?;
        self.writes.push(Write::Membership { user, room, rev });
        Ok(rev)
    }

    fn entry(&self, cached: &CachedRoom, step: Step) -> Option<Entry> {
        match step.thing {
            Thing::Details => Some(collect::details(&cached.state, step.rev)),
            Thing::Member(user) => {
                let person = self.cache.people.peek(&user)?;
                Some(collect::member(&cached.state, user, person, step.rev))
            }
            Thing::Message { .. } => None,
        }
    }

    fn next_rev(&mut self, user: UserId) -> Result<u64, Refusal> {
        let person = self.person(user)?;
        person.rev += 1;
        Ok(person.rev)
    }

    fn person(&mut self, user: UserId) -> Result<&mut CachedPerson, Refusal> {
        self.cache.people.get_mut(&user).ok_or_else(internal)
    }
}

/// Something that was loaded is not there: a fault of this program, never of the asker.
fn internal() -> Refusal {
    Refusal::new(Code::INTERNAL)
}
