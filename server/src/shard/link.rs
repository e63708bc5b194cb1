//! One link as the shard holds it.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};
use std::time::Instant;

use bytes::Bytes;
use parlor_protocol::tcp::LinkToken;
use parlor_protocol::{Refusal, RoomId};
use tokio::sync::{Notify, oneshot};

use super::hub::Depth;
use super::{Lane, LinkRef, Who};
use crate::guard::rate;
use crate::net::{Connection, Gather, Outbound};

/// Tag of a queued frame that belongs to no room's batches: losing it means that the person's own
/// entries must be pulled.
pub(super) const TAG_USER: u32 = u32::MAX;
/// Tag of coalesced heads: losing them means that they are sent again.
pub(super) const TAG_HEADS: u32 = u32::MAX - 1;
/// Requests in flight of one link, by weight: see [`super::ReplyAddress::weight`].
pub(super) const IN_FLIGHT: u32 = parlor_protocol::limit::REQUESTS_IN_FLIGHT as u32;
/// Replies that wait for a link, bytes: above it no further request is read.
const REPLIES_BYTES: usize = 256 * 1024;

pub(crate) struct Link {
    pub(crate) generation: u32,
    pub(crate) connection: Connection,
    pub(crate) control: Option<Outbound>,
    pub(crate) command: Option<Outbound>,
    pub(crate) push: Option<Outbound>,
    /// Over TCP: by what its bulk transfers name it, and how many there are.
    pub(crate) token: Option<LinkToken>,
    pub(crate) bulks: u8,
    pub(crate) who: Option<Who>,
    /// Granted: pushes flow.
    pub(crate) entered: bool,
    /// Its session is over: only what is queued still leaves.
    pub(crate) ended: bool,
    /// When it was last asked to go to another node.
    pub(crate) asked_away: Option<Instant>,
    /// Decided against while its entry was being decided: told when that decision comes.
    pub(crate) turned_away: Option<Box<Refusal>>,
    /// Where it came from, as it is counted there.
    pub(crate) counted_at: rate::Who,
    /// When its session was last noted as seen, ms since the Unix epoch.
    pub(crate) seen_ms: u64,
    /// The client takes zstd.
    pub(crate) zstd: bool,
    /// Whether the link stands in one of the flusher's lists.
    pub(crate) dirty: bool,
    pub(crate) last_flush: Instant,
    pub(crate) in_flight: u32,
    /// Rooms of the person, the few at full depth with when they were opened.
    pub(crate) rooms: Vec<Joined>,
    /// Rooms asked to be opened whose access is being checked.
    opening: Vec<(RoomId, u32)>,
    wishes: u32,
    /// Rooms left while the list of rooms was being read.
    pub(crate) left: Vec<RoomId>,
    /// Rooms whose batches were dropped, by slot.
    pub(crate) behind: Vec<u32>,
    pub(crate) behind_user: bool,
    /// The person's own rev as far as it was pushed.
    pub(crate) user_rev: u64,
    /// Tells the link's task how its entry was decided.
    pub(crate) decision: Option<oneshot::Sender<bool>>,
    /// The link's task waits for requests in flight to be answered.
    pub(crate) stalled: Option<Waker>,
    waker: Option<Waker>,
}

/// A room that a link receives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Joined {
    pub(crate) slot: u32,
    pub(crate) depth: Depth,
    /// Order of opening; 0 for a room that was never opened.
    pub(crate) opened: u32,
    /// Heads of this room are due.
    pub(crate) heads: bool,
    /// The room's rev when it was joined here: what came before may be hidden from this person.
    pub(crate) since: u64,
    /// The person is no member: they look into a public room for as long as they have it open.
    pub(crate) visitor: bool,
}

impl Link {
    pub(super) fn new(generation: u32, connection: Connection, now: Instant) -> Self {
        Self {
            generation,
            counted_at: rate::Who::address(connection.address().ip()),
            connection,
            control: None,
            command: None,
            push: None,
            token: None,
            bulks: 0,
            who: None,
            entered: false,
            ended: false,
            asked_away: None,
            turned_away: None,
            seen_ms: 0,
            zstd: false,
            dirty: false,
            // Long ago: the first thing to write leaves at once.
            last_flush: now.checked_sub(super::flusher::TICK).unwrap_or(now),
            in_flight: 0,
            rooms: Vec::new(),
            opening: Vec::new(),
            wishes: 0,
            left: Vec::new(),
            behind: Vec::new(),
            behind_user: false,
            user_rev: 0,
            decision: None,
            stalled: None,
            waker: None,
        }
    }

    /// Queues a reply on the stream its request came on.
    pub(super) fn reply(&mut self, lane: Lane, frame: Bytes) {
        let stream = match lane {
            Lane::Control => &mut self.control,
            Lane::Command => &mut self.command,
        };
        if let Some(stream) = stream {
            stream.push(frame, TAG_USER);
        }
    }

    /// Queues a pushed frame. At the bound everything that has not begun to leave is dropped,
    /// this frame included, and what it was is remembered.
    pub(super) fn push(&mut self, frame: &Bytes, tag: u32, bound: usize) -> bool {
        if self.behind.contains(&tag) {
            return false;
        }
        let Some(push) = &mut self.push else {
            return false;
        };
        if push.queued_bytes() + frame.len() <= bound {
            push.push(frame.clone(), tag);
            return true;
        }
        let mut dropped = vec![tag];
        push.drop_unstarted(|tag| dropped.push(tag));
        dropped.into_iter().for_each(|tag| self.fell_behind(tag));
        false
    }

    /// The room's rev when this link came to it; 0 for one that it does not have.
    pub(super) fn since(&mut self, slot: u32) -> u64 {
        self.joined(slot).map_or(0, |joined| joined.since)
    }

    pub(super) fn fell_behind(&mut self, tag: u32) {
        match tag {
            TAG_USER => self.behind_user = true,
            TAG_HEADS => self
                .rooms
                .iter_mut()
                .for_each(|joined| joined.heads |= joined.depth == Depth::Light),
            slot if self.behind.contains(&slot) => {}
            slot => self.behind.push(slot),
        }
    }

    /// Writes what the transport takes of all streams. `false`: a stream is gone.
    pub(super) fn flush(
        &mut self,
        gather: &mut Gather,
        at: LinkRef,
        writable: &Arc<Writable>,
    ) -> bool {
        self.dirty = false;
        let waker = &mut self.waker;
        // Made when the link first blocks, which most links never do.
        let mut blocked = || {
            waker
                .get_or_insert_with(|| {
                    Waker::from(Arc::new(LinkWaker {
                        at,
                        writable: writable.clone(),
                    }))
                })
                .clone()
        };
        let streams = [&mut self.control, &mut self.command, &mut self.push];
        let good = self.connection.flush(streams, gather, &mut blocked);
        self.unstall();
        good
    }

    /// Whether the next request may be read: not while a client leaves its answers lying, on
    /// whichever stream it asked.
    pub(super) fn takes_requests(&self) -> bool {
        let is_read = |stream: &Option<Outbound>| {
            stream
                .as_ref()
                .is_none_or(|stream| stream.queued_bytes() < REPLIES_BYTES)
        };
        self.in_flight < IN_FLIGHT && is_read(&self.command) && is_read(&self.control)
    }

    /// A request was answered.
    pub(super) fn answered(&mut self, weight: u8) {
        self.in_flight = self.in_flight.saturating_sub(weight.into());
        self.unstall();
    }

    /// Notes that the room is to be opened. What is refused stays noted: the oldest goes when there
    /// are more than can be asked at one time. The wish's number, by which it is granted: a wish
    /// that was undone is not brought back by a later one for the same room.
    pub(crate) fn note_opening(&mut self, room: RoomId) -> u32 {
        if self.opening.len() >= IN_FLIGHT as usize {
            self.opening.remove(0);
        }
        self.wishes = self.wishes.wrapping_add(1);
        self.opening.push((room, self.wishes));
        self.wishes
    }

    /// Takes a wish that is granted; `false` when it was undone.
    pub(super) fn take_opening(&mut self, room: RoomId, number: u32) -> bool {
        let position = self.opening.iter().position(|it| *it == (room, number));
        position.is_some_and(|at| {
            self.opening.remove(at);
            true
        })
    }

    /// The room is not to be opened after all.
    pub(super) fn undo_opening(&mut self, room: RoomId) {
        self.opening.retain(|(other, _)| *other != room);
    }

    fn unstall(&mut self) {
        if self.takes_requests()
            && let Some(waker) = self.stalled.take()
        {
            waker.wake();
        }
    }

    pub(crate) fn joined(&mut self, slot: u32) -> Option<&mut Joined> {
        self.rooms.iter_mut().find(|joined| joined.slot == slot)
    }
}

/// Links that can be written again, told by wakers from any thread.
#[derive(Default)]
pub(super) struct Writable {
    links: Mutex<Vec<LinkRef>>,
    pub(super) notify: Notify,
}

impl Writable {
    pub(super) fn take(&self) -> Vec<LinkRef> {
        std::mem::take(&mut self.links.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct LinkWaker {
    at: LinkRef,
    writable: Arc<Writable>,
}

impl Wake for LinkWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.writable
            .links
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(self.at);
        self.writable.notify.notify_one();
    }
}
