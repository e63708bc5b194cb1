//! What the rules of the person's own say is to be done.

use parlor_protocol::message::Timeline;
use parlor_protocol::sync::{Entry, Marker, SyncUser, UserEntry};
use parlor_protocol::{Extensions, RoomId};

use super::Engine;
use super::answer::Answer;
use super::room::{merge, show_bounds};
use crate::api::{Change, MessageId};
use crate::core::screen::lock;
use crate::store::RoomRow;
use crate::sync::UserStep;

impl Engine {
    pub(super) async fn user_steps(&mut self) {
        while let Some(step) = self.user.poll() {
            match step {
                UserStep::Ask { since } => {
                    let question = SyncUser {
                        since,
                        ext: Extensions::NONE,
                    };
                    self.ask(&question, |number, result| {
                        Answer::User(number, Box::new(result))
                    });
                }
                UserStep::Apply {
                    through: _,
                    entries,
                } => self.apply_user(&entries).await,
                UserStep::Heads(heads) => self.on_heads(heads).await,
                UserStep::KeepOnly(rooms) => {
                    let gone: Vec<RoomId> = {
                        let state = self.inner.state();
                        state
                            .rooms
                            .keys()
                            .filter(|room| !rooms.contains(room))
                            .copied()
                            .collect()
                    };
                    self.remove_rooms(&gone).await;
                    self.note_user_rev().await;
                }
                UserStep::Impossible => self.start_over().await,
            }
        }
    }

    async fn apply_user(&mut self, entries: &[Entry]) {
        let mut rooms: Vec<RoomRow> = Vec::new();
        let mut gone: Vec<RoomId> = Vec::new();
        let mut markers: Vec<Marker> = Vec::new();
        for entry in entries {
            match entry.open_user() {
                Ok(UserEntry::Room(summary)) => {
                    gone.retain(|room| *room != summary.room);
                    rooms.push(RoomRow::from(*summary));
                }
                Ok(UserEntry::RoomGone(of)) => {
                    rooms.retain(|row| row.room != of.room);
                    gone.push(of.room);
                }
                Ok(UserEntry::Marker(marker)) if marker.timeline == Timeline::ROOM => {
                    markers.push(marker)
                }
                Ok(UserEntry::Sessions) => self.tell(Change::Sessions),
                Ok(UserEntry::Marker(_) | UserEntry::Unknown(_)) => {}
                Err(error) => {
                    tracing::warn!(rev = entry.rev, %error, "an entry of one's own cannot be read")
                }
            }
        }
        self.put_rooms(rooms).await;
        self.remove_rooms(&gone).await;
        for marker in markers {
            self.put_marker(marker).await;
        }
        self.note_user_rev().await;
    }

    async fn put_rooms(&mut self, rows: Vec<RoomRow>) {
        if rows.is_empty() {
            return;
        }
        if let Err(error) = self.inner.content.put_rooms(&rows).await {
            self.tell_store(&error);
        }
        let muted = self.inner.outbox.muted().await.unwrap_or_default();
        let drafts = self.inner.outbox.drafts().await.unwrap_or_default();
        let mut state = self.inner.state();
        for row in rows {
            let (room, read) = (row.room, row.read);
            self.markers.known(room, read);
            let is_new = !state.rooms.contains_key(&room);
            merge(&mut state, row);
            if let Some(known) = state.rooms.get_mut(&room).filter(|_| is_new) {
                known.muted = muted.contains(&room);
                known.draft = drafts
                    .iter()
                    .find(|(of, _)| *of == room)
                    .map(|(_, text)| text.clone())
                    .unwrap_or_default();
            }
            show_bounds(&mut state, room);
        }
        state.tell(Change::Rooms);
        drop(state);
        // New rooms may be wanted already.
        self.inner.poke();
    }

    /// The person is no member any more: what is held of these rooms goes.
    async fn remove_rooms(&mut self, rooms: &[RoomId]) {
        if rooms.is_empty() {
            return;
        }
        if let Err(error) = self.inner.content.remove_rooms(rooms).await {
            self.tell_store(&error);
        }
        self.inner.forget_lists();
        let mut state = self.inner.state();
        for room in rooms {
            self.rooms.remove(room);
            self.markers.forget(*room);
            state.rooms.remove(room);
            state.notified.remove(room);
            for screen in state.screens_of(*room) {
                lock(&screen).reset(1, 0);
            }
            for seq in state.shown.left(*room) {
                state.tell(Change::Withdraw(*room, MessageId::Seq(seq)));
            }
            state.tell(Change::RoomGone(*room));
        }
        state.tell(Change::Rooms);
    }

    async fn put_marker(&mut self, marker: Marker) {
        let Marker {
            room,
            timeline: _,
            seq,
            unread_gone,
            ext: _,
        } = marker;
        self.markers.known(room, seq);
        if let Err(error) = self.inner.content.put_marker(room, seq, unread_gone).await {
            self.tell_store(&error);
        }
        let mut state = self.inner.state();
        if let Some(known) = state
            .rooms
            .get_mut(&room)
            .filter(|known| known.row.read <= seq)
        {
            known.row.read = seq;
            known.row.unread_gone = unread_gone;
        }
        for seq in state.shown.read(room, seq) {
            state.tell(Change::Withdraw(room, MessageId::Seq(seq)));
        }
        state.tell(Change::Rooms);
    }

    /// What is held of the person's own, once it is whole.
    async fn note_user_rev(&mut self) {
        let held = self.user.held();
        if let Err(error) = self.inner.content.set_user_rev(held).await {
            self.tell_store(&error);
        }
        let epoch = self
            .inner
            .content
            .meta()
            .await
            .ok()
            .and_then(|meta| meta.epoch);
        self.entry.hold(epoch.map_or(0, |epoch| epoch.0), held);
    }
}
