//! What the server pushes.

use std::time::Instant;

use parlor_protocol::frame::Frame;
use parlor_protocol::room::Head;
use parlor_protocol::signal::{PresenceDigest, TypingDigest};
use parlor_protocol::sync::{Behind, Heads, RoomBatch, UserBatch, UserChanges};
use parlor_protocol::{Kind, Refusal, RoomId};

use super::Engine;
use crate::api::{Change, Presence, PresenceView};
use crate::core::screen::lock;
use crate::core::state::PRESENCE_FOR;
use crate::net::RequestError;
use crate::sync::RoomSync;

/// Rooms that rules are kept for; a server that pushes more than a person can be in is not believed.
const MAX_ROOMS: usize = parlor_protocol::limit::ROOMS_PER_USER;

impl Engine {
    pub(super) async fn on_push(&mut self, frame: Frame) {
        let now = Instant::now();
        // A body that cannot be read is as good as lost: the gap rule asks for it.
        match frame.header.kind {
            Kind::ROOM_BATCH => {
                if let Ok(batch) = frame.open::<RoomBatch>() {
                    let room = batch.room;
                    self.with_room(room, |sync| sync.batch(batch, now)).await;
                }
            }
            Kind::USER_BATCH => {
                if let Ok(batch) = frame.open::<UserBatch>() {
                    self.user.batch(batch, now);
                    self.user_steps().await;
                }
            }
            Kind::HEADS => {
                if let Ok(heads) = frame.open::<Heads>() {
                    self.on_heads(heads.heads).await;
                }
            }
            Kind::BEHIND => {
                if let Ok(Behind { head, ext: _ }) = frame.open::<Behind>() {
                    // Zeros for a room: entries of the person's own were dropped.
                    if head.room == RoomId::default() {
                        self.user.raise(head.rev, now);
                        self.user_steps().await;
                    } else {
                        self.on_heads(vec![head]).await;
                    }
                }
            }
            _ => {}
        }
    }

    /// Where rooms stand: counts for those that are closed, a hint for those that are open.
    pub(super) async fn on_heads(&mut self, heads: Vec<Head>) {
        let now = Instant::now();
        if let Err(error) = self.inner.content.put_heads(&heads).await {
            self.tell_store(&error);
        }
        {
            let mut state = self.inner.state();
            for Head { room, head, rev: _ } in &heads {
                let Some(known) = state
                    .rooms
                    .get_mut(room)
                    .filter(|known| known.row.head < *head)
                else {
                    continue;
                };
                known.row.head = *head;
                let (floor, head) = (known.row.first_seq(), known.row.head);
                for screen in state.screens_of(*room) {
                    lock(&screen).set_bounds(floor, head);
                    state.tell(Change::Timeline(*room));
                }
                state.tell(Change::Rooms);
            }
        }
        for Head { room, head: _, rev } in heads {
            if self.rooms.contains_key(&room) {
                self.with_room(room, |sync| sync.raise(rev, now)).await;
            }
        }
    }

    pub(super) async fn on_reply(&mut self, request: u32, frame: Frame) {
        if !self.entry.take_sync(request) {
            self.on_posted(request, &frame).await;
            return;
        }
        let now = Instant::now();
        match read::<UserChanges>(&frame) {
            Ok(changes) => self.user.changes(changes, now),
            Err(error) => self.user.failed(super::answer::again(&error), now),
        }
        self.user_steps().await;
    }

    pub(super) fn on_signal(&self, frame: &Frame) {
        match frame.header.kind {
            Kind::TYPING_DIGEST => {
                if let Ok(TypingDigest {
                    room,
                    people,
                    ext: _,
                }) = frame.open()
                {
                    let mut state = self.inner.state();
                    if let Some(known) = state.rooms.get_mut(&room) {
                        let now = Instant::now();
                        known.typing = people.into_iter().map(|user| (user, now)).collect();
                        state.tell(Change::Typing(room));
                    }
                }
            }
            Kind::PRESENCE_DIGEST => {
                if let Ok(digest) = frame.open::<PresenceDigest>() {
                    self.on_presence(digest);
                }
            }
            _ => {}
        }
    }

    fn on_presence(&self, digest: PresenceDigest) {
        let PresenceDigest {
            room,
            online,
            complete,
            people,
            ext: _,
        } = digest;
        let mut state = self.inner.state();
        let Some(known) = state.rooms.get_mut(&room) else {
            return;
        };
        let told = people
            .into_iter()
            .map(|person| (person.user, Presence::from(person.state)));
        let before = std::mem::take(&mut known.presence.people);
        let mut after: Vec<_> = if complete { Vec::new() } else { before };
        for (user, presence) in told {
            after.retain(|(other, _)| *other != user);
            if presence != Presence::Offline {
                after.push((user, presence));
                known.presence_told.insert(user, Instant::now());
            }
        }
        // The server names everyone anew twice in that time: who is named no more has gone.
        known
            .presence_told
            .retain(|_, at| at.elapsed() < PRESENCE_FOR);
        after.retain(|(user, _)| known.presence_told.contains_key(user));
        after.truncate(parlor_protocol::limit::PRESENCE_PEOPLE);
        known.presence = PresenceView {
            online,
            people: after,
        };
        known.presence_at = Some(Instant::now());
        let direct = known.row.direct_with.is_some();
        state.tell(Change::Presence(room));
        if direct {
            state.tell(Change::Rooms);
        }
    }

    /// Lets one room's rules take something, then does what they say.
    pub(super) async fn with_room(&mut self, room: RoomId, input: impl FnOnce(&mut RoomSync)) {
        if !self.rooms.contains_key(&room) {
            if self.rooms.len() >= MAX_ROOMS {
                return;
            }
            let held = self
                .inner
                .state()
                .rooms
                .get(&room)
                .and_then(|known| known.row.held);
            let mut sync = RoomSync::new(held);
            if self.link.is_some() {
                sync.link_up();
            }
            self.rooms.insert(room, sync);
        }
        if let Some(sync) = self.rooms.get_mut(&room) {
            input(sync);
        }
        self.room_steps(room).await;
    }
}

/// A reply as the engine's own frames bring it.
pub(super) fn read<R: parlor_protocol::Body>(frame: &Frame) -> Result<R, RequestError> {
    match frame.header.kind {
        Kind::REFUSED => Err(RequestError::Refused(frame.open::<Refusal>()?)),
        _ => Ok(frame.open()?),
    }
}
