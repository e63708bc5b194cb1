//! What happens in the world, step by step, from a seed.

use std::collections::{BTreeSet, VecDeque};

use parlor_protocol::{RoomId, SendKey, UserId};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Fault;
use super::client::{Client, Push};
use super::server::{Body, Entry, Post, Refusal, Room, Rules, Server, shown};
use crate::checker::{
    BackupHead, Event, HistoryRule, MemberChange, Place, Plan, Restore, TextHash,
};

const STEPS: usize = 1_500;
const CLIENTS: u8 = 6;
/// Clients from this one on only receive.
const FIRST_RECEIVER: usize = 4;
const ROOMS: u8 = 3;
/// Pushes a client deals with in one step, at most; they pile up in between.
const PUSHES_AT_ONCE: usize = 10;
/// Share of pushes that a link loses, and more of them at the end.
const PUSH_LOSS: f64 = 0.05;
const LAST_PUSH_LOSS: f64 = 0.3;
/// Share of messages at which a crash fault strikes.
const FAULT_SHARE: f64 = 0.1;
/// Rounds in which a quiet world must come to rest.
const SETTLE_ROUNDS: usize = 200;

pub(super) struct World {
    pub(super) server: Server,
    pub(super) clients: Vec<Client>,
    pub(super) plan: Plan,
    rng: ChaCha8Rng,
    fault: Option<Fault>,
    requests: VecDeque<(usize, Post)>,
    backup: Option<Server>,
    /// Who is still pushed to after a removal.
    forgotten: BTreeSet<(usize, UserId)>,
    push_loss: f64,
    clock_ms: u64,
    written: u64,
}

impl World {
    pub(super) fn new(seed: u64, fault: Option<Fault>) -> World {
        let rule = |index| match index {
            0 => HistoryRule::SinceJoining,
            _ => HistoryRule::Open,
        };
        let room = |index| Room::new(RoomId([index + 1; 16]), rule(index));
        let client = |index: u8| {
            // The last two are two devices of one person.
            let user = UserId([0xa0 + index.min(CLIENTS - 2); 16]);
            let fills_gaps = fault != Some(Fault::SkipGapFill);
            Client::new(format!("client {index}"), user, fills_gaps)
        };
        let mut world = World {
            server: Server {
                epoch: 1,
                rooms: (0..ROOMS).map(room).collect(),
            },
            clients: (0..CLIENTS).map(client).collect(),
            plan: Plan {
                restores: Vec::new(),
                outboxes_drained: true,
            },
            rng: ChaCha8Rng::seed_from_u64(seed),
            fault,
            requests: VecDeque::new(),
            backup: None,
            forgotten: BTreeSet::new(),
            push_loss: PUSH_LOSS,
            clock_ms: 1_000,
            written: 0,
        };
        for room in &mut world.server.rooms {
            for client in &world.clients {
                if !room.members.contains_key(&client.user) {
                    room.set_member(client.user, MemberChange::Joined);
                }
            }
        }
        world
    }

    /// The eventful part.
    pub(super) fn live(&mut self) {
        let restore_at = self.rng.random_range(STEPS / 2..STEPS);
        let backup_at = self.rng.random_range(STEPS / 4..restore_at);
        for step in 0..STEPS {
            self.clock_ms += self.rng.random_range(0..5);
            match step {
                _ if step == backup_at => self.backup = Some(self.server.clone()),
                _ if step == restore_at => self.restore(),
                _ => self.step(),
            }
        }
    }

    fn step(&mut self) {
        let client = self.rng.random_range(0..self.clients.len());
        match self.rng.random_range(0..100) {
            0..20 => self.write(client),
            20..40 => self.transmit(client),
            40..58 => {
                self.process_one();
            }
            58..80 => {
                for _ in 0..self.rng.random_range(1..PUSHES_AT_ONCE) {
                    self.clients[client].take_push(&self.server);
                }
            }
            80..84 => self.break_link(client),
            84..91 => self.connect(client),
            91..93 => self.edit(),
            93..95 => self.change_membership(),
            95 => self.raise_floor(),
            96..98 => self.mark(client),
            98 => self.sweep(client),
            _ => {
                if self.rng.random_bool(0.3) {
                    self.crash();
                }
            }
        }
    }

    /// Everybody is there, everything goes through; the last messages meet lossy links.
    pub(super) fn settle(&mut self) {
        self.come_to_rest();
        self.push_loss = LAST_PUSH_LOSS;
        for client in 0..FIRST_RECEIVER {
            for room in 0..self.server.rooms.len() {
                self.write_to(client, room, 0);
            }
        }
        self.come_to_rest();
        if self.fault != Some(Fault::NoSweep) {
            for client in 0..self.clients.len() {
                self.sweep(client);
            }
        }
        self.come_to_rest();
    }

    fn come_to_rest(&mut self) {
        for _ in 0..SETTLE_ROUNDS {
            let mut busy = false;
            for client in 0..self.clients.len() {
                self.connect(client);
                self.transmit(client);
                busy |= !self.clients[client].outbox.is_empty();
            }
            while self.process_one() {}
            for client in 0..self.clients.len() {
                while self.clients[client].take_push(&self.server) {}
            }
            if !busy {
                return;
            }
        }
    }

    fn write(&mut self, client: usize) {
        if client < FIRST_RECEIVER {
            let room = self.rng.random_range(0..self.server.rooms.len());
            // Mostly where one knows oneself a member; the others are refused.
            if !self.clients[client].rooms.contains_key(&room) && self.rng.random_bool(0.8) {
                return;
            }
            let has_root = self.server.rooms[room].timelines[&0].head > 0;
            // Threads stand in open rooms: whom a thread's past is shown to is not decided here.
            let may_thread = room > 0 && has_root;
            let timeline = u64::from(may_thread && self.rng.random_bool(0.2));
            self.write_to(client, room, timeline);
        }
    }

    fn write_to(&mut self, client: usize, room: usize, timeline: u64) {
        self.written += 1;
        let text = TextHash::of(&format!("message {}", self.written));
        let key = SendKey(u128::from(self.written).to_be_bytes());
        self.clients[client].write(room, timeline, key, text);
    }

    fn transmit(&mut self, client: usize) {
        if self.clients[client].online {
            let posts = self.clients[client].transmit(&self.server);
            self.requests
                .extend(posts.into_iter().map(|post| (client, post)));
        }
    }

    /// Deals with the oldest request, if there is one.
    fn process_one(&mut self) -> bool {
        let Some((client, post)) = self.requests.pop_front() else {
            return false;
        };
        if self.rng.random_bool(0.05) {
            self.answer_refused(client, post, Refusal::Busy);
            return true;
        }
        match self.fault {
            Some(Fault::AcknowledgeBeforeCommit | Fault::PublishBeforeCommit)
                if self.rng.random_bool(FAULT_SHARE) =>
            {
                self.claim_and_crash(client, post);
            }
            _ => self.commit(client, post),
        }
        true
    }

    fn commit(&mut self, client: usize, post: Post) {
        let rules = Rules {
            send_keys: self.fault != Some(Fault::NoSendKeys),
            predecessors: self.fault != Some(Fault::NoPredecessors),
        };
        let user = self.clients[client].user;
        let room = &mut self.server.rooms[post.room];
        match room.post(user, &post, self.clock_ms, rules) {
            Ok((receipt, entry)) => {
                if self.clients[client].online {
                    let push = Push::Acknowledged { post, receipt };
                    self.clients[client].inbox.push_back(push);
                }
                if let Some(entry) = entry {
                    self.publish(post.room, &entry);
                }
            }
            Err(refusal) => self.answer_refused(client, post, refusal),
        }
    }

    fn answer_refused(&mut self, client: usize, post: Post, refusal: Refusal) {
        if self.clients[client].online {
            self.clients[client].inbox.push_back(Push::Refused {
                send_key: post.send_key,
                refusal,
            });
        }
    }

    /// The faults in which something is said before it is true, and then never becomes true.
    fn claim_and_crash(&mut self, client: usize, post: Post) {
        let user = self.clients[client].user;
        let room = &mut self.server.rooms[post.room];
        if room.members.contains_key(&user) {
            let receipt = room.next_receipt(post.timeline);
            if self.fault == Some(Fault::AcknowledgeBeforeCommit) {
                let push = Push::Acknowledged { post, receipt };
                self.clients[client].inbox.push_back(push);
            } else {
                let entry = Entry {
                    rev: receipt.rev,
                    body: Body::Message(shown(user, &post, receipt)),
                };
                self.publish(post.room, &entry);
            }
            for client in &mut self.clients {
                while client.take_push(&self.server) {}
            }
        }
        self.crash();
    }

    /// Pushes to everyone in the room, over links that lose some.
    fn publish(&mut self, index: usize, entry: &Entry) {
        let room = &self.server.rooms[index];
        for client in &mut self.clients {
            let forgotten = self.forgotten.contains(&(index, client.user));
            let subscribed = room.members.contains_key(&client.user) || forgotten;
            if client.online && subscribed && !self.rng.random_bool(self.push_loss) {
                let entry = room.as_seen_by(client.user, entry.clone());
                client.inbox.push_back(Push::Entry { room: index, entry });
            }
        }
    }

    fn sweep(&mut self, client: usize) {
        let client = &mut self.clients[client];
        if client.online && self.fault != Some(Fault::NoSweep) {
            for (room, rev) in self.server.rooms.iter().map(|room| room.rev).enumerate() {
                client.inbox.push_back(Push::Head { room, rev });
            }
        }
    }

    fn connect(&mut self, client: usize) {
        if !self.clients[client].online {
            self.clients[client].connect(&self.server);
        }
    }

    /// What the link carried arrived or did not; no answer comes back.
    fn break_link(&mut self, client: usize) {
        self.clients[client].disconnect();
        let arrived = self.rng.random_bool(0.5);
        let (own, others) = self.requests.drain(..).partition(|(of, _)| *of == client);
        self.requests = others;
        let own: VecDeque<(usize, Post)> = own;
        for (_, post) in own.into_iter().filter(|_| arrived) {
            self.commit(client, post);
        }
    }

    fn crash(&mut self) {
        self.requests.clear();
        for client in &mut self.clients {
            client.disconnect();
        }
    }

    fn restore(&mut self) {
        let Some(backup) = self.backup.take() else {
            return;
        };
        self.crash();
        let of_epoch = self.server.epoch;
        self.server = backup;
        if self.fault == Some(Fault::NoNewEpoch) {
            return;
        }
        self.server.epoch = of_epoch + 1;
        let heads = self.server.rooms.iter().map(|room| BackupHead {
            room: room.id,
            rev: room.rev,
        });
        self.plan.restores.push(Restore {
            new_epoch: of_epoch + 1,
            of_epoch,
            heads: heads.collect(),
        });
    }

    fn edit(&mut self) {
        let index = self.rng.random_range(0..self.server.rooms.len());
        let room = &mut self.server.rooms[index];
        let timeline = *room.timelines.keys().next_back().unwrap();
        let rows = &room.timelines[&timeline].rows;
        let Some((&first, _)) = rows.first_key_value() else {
            return;
        };
        let seq = self.rng.random_range(first..first + rows.len() as u64);
        let deleted = self.rng.random_bool(0.3);
        self.written += 1;
        let text = TextHash::of(&format!("edit {}", self.written));
        let entry = room.edit(timeline, seq, (!deleted).then_some(text));
        self.publish(index, &entry);
    }

    fn raise_floor(&mut self) {
        let index = self.rng.random_range(0..self.server.rooms.len());
        let entry = self.server.rooms[index].raise_floor();
        self.publish(index, &entry);
    }

    /// The first client, who is never removed, removes people and lets them in again.
    fn change_membership(&mut self) {
        if !self.clients[0].online {
            return;
        }
        let index = self.rng.random_range(0..self.server.rooms.len());
        let of = self.rng.random_range(1..self.clients.len());
        let user = self.clients[of].user;
        let room = &mut self.server.rooms[index];
        let change = if room.members.contains_key(&user) {
            if self.rng.random_bool(0.6) {
                return;
            }
            MemberChange::Removed
        } else {
            MemberChange::Joined
        };
        let entry = room.set_member(user, change);
        let (room, rev) = (room.id, entry.rev);
        self.clients[0].events.push(Event::MembershipAcknowledged {
            room,
            user,
            change,
            rev,
        });
        if self.fault == Some(Fault::NoUnsubscribe) && change == MemberChange::Removed {
            self.forgotten.insert((index, user));
        } else {
            for client in &mut self.clients {
                if client.online && client.user == user {
                    client.inbox.push_back(Push::Member {
                        room: index,
                        change,
                        rev,
                    });
                }
            }
        }
        self.publish(index, &entry);
    }

    fn mark(&mut self, client: usize) {
        let index = self.rng.random_range(0..self.server.rooms.len());
        let client = &mut self.clients[client];
        let room = &mut self.server.rooms[index];
        let held = client.rooms.get(&index);
        let newest = held.and_then(|held| {
            let mut places = held.rows.keys();
            places.rfind(|(timeline, _)| *timeline == 0)
        });
        // A client with news from a server that crashed since holds more than there is.
        let Some(&(_, seq)) = newest.filter(|(_, seq)| *seq <= room.timelines[&0].head) else {
            return;
        };
        if client.online && client.epoch == self.server.epoch {
            let marker = room.markers.entry((0, client.user)).or_default();
            *marker = seq.max(*marker);
            let place = Place::new(room.id, 0, seq);
            client.events.push(Event::Marked { place });
        }
    }
}
