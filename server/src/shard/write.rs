//! Queues what links are to receive, and writes it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use parlor_protocol::limit::HEADS;
use parlor_protocol::room::Head;
use parlor_protocol::sync::{Behind, Heads};
use parlor_protocol::{Code, Extensions, RoomId, frame};
use slab::Slab;

use super::flusher::Flusher;
use super::link::{Link, TAG_HEADS, TAG_USER};
use super::loopback::LOOPBACK;
use super::state::{Shard, State};
use super::{Lane, LinkRef};
use crate::room::Span;

impl Shard {
    /// Writes the links of the flusher's next slot.
    pub(super) fn flush_slot(&self, late: Duration) {
        let mut state = self.state.borrow_mut();
        let links = state.flusher.take_slot(late);
        state.flush_list(&links, self, true);
        let now = Instant::now();
        for committed in state.delivering.left_by_slot() {
            let took = now.saturating_duration_since(committed);
            self.core.metrics.delivery.observe(took);
        }
        state.flusher.recycle(links);
        if !state.flusher.is_waiting() {
            state.gather.clear();
        }
    }
}

impl State {
    pub(crate) fn reply(&mut self, at: LinkRef, lane: Lane, frame: Bytes) {
        if let Some(link) = self.link(at) {
            link.reply(lane, frame);
            self.mark(at.index);
        }
    }

    /// Queues a batch of a room for everyone who reads it at full depth, and heads for the others.
    /// Whose person joined after the rev that it continues from may not see all of it, and is sent
    /// for what they may.
    pub(super) fn fan_out(
        &mut self,
        slot: u32,
        frames: &crate::room::BatchFrames,
        span: Span,
    ) -> u64 {
        let now = Instant::now();
        let Some(room) = self.hub.get(slot) else {
            return 0;
        };
        // Rare: a gap that was read, or a batch that a link has read already.
        let some_late = room.newest_since > span.before;
        let mut queued = 0;
        self.flusher.count(room.full.len(), now);
        for index in &room.full {
            let Some(link) = self.links.get_mut(*index as usize) else {
                if *index == LOOPBACK {
                    self.loopback.queued(&mut self.flusher);
                }
                continue;
            };
            match some_late.then(|| link.since(slot)) {
                Some(since) if since >= span.rev => continue,
                Some(since) if since > span.before => link.fell_behind(slot),
                _ if link.entered
                    && link.push(frames.for_reader(link.zstd), slot, self.outbound_bytes) =>
                {
                    queued += 1;
                }
                _ => {}
            }
            mark(&mut self.flusher, link, *index, now);
        }
        for index in &room.light {
            owe_heads(&mut self.links, &mut self.heads, *index, slot);
        }
        queued
    }

    /// Every link that reads the room is to pull what it misses.
    pub(super) fn all_fell_behind(&mut self, slot: u32) {
        let Some(room) = self.hub.get(slot) else {
            return;
        };
        let now = Instant::now();
        for index in &room.full {
            if let Some(link) = self.links.get_mut(*index as usize) {
                link.fell_behind(slot);
                mark(&mut self.flusher, link, *index, now);
            }
        }
        for index in &room.light {
            owe_heads(&mut self.links, &mut self.heads, *index, slot);
        }
    }

    pub(super) fn push_user(&mut self, index: u32, frame: &Bytes, rev: u64) {
        let bound = self.outbound_bytes;
        if let Some(link) = self
            .links
            .get_mut(index as usize)
            .filter(|link| link.entered)
        {
            link.user_rev = rev;
            link.push(frame, TAG_USER, bound);
            self.mark(index);
        }
    }

    /// Once a second: heads of rooms that are not open.
    pub(super) fn send_heads(&mut self) {
        for at in std::mem::take(&mut self.heads) {
            let bound = self.outbound_bytes;
            let Some(link) = self
                .links
                .get_mut(at.index as usize)
                .filter(|link| link.entered && link.generation == at.generation)
            else {
                continue;
            };
            let mut heads = Vec::new();
            for joined in link
                .rooms
                .iter_mut()
                .filter(|joined| joined.heads)
                .take(HEADS)
            {
                joined.heads = false;
                heads.extend(self.hub.get(joined.slot).map(|room| room.head));
            }
            if !heads.is_empty() {
                let frame = frame::encode(
                    0,
                    &Heads {
                        heads,
                        ext: Extensions::NONE,
                    },
                );
                link.push(&frame, TAG_HEADS, bound);
                // More than one frame holds, or dropped with a full queue: again in a second.
                if link.rooms.iter().any(|joined| joined.heads) {
                    self.heads.push(at);
                }
                self.mark(at.index);
            }
        }
    }

    pub(super) fn mark(&mut self, index: u32) {
        if let Some(link) = self.links.get_mut(index as usize) {
            let now = Instant::now();
            self.flusher.count(1, now);
            mark(&mut self.flusher, link, index, now);
        }
    }

    pub(super) fn flush_now(&mut self, shard: &Shard) {
        let links = self.flusher.take_now();
        if !links.is_empty() {
            self.flush_list(&links, shard, false);
        }
        self.flusher.recycle(links);
        let now = Instant::now();
        for committed in self.delivering.left_at_once() {
            let took = now.saturating_duration_since(committed);
            shard.core.metrics.delivery.observe(took);
        }
    }

    fn flush_list(&mut self, links: &[u32], shard: &Shard, by_slot: bool) {
        let now = Instant::now();
        for index in links {
            let Some(link) = self.links.get_mut(*index as usize) else {
                if *index == LOOPBACK {
                    self.loopback.flushed(&mut self.flusher, by_slot);
                }
                continue;
            };
            let at = LinkRef {
                index: *index,
                generation: link.generation,
            };
            link.last_flush = now;
            if !link.flush(&mut self.gather, at, &shard.writable) {
                link.connection
                    .close(Code::UNEXPECTED, "a stream was stopped");
            }
            if !link.behind.is_empty() || link.behind_user {
                self.catch_up(*index, shard);
            }
        }
        shard.core.metrics.flushes.add(links.len() as u64);
    }

    /// Tells a link that fell behind where it may pull from, once its queue is empty again.
    pub(super) fn catch_up(&mut self, index: u32, shard: &Shard) {
        let Some(link) = self.links.get_mut(index as usize) else {
            return;
        };
        if !link.entered || link.push.as_ref().is_none_or(|push| !push.is_empty()) {
            return;
        }
        if link.rooms.iter().any(|joined| joined.heads) {
            // Heads may have been dropped with the rest. Asked for twice, they are sent once.
            self.heads.push(LinkRef {
                index,
                generation: link.generation,
            });
        }
        let lost = std::mem::take(&mut link.behind);
        let lost_user = std::mem::take(&mut link.behind_user);
        let user_rev = link.user_rev;
        // Each under the tag of what it speaks of: dropped in its turn, it is told again.
        let behind: Vec<(u32, Head)> = lost
            .into_iter()
            // A room left meanwhile is no business of this link, nor is who has its slot now.
            .filter(|slot| link.joined(*slot).is_some())
            .filter_map(|slot| Some((slot, self.hub.get(slot)?.head)))
            .chain(lost_user.then(|| {
                let own = Head {
                    room: RoomId::default(),
                    head: 0,
                    rev: user_rev,
                };
                (TAG_USER, own)
            }))
            .collect();
        shard.core.metrics.slow_links.add(1);
        for (tag, head) in behind {
            let frame = frame::encode(
                0,
                &Behind {
                    head,
                    ext: Extensions::NONE,
                },
            );
            link.push(&frame, tag, usize::MAX);
        }
        let at = LinkRef {
            index,
            generation: link.generation,
        };
        link.flush(&mut self.gather, at, &shard.writable);
    }

    /// Links that can be written again.
    pub(super) fn writable(&mut self, links: Vec<LinkRef>) {
        for at in links {
            if self.link(at).is_some() {
                self.mark(at.index);
            }
        }
    }
}

/// Heads are due to a link that does not have the room open.
fn owe_heads(links: &mut Slab<Link>, heads: &mut Vec<LinkRef>, index: u32, slot: u32) {
    // Who enters hears of all heads when they ask for what is theirs.
    let Some(link) = links.get_mut(index as usize).filter(|link| link.entered) else {
        return;
    };
    let first = !link.rooms.iter().any(|joined| joined.heads);
    if let Some(joined) = link.joined(slot) {
        joined.heads = true;
    }
    if first {
        heads.push(LinkRef {
            index,
            generation: link.generation,
        });
    }
}

pub(super) fn mark(flusher: &mut Flusher, link: &mut Link, index: u32, now: Instant) {
    if !link.dirty {
        link.dirty = true;
        flusher.mark(index, now.saturating_duration_since(link.last_flush));
    }
}
