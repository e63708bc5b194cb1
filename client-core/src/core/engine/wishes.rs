//! What faces want: rooms open, markers sent, drafts kept, names asked.

use std::collections::HashSet;
use std::time::Instant;

use parlor_protocol::limit::OPEN_ROOMS;
use parlor_protocol::message::{Mark, Timeline};
use parlor_protocol::{Extensions, RoomId};

use super::answer::Answer;
use super::{DRAFTS_EVERY, Engine};
use crate::core::state::now_ms;
use crate::net::Supervisor;

/// Everything a face wanted since the last look.
struct Taken {
    held: HashSet<RoomId>,
    left: HashSet<RoomId>,
    marks: Vec<(RoomId, u64)>,
    drafts: HashSet<RoomId>,
    wake: bool,
    outbox_grew: bool,
    discarded: Vec<parlor_protocol::SendKey>,
}

impl Engine {
    pub(super) async fn on_wishes(&mut self) {
        let taken = self.take_wishes();
        if taken.wake {
            self.supervisor.iter_mut().for_each(|supervisor| {
                supervisor.route_changed();
                supervisor.retry_now();
            });
        }
        for (room, seq) in taken.marks {
            self.markers.want(room, seq);
        }
        for room in taken.left {
            self.markers.left(room);
        }
        self.open_rooms(taken.held).await;
        if !taken.drafts.is_empty() {
            self.drafts.extend(taken.drafts);
            self.drafts_at.get_or_insert(Instant::now() + DRAFTS_EVERY);
        }
        if taken.outbox_grew {
            self.queue_rows();
        }
        for key in taken.discarded {
            self.discard(key);
        }
        self.send_markers(false);
    }

    /// Asks for names that screens lack, one page of them at a time.
    pub(super) fn ask_names(&mut self) {
        let lacking = !self.inner.state().wishes.unknown.is_empty();
        if lacking && self.link.is_some() && !self.asking_names {
            self.asking_names = true;
            let (inner, answers) = (self.inner.clone(), self.answers.0.clone());
            tokio::spawn(async move {
                inner.ask_unknown().await;
                // An engine that has ended wants no answers.
                let _ = answers.send(Answer::Named).await;
            });
        }
    }

    fn take_wishes(&mut self) -> Taken {
        let mut state = self.inner.state();
        let wishes = &mut state.wishes;
        let attention = wishes.attention;
        let taken = Taken {
            held: wishes.holds.keys().copied().collect(),
            left: std::mem::take(&mut wishes.left),
            marks: wishes.marks.drain().collect(),
            drafts: std::mem::take(&mut wishes.drafts),
            wake: std::mem::take(&mut wishes.wake),
            outbox_grew: std::mem::take(&mut wishes.outbox_grew),
            discarded: std::mem::take(&mut wishes.discarded),
        };
        self.supervisor
            .iter_mut()
            .for_each(|supervisor: &mut Supervisor<_>| supervisor.set_attention(attention));
        taken
    }

    /// Rooms on screen are open, and those that were lately, as many as a link takes.
    async fn open_rooms(&mut self, held: HashSet<RoomId>) {
        let mut recent: Vec<(u64, RoomId)> = {
            let state = self.inner.state();
            let known = state
                .rooms
                .values()
                .filter(|room| !held.contains(&room.row.room));
            known
                .filter(|room| room.row.opened_at_ms > 0)
                .map(|room| (room.row.opened_at_ms, room.row.room))
                .collect()
        };
        recent.sort_unstable_by(|one, other| other.cmp(one));
        let bound = self
            .inner
            .options
            .recent_rooms
            .min(OPEN_ROOMS.saturating_sub(held.len()));
        let mut wanted = held.clone();
        wanted.extend(recent.iter().take(bound).map(|(_, room)| *room));
        let open: Vec<RoomId> = self
            .rooms
            .iter()
            .filter(|(_, sync)| sync.is_wanted())
            .map(|(room, _)| *room)
            .collect();
        for room in &wanted {
            if !open.contains(room) {
                self.note_opened(*room, held.contains(room)).await;
                self.with_room(*room, crate::sync::RoomSync::want).await;
            }
        }
        // A direct room that was pushed stays open as long as there is a place for it.
        let surplus = open.len().saturating_sub(OPEN_ROOMS);
        let closable: Vec<RoomId> = open
            .into_iter()
            .filter(|room| !wanted.contains(room))
            .collect();
        let recent_enough = self.inner.options.recent_rooms == 0;
        for room in closable
            .into_iter()
            .take(if recent_enough { usize::MAX } else { surplus })
        {
            self.with_room(room, crate::sync::RoomSync::unwant).await;
        }
    }

    async fn note_opened(&mut self, room: RoomId, on_screen: bool) {
        if !on_screen {
            return;
        }
        let now = now_ms();
        if let Some(known) = self.inner.state().rooms.get_mut(&room) {
            known.row.opened_at_ms = now;
        }
        // Not noted, the room is only less recent after the next start.
        let _ = self.inner.content.put_opened(room, now).await;
    }

    /// Sends read markers that are due.
    pub(super) fn send_markers(&mut self, all: bool) {
        if self.link.is_none() {
            return;
        }
        for (room, seq) in self.markers.take_due(Instant::now(), all) {
            let question = Mark {
                room,
                timeline: Timeline::ROOM,
                seq,
                ext: Extensions::NONE,
            };
            self.ask(&question, move |_, result| {
                Answer::Marked(room, seq, result)
            });
        }
    }

    /// Keeps markers that the server does not have for the next start.
    pub(super) async fn keep_markers(&mut self) {
        for (room, seq) in self.markers.unsent() {
            if let Err(error) = self.inner.outbox.put_marker(room, seq).await {
                tracing::warn!(%error, "a read marker was not kept");
            }
        }
    }

    pub(super) async fn load_markers(&mut self) {
        match self.inner.outbox.markers().await {
            Ok(markers) => markers
                .into_iter()
                .for_each(|(room, seq)| self.markers.want(room, seq)),
            Err(error) => self.tell_store(&error),
        }
    }

    pub(super) async fn forget_kept_marker(&mut self, room: RoomId) {
        // Kept too long it is sent once more, and changes nothing.
        let _ = self.inner.outbox.forget_marker(room).await;
    }

    pub(super) async fn write_drafts(&mut self) {
        self.drafts_at = None;
        for room in std::mem::take(&mut self.drafts) {
            let text = self
                .inner
                .state()
                .rooms
                .get(&room)
                .map(|known| known.draft.clone());
            let Some(text) = text else { continue };
            if let Err(error) = self.inner.outbox.put_draft(room, &text, now_ms()).await {
                self.tell_store(&error);
            }
        }
    }
}
