//! Rooms, the groups of links that are flushed together, and the flusher's rules.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use parlor_protocol::message::{Message, MessageState, Post, Posted, Timeline};
use parlor_protocol::room::{Role, RoomKind, RoomSummary};
use parlor_protocol::sync::{Entry, RoomBatch, RoomChanges, RoomOpened};
use parlor_protocol::{Code, Extensions, Refusal, RoomId, UserId, frame};

use super::push::Push;

/// Links of a room are spread over so many groups, each flushed in its own part of the tick.
pub(super) const SLOTS: usize = 4;
/// A group is flushed at most once in this time while messages keep coming.
const TICK: Duration = Duration::from_millis(20);
/// Links that may be flushed out of turn in one tick: an eighth of what a core can flush. Where
/// rooms are small and many, a wait for the slot would be most of the latency and save little.
const AT_ONCE: u32 = 250;
/// Time between two slots.
pub(super) const SLOT: Duration = Duration::from_millis(TICK.as_millis() as u64 / SLOTS as u64);
/// Rooms that may exist: far more than any scenario asks for.
const ROOMS: usize = 100_000;

pub(super) type LinkId = u64;

#[derive(Default)]
pub(super) struct Hub {
    rooms: Vec<Room>,
    by_id: HashMap<RoomId, usize>,
    links: HashMap<LinkId, Push>,
    dirty: [Vec<usize>; SLOTS],
    /// Links that may still be flushed at once, though they were flushed lately.
    spare: u32,
    /// Links whose windows were full.
    late: Vec<LinkId>,
    next_link: LinkId,
}

struct Room {
    id: RoomId,
    seq: u64,
    rev: u64,
    members: u32,
    groups: [Group; SLOTS],
}

#[derive(Default)]
struct Group {
    links: Vec<LinkId>,
    pending: BytesMut,
    flushed: Option<Instant>,
}

impl Hub {
    /// Takes a link's push stream.
    pub(super) fn add(&mut self, stream: quinn::SendStream) -> LinkId {
        self.next_link += 1;
        self.links.insert(self.next_link, Push::new(stream));
        self.next_link
    }

    pub(super) fn remove(&mut self, link: LinkId, rooms: &[RoomId]) {
        self.links.remove(&link);
        for room in rooms {
            let Some(&at) = self.by_id.get(room) else {
                continue;
            };
            let room = &mut self.rooms[at];
            room.members -= 1;
            for group in &mut room.groups {
                group.links.retain(|&other| other != link);
            }
        }
    }

    /// Subscribes a link; the room comes into being with its first reader.
    pub(super) fn open(&mut self, link: LinkId, id: RoomId) -> Result<RoomOpened, Refusal> {
        let at = self.room(id)?;
        let room = &mut self.rooms[at];
        let group = (0..SLOTS)
            .min_by_key(|&slot| room.groups[slot].links.len())
            .unwrap_or(0);
        room.groups[group].links.push(link);
        room.members += 1;
        Ok(room.opened())
    }

    /// Gives a post its numbers and fans it out.
    pub(super) fn post(
        &mut self,
        author: UserId,
        post: Post,
        now: Instant,
    ) -> Result<Posted, Refusal> {
        let Some(&at) = self.by_id.get(&post.room) else {
            return Err(Refusal::new(Code::NOT_FOUND));
        };
        let room = &mut self.rooms[at];
        let before = room.rev;
        room.seq += 1;
        room.rev += 1;
        let posted = Posted {
            seq: room.seq,
            rev: room.rev,
            at_ms: super::serve::wall_ms(),
            ext: Extensions::NONE,
        };
        let message = Message {
            timeline: Timeline::ROOM,
            seq: posted.seq,
            author,
            at_ms: posted.at_ms,
            send_key: post.send_key,
            state: MessageState::PLAIN,
            text: post.text,
            long: None,
            ext: Extensions::NONE,
        };
        let batch = RoomBatch {
            room: room.id,
            before,
            rev: room.rev,
            entries: vec![Entry::message(room.rev, &message)],
            ext: Extensions::NONE,
        };
        self.fan_out(at, &frame::encode(0, &batch), now);
        Ok(posted)
    }

    /// A quiet group gets a frame at once, a busy one in its slot; a small room's groups at once as
    /// long as this tick has room for them.
    fn fan_out(&mut self, at: usize, bytes: &Bytes, now: Instant) {
        let at_once = self.rooms[at].members <= self.spare;
        if at_once {
            self.spare -= self.rooms[at].members;
        }
        for slot in 0..SLOTS {
            let group = &mut self.rooms[at].groups[slot];
            if group.links.is_empty() {
                continue;
            }
            let waits = !group.pending.is_empty();
            let quiet = group.flushed.is_none_or(|last| now - last >= TICK);
            if (quiet || at_once) && !waits {
                group.flushed = Some(now);
                write(&mut self.links, &mut self.late, &group.links, bytes);
                continue;
            }
            group.pending.extend_from_slice(bytes);
            if !waits {
                self.dirty[slot].push(at);
            }
        }
    }

    /// Flushes what became dirty in a slot since its last turn.
    pub(super) fn flush(&mut self, slot: usize, now: Instant) {
        self.spare = (self.spare + AT_ONCE / SLOTS as u32).min(AT_ONCE);
        for id in std::mem::take(&mut self.late) {
            match self.links.get_mut(&id).map(Push::retry) {
                Some(Ok(true)) => self.late.push(id),
                Some(Err(_)) => drop(self.links.remove(&id)),
                Some(Ok(false)) | None => {}
            }
        }
        for at in std::mem::take(&mut self.dirty[slot]) {
            let group = &mut self.rooms[at].groups[slot];
            let bytes = std::mem::take(&mut group.pending).freeze();
            group.flushed = Some(now);
            write(&mut self.links, &mut self.late, &group.links, &bytes);
        }
    }

    fn room(&mut self, id: RoomId) -> Result<usize, Refusal> {
        if let Some(&at) = self.by_id.get(&id) {
            return Ok(at);
        }
        if self.rooms.len() >= ROOMS {
            return Err(Refusal::new(Code::LIMIT));
        }
        self.rooms.push(Room {
            id,
            seq: 0,
            rev: 0,
            members: 0,
            groups: Default::default(),
        });
        self.by_id.insert(id, self.rooms.len() - 1);
        Ok(self.rooms.len() - 1)
    }
}

/// Gives every link the same bytes; one that takes no more is dropped, which ends its stream.
fn write(links: &mut HashMap<LinkId, Push>, late: &mut Vec<LinkId>, to: &[LinkId], bytes: &Bytes) {
    for id in to {
        match links.get_mut(id).map(|link| link.push(bytes.clone())) {
            Some(Ok(true)) => late.push(*id),
            Some(Err(_)) => drop(links.remove(id)),
            Some(Ok(false)) | None => {}
        }
    }
}

impl Room {
    fn opened(&self) -> RoomOpened {
        RoomOpened {
            summary: RoomSummary {
                room: self.id,
                kind: RoomKind::PUBLIC,
                name: String::new(),
                topic: String::new(),
                direct_with: None,
                role: Role::MEMBER,
                members: self.members,
                head: self.seq,
                floor: 1,
                rev: self.rev,
                visible_from: 1,
                read: 0,
                unread_gone: 0,
                ext: Extensions::NONE,
            },
            changes: RoomChanges {
                room: self.id,
                since: self.rev,
                through: self.rev,
                rev: self.rev,
                head: self.seq,
                floor: 1,
                reset: false,
                entries: Vec::new(),
                ext: Extensions::NONE,
            },
            page: None,
            ext: Extensions::NONE,
        }
    }
}
